//! The object storage behind a server, as any S3 client sees it.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{Credentials, Region};
use serde::Deserialize;

use super::server::Server;

/// A client for the storage of one data folder. It works as long as something serves that folder.
#[derive(Clone)]
pub struct Storage {
    client: Client,
}

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub bytes: Vec<u8>,
    pub content_type: String,
    pub cache_control: String,
}

/// D/storage.json
#[derive(Deserialize)]
struct Settings {
    access_key_id: String,
    secret_access_key: String,
    objects_port: u16,
}

impl Server {
    /// The objects of this server.
    pub fn storage(&self) -> Storage {
        Storage::of(&self.data_dir())
    }
}

/// Makes the objects of a data folder under `prefix` look as if they had been written so many days earlier.
pub fn make_older(data_dir: &Path, bucket: &str, prefix: &str, days: u32) {
    let index = rusqlite::Connection::open(data_dir.join("objects/index.db")).expect("the index is there");
    let older =
        "UPDATE objects SET modified = modified - ?1 WHERE bucket = ?2 AND substr(key, 1, ?3) = CAST(?4 AS BLOB)";
    let milliseconds = i64::from(days) * 24 * 3600 * 1000;
    let length = i64::try_from(prefix.len()).expect("a short prefix");
    let changed = index.execute(older, rusqlite::params![milliseconds, bucket, length, prefix]);
    assert!(changed.expect("the index can be written") > 0, "there is nothing under {prefix}");
}

impl Storage {
    /// The objects of a data folder.
    pub fn of(data_dir: &Path) -> Self {
        let settings = std::fs::read(data_dir.join("storage.json")).expect("storage.json is there");
        let settings: Settings = serde_json::from_slice(&settings).expect("storage.json is whole");
        let keys = Credentials::new(settings.access_key_id, settings.secret_access_key, None, None, "test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://127.0.0.1:{}", settings.objects_port))
            .credentials_provider(keys)
            .retry_config(RetryConfig::disabled())
            .force_path_style(true)
            .build();
        Self { client: Client::from_conf(config) }
    }

    /// Every key under `prefix`, with its size.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Vec<(String, i64)> {
        let mut pages = self.client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.expect("the bucket can be listed");
            let objects = page.contents.unwrap_or_default().into_iter();
            found.extend(objects.map(|object| (object.key.expect("a key"), object.size.expect("a size"))));
        }
        found
    }

    /// An object with its headers; `None` when there is none of that key.
    pub async fn get(&self, bucket: &str, key: &str) -> Option<Stored> {
        let object = match self.client.get_object().bucket(bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return None,
            Err(error) => panic!("{bucket}/{key} cannot be read: {error:?}"),
        };
        let content_type = object.content_type().unwrap_or_default().to_owned();
        let cache_control = object.cache_control().unwrap_or_default().to_owned();
        let bytes = object.body.collect().await.expect("the whole object arrives").to_vec();
        Some(Stored { bytes, content_type, cache_control })
    }

    /// The ETag of an object; `None` when there is none, or the storage does not answer.
    pub async fn etag(&self, bucket: &str, key: &str) -> Option<String> {
        let head = self.client.head_object().bucket(bucket).key(key).send().await.ok()?;
        head.e_tag.map(|etag| etag.trim_matches('"').to_owned())
    }

    pub async fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let put = self.client.put_object().bucket(bucket).key(key).body(bytes.to_vec().into());
        put.send().await.expect("the object can be written");
    }

    /// Writes an object with its headers.
    pub async fn put_as(&self, bucket: &str, key: &str, object: &Stored) {
        let put = self.client.put_object().bucket(bucket).key(key).body(object.bytes.clone().into());
        let put = put.content_type(&object.content_type).cache_control(&object.cache_control);
        put.send().await.expect("the object can be written");
    }

    pub async fn delete(&self, bucket: &str, key: &str) {
        self.client.delete_object().bucket(bucket).key(key).send().await.expect("the object can be removed");
    }
}
