//! Listing keys in the order of their bytes, with prefixes, delimiters and pages.

use rusqlite::params;

use super::fault::Outcome;
use super::index::{Index, require_bucket};
use super::object::Millis;

/// What to list.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) bucket: String,
    pub(super) prefix: String,
    /// Keys that share what comes before this, after the prefix, are listed as one. Never empty.
    pub(super) delimiter: Option<String>,
    /// Only entries greater than this are listed; the name of an entry continues after it.
    pub(super) after: String,
    pub(super) limit: usize,
}

/// One line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Object { key: String, size: u64, etag: String, modified: Millis },
    CommonPrefix(String),
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Object { key, .. } => key,
            Self::CommonPrefix(prefix) => prefix,
        }
    }
}

/// At most `limit` entries, and whether there are more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    pub(super) truncated: bool,
}

impl Listing {
    /// The common prefix that stands for this key, if one does.
    fn group<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter.as_deref()?;
        let rest = key.strip_prefix(self.prefix.as_str())?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        key.get(..end)
    }

    /// The first key that can be on the page.
    fn start(&self) -> Vec<u8> {
        let after = self.after.as_bytes();
        let next = match self.group(&self.after) {
            _ if after.is_empty() => Vec::new(),
            // A group is named by its prefix, which is not greater than what it is a prefix of.
            Some(group) => past(group),
            None => [after, &[0]].concat(),
        };
        next.max(self.prefix.as_bytes().to_vec())
    }
}

/// The smallest string greater than every key with this prefix. UTF-8 has no byte 0xFF, so adding one never overflows.
fn past(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    match bytes.last_mut() {
        Some(last) => *last = last.saturating_add(1),
        None => bytes.push(0xFF),
    }
    bytes
}

impl Index {
    /// One page, as of one moment. A group costs one lookup however many keys it has.
    pub(super) fn list(&self, listing: &Listing) -> Outcome<Page> {
        let mut index = self.read();
        let moment = index.transaction()?;
        require_bucket(&moment, &listing.bucket)?;
        let mut page = Page::default();
        if listing.limit == 0 {
            return Ok(page);
        }
        let select = "SELECT key, size, etag, modified FROM objects
                      WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key";
        let mut select = moment.prepare_cached(select)?;
        let (mut from, until) = (listing.start(), past(&listing.prefix));
        'groups: loop {
            let mut rows = select.query(params![listing.bucket, from, until])?;
            while let Some(row) = rows.next()? {
                if page.entries.len() == listing.limit {
                    page.truncated = true;
                    return Ok(page);
                }
                let key: Vec<u8> = row.get(0)?;
                let key = String::from_utf8(key).map_err(|error| super::Fault::Damaged(error.to_string()))?;
                if let Some(group) = listing.group(&key) {
                    from = past(group);
                    page.entries.push(Entry::CommonPrefix(group.to_owned()));
                    continue 'groups;
                }
                page.entries.push(Entry::Object {
                    key,
                    size: row.get(1)?,
                    etag: row.get(2)?,
                    modified: Millis(row.get(3)?),
                });
            }
            return Ok(page);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::object::{Headers, Object, WriteCondition};
    use super::*;

    /// Few characters, so that keys share prefixes and groups often; some of them troublesome.
    fn name(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
        let character = prop::sample::select(vec!['a', 'b', '/', '-', ' ', '%', '+', '\u{0}', 'é', '😀', '\u{10FFFF}']);
        prop::collection::vec(character, length).prop_map(|characters| characters.into_iter().collect())
    }

    fn delimiter() -> impl Strategy<Value = Option<String>> {
        prop::option::of(prop::sample::select(vec!["/", "-", "//", "é", "a/"]).prop_map(str::to_owned))
    }

    /// What S3 says a listing is: the distinct names, in order, greater than the marker.
    fn model(keys: &BTreeSet<String>, listing: &Listing) -> Vec<(String, bool)> {
        let mut names = BTreeMap::new();
        for key in keys.iter().filter(|key| key.starts_with(&listing.prefix)) {
            let rest = &key[listing.prefix.len()..];
            let cut = listing.delimiter.as_deref().and_then(|d| rest.find(d).map(|at| at + d.len()));
            match cut {
                Some(cut) => names.insert(key[..listing.prefix.len() + cut].to_owned(), true),
                None => names.insert(key.clone(), false),
            };
        }
        names.into_iter().filter(|(name, _)| *name > listing.after).collect()
    }

    fn index_of(keys: &BTreeSet<String>) -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.db")).unwrap();
        index.create_bucket("bucket").unwrap();
        let object = Object {
            body: "0".repeat(32),
            size: 3,
            etag: "e".to_owned(),
            sha256: [0; 32],
            headers: Headers::default(),
            modified: Millis(0),
        };
        for key in keys {
            index.put("bucket", key, &object, &WriteCondition::Always).unwrap();
        }
        (folder, index)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn pages_add_up_to_the_model(
            keys in prop::collection::btree_set(name(1..6), 0..40),
            queries in prop::collection::vec((name(0..3), delimiter(), name(0..6), 1..6_usize), 8),
        ) {
            let (_folder, index) = index_of(&keys);
            for (prefix, delimiter, after, limit) in queries {
                let mut listing =
                    Listing { bucket: "bucket".to_owned(), prefix, delimiter, after: String::new(), limit };
                // From the start, and from an arbitrary place.
                for after in [String::new(), after] {
                    listing.after = after;
                    let expected = model(&keys, &listing);
                    let mut listed = Vec::new();
                    loop {
                        let page = index.list(&listing).unwrap();
                        prop_assert!(page.entries.len() <= limit);
                        prop_assert!(!page.truncated || page.entries.len() == limit);
                        for entry in &page.entries {
                            listed.push((entry.name().to_owned(), matches!(entry, Entry::CommonPrefix(_))));
                        }
                        match page.entries.last() {
                            Some(last) if page.truncated => listing.after = last.name().to_owned(),
                            _ => break,
                        }
                    }
                    prop_assert_eq!(listed, expected);
                }
            }
        }
    }
}
