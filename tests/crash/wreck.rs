//! What a crash left in the data folder, looked at before any server carries on.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::version::Version;
use crate::local::dynamodb_client;
use crate::support::{Storage, Stored};

/// The bucket and the records as they lie in the folder.
pub struct Wreck {
    /// Every object of the bucket that the two versions have to do with.
    bucket: BTreeMap<String, Stored>,
    /// Every key of the bucket.
    pub keys: Vec<(String, i64)>,
    tables: HashMap<&'static str, Vec<Record>>,
}

type Record = HashMap<String, AttributeValue>;

/// How much of the new version was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    Old,
    SomeAssets,
    AllAssets,
    SomePages,
    New,
}

impl Wreck {
    /// Opens the storage of a data folder without the server, reads, and closes it again.
    pub async fn open(data_dir: &Path, bucket: &str, old: &Version, new: &Version) -> Self {
        let stop = CancellationToken::new();
        let opened = embedded_aws::start(data_dir, IpAddr::V4(Ipv4Addr::LOCALHOST), stop.clone()).await;
        let opened = opened.expect("the storage opens after a crash");

        let storage = Storage::of(data_dir);
        let keys = storage.list(bucket, "").await;
        let wanted =
            keys.iter().map(|(key, _)| key).filter(|key| old.files.contains_key(*key) || new.files.contains_key(*key));
        let read = |key: String| async { (storage.get(bucket, &key).await, key) };
        let objects: Vec<_> = stream::iter(wanted.cloned()).map(read).buffer_unordered(16).collect().await;
        let objects = objects.into_iter().map(|(object, key)| (key, object.expect("a listed object is there")));

        let dynamodb = dynamodb_client(opened.records, &opened.credentials);
        let mut tables = HashMap::new();
        for table in ["projects", "requests", "deploy-history", "deploy-locks"] {
            let scan = dynamodb.scan().table_name(format!("bouncer-{table}")).into_paginator().items().send();
            let rows = scan.collect::<Result<Vec<_>, _>>().await.expect("the records can be read");
            tables.insert(table, rows);
        }
        let bucket = objects.collect();
        drop((storage, dynamodb));
        stop.cancel();
        opened.stopped().await;
        Self { bucket, keys, tables }
    }

    /// Checks what a visitor would get, and says how far the new version had come.
    pub fn judge(&self, old: &Version, new: &Version) -> Found {
        let index = self.bucket.get("index.html").expect("there is an index.html at every moment");
        for (path, found) in &self.bucket {
            let (before, after) = (old.files.get(path), new.files.get(path));
            assert!(Some(found) == before || Some(found) == after, "{path} is neither the old file nor the new one");
            if Version::is_page(path) {
                for reference in Version::references(found) {
                    let version = if after == Some(found) { new } else { old };
                    let served = self.bucket.get(&reference);
                    assert!(served.is_some(), "{path} refers to {reference}, which is not there");
                    assert!(served == version.files.get(&reference), "{path} refers to {reference}, which is another");
                }
            }
        }
        let changed: Vec<&String> = new.changed_since(old).collect();
        let there = |path: &&&String| self.bucket.get(**path) == new.files.get(**path);
        let (pages, assets): (Vec<&String>, Vec<&String>) =
            changed.into_iter().partition(|path| Version::is_page(path));
        let (pages_there, assets_there) = (pages.iter().filter(there).count(), assets.iter().filter(there).count());
        if pages_there > 0 {
            assert_eq!(assets_there, assets.len(), "a new page was there before all of its site's assets");
        }
        if new.files.get("index.html") == Some(index) {
            assert_eq!(pages_there, pages.len(), "the new entry page was there before the other pages");
        }
        match (assets_there, pages_there) {
            (_, n) if n == pages.len() => Found::New,
            (_, 1..) => Found::SomePages,
            (n, 0) if n == assets.len() => Found::AllAssets,
            (1.., _) => Found::SomeAssets,
            _ => Found::Old,
        }
    }

    /// The one row of a table whose attribute has this text.
    pub fn row(&self, table: &str, attribute: &str, value: &str) -> Option<&Record> {
        let mut rows = self.tables[table].iter().filter(|row| text(row, attribute) == Some(value));
        let found = rows.next();
        assert!(rows.next().is_none(), "more than one row of {table} has {attribute} {value}");
        found
    }

    pub fn rows(&self, table: &str) -> &[Record] {
        &self.tables[table]
    }
}

/// An attribute that is text.
pub fn text<'r>(row: &'r Record, attribute: &str) -> Option<&'r str> {
    row.get(attribute).and_then(|value| value.as_s().ok()).map(String::as_str)
}
