//! Decides which objects of a bucket that was filled without Bouncer can become files of a release.

use super::manifest::Entry;
use super::paths::SitePath;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// An object as a listing shows it. It counts as unchanged while all of this is equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The size in bytes.
    pub size: u64,
    /// The storage's ETag. Its meaning differs between storages, so it is only compared.
    pub mark: Option<String>,
    /// The time of the last write, as the storage gives it.
    pub modified: Option<String>,
}

/// The result of reading an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// A file of the release; its content is stored under its hash.
    File(Entry),
    /// An object that cannot be a file.
    Left(LeftOut),
}

/// An object that was read, with its listing from before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The object's key.
    pub path: SitePath,
    /// The object as listed before it was read.
    pub seen: Seen,
    /// The result of reading it.
    pub reading: Reading,
}

/// An object that stays in the bucket but does not become a file of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The key, shortened if it is long.
    pub key: String,
    /// The reason, as the end of a sentence that begins with the key.
    pub reason: String,
}

impl LeftOut {
    /// The longest key shown, in characters.
    const KEY_CHARS: usize = 200;

    /// Describes a left-out object.
    pub fn new(key: &str, reason: impl Into<String>) -> Self {
        Self { key: key.chars().take(Self::KEY_CHARS).collect(), reason: reason.into() }
    }
}

/// The left-out objects: their number, and the first ones by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOuts {
    /// The number of objects.
    pub count: u64,
    /// The first objects.
    pub first: Vec<LeftOut>,
}

impl LeftOuts {
    /// The most objects named.
    const SHOWN: usize = 50;

    /// Counts an object, and names it if there is room.
    pub fn push(&mut self, left: LeftOut) {
        self.count += 1;
        if self.first.len() < Self::SHOWN {
            self.first.push(left);
        }
    }
}

/// The limits of a release.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most files.
    pub files: usize,
    /// The most bytes in all.
    pub bytes: u64,
}

/// The most left-out objects per allowed file, before the search is given up.
const OBJECTS_PER_FILE: u64 = 10;

/// The reason why a bucket cannot be adopted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // Each message says what its name means.
pub enum Unadoptable {
    #[error("The bucket contains more than {most} files, the most that a release may have")]
    TooManyFiles { most: usize },
    #[error("The bucket contains more than {most} objects that cannot be part of a release")]
    TooManyObjects { most: u64 },
    #[error("The bucket's {files} files have {bytes} bytes in total; a release may have {most}")]
    TooManyBytes { files: usize, bytes: u64, most: u64 },
    #[error("The bucket has no index.html at its root, so it cannot become a release")]
    NoIndex,
}

/// The contents of a bucket, collected object by object.
#[derive(Debug)]
pub struct Found {
    bounds: Bounds,
    /// The objects that can become files of a release.
    pub files: BTreeMap<SitePath, Seen>,
    /// The objects that cannot.
    pub left: LeftOuts,
    folded: HashMap<String, SitePath>,
}

impl Found {
    /// Starts with an empty bucket.
    pub fn nothing(bounds: Bounds) -> Self {
        Self { bounds, files: BTreeMap::new(), left: LeftOuts::default(), folded: HashMap::new() }
    }

    /// Adds the next object of a listing.
    pub fn take(&mut self, key: &str, seen: Seen) {
        match self.path_of(key) {
            Ok(path) => drop(self.files.insert(path, seen)),
            Err(reason) => self.left.push(LeftOut::new(key, reason)),
        }
    }

    fn path_of(&mut self, key: &str) -> Result<SitePath, String> {
        if key.ends_with('/') {
            return Err("is a folder marker, not a file".to_owned());
        }
        let path = SitePath::parse(key).map_err(|problem| problem.to_string())?;
        let folded = path.folded();
        if let Some(other) = self.folded.get(&folded) {
            return Err(format!("is '{other}' in another Unicode form"));
        }
        self.folded.insert(folded, path.clone());
        Ok(path)
    }

    /// Tells whether a limit is exceeded, so that listing can stop.
    pub fn is_too_much(&self) -> bool {
        self.exceeded().is_some()
    }

    fn exceeded(&self) -> Option<Unadoptable> {
        let most = OBJECTS_PER_FILE * self.bounds.files as u64;
        if self.files.len() > self.bounds.files {
            return Some(Unadoptable::TooManyFiles { most: self.bounds.files });
        }
        (self.left.count > most).then_some(Unadoptable::TooManyObjects { most })
    }

    /// Sums the bytes of the files.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|seen| seen.size).sum()
    }

    /// Checks whether the bucket can become a release.
    ///
    /// # Errors
    ///
    /// Fails when a limit is exceeded or `index.html` is missing.
    pub fn check(&self) -> Result<(), Unadoptable> {
        if let Some(exceeded) = self.exceeded() {
            return Err(exceeded);
        }
        let bytes = self.bytes();
        if bytes > self.bounds.bytes {
            return Err(Unadoptable::TooManyBytes { files: self.files.len(), bytes, most: self.bounds.bytes });
        }
        if self.files.keys().any(SitePath::is_index) { Ok(()) } else { Err(Unadoptable::NoIndex) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { files: 3, bytes: 100 };

    fn found(keys: &[(&str, u64)]) -> Found {
        let mut found = Found::nothing(BOUNDS);
        for (key, size) in keys {
            found.take(key, Seen { size: *size, mark: None, modified: None });
        }
        found
    }

    #[test]
    fn what_no_manifest_can_hold_is_named_with_its_reason() {
        let found = found(&[
            ("index.html", 1),
            ("caf\u{e9}.txt", 1),
            ("cafe\u{301}.txt", 1),
            ("pages/", 0),
            ("/absolute.html", 1),
            ("a/../b", 1),
            ("backup.zip", 1),
            ("bell\u{7}.txt", 1),
        ]);
        let names: Vec<&str> = found.files.keys().map(SitePath::as_str).collect();
        assert_eq!(names, ["caf\u{e9}.txt", "index.html"]);
        let left: Vec<String> = found.left.first.iter().map(|left| format!("{:?} {}", left.key, left.reason)).collect();
        insta::assert_snapshot!(left.join("\n"), @r#"
        "cafe\u{301}.txt" is 'café.txt' in another Unicode form
        "pages/" is a folder marker, not a file
        "/absolute.html" is an absolute path
        "a/../b" contains a '..' part
        "backup.zip" has the extension .zip, which is never published
        "bell\u{7}.txt" contains a NUL or another control character
        "#);
        assert_eq!(found.left.count, 6);
        assert_eq!(found.check(), Ok(()));
    }

    #[test]
    fn the_first_ones_are_named_and_all_are_counted() {
        let mut left = LeftOuts::default();
        for n in 0..1000 {
            left.push(LeftOut::new(&"x".repeat(n), "is long"));
        }
        assert_eq!((left.count, left.first.len()), (1000, LeftOuts::SHOWN));
        assert_eq!(LeftOut::new(&"x".repeat(1000), "").key.len(), LeftOut::KEY_CHARS);
    }

    #[test]
    fn bounds_are_those_of_a_release() {
        let many = |names: &[&str]| found(&names.iter().map(|name| (*name, 1)).collect::<Vec<_>>());
        assert_eq!(many(&["a", "b", "index.html"]).check(), Ok(()));
        assert_eq!(many(&["a", "b", "c", "index.html"]).check(), Err(Unadoptable::TooManyFiles { most: 3 }));
        assert_eq!(many(&["a", "blog/index.html"]).check(), Err(Unadoptable::NoIndex));
        assert_eq!(found(&[("index.html", 100)]).check(), Ok(()));
        let over = Err(Unadoptable::TooManyBytes { files: 2, bytes: 101, most: 100 });
        assert_eq!(found(&[("a", 100), ("index.html", 1)]).check(), over);
        let marks: Vec<String> = (0..31).map(|n| format!("{n}/")).collect();
        assert!(!many(&marks[..30].iter().map(String::as_str).collect::<Vec<_>>()).is_too_much());
        let many = many(&marks.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(many.is_too_much());
        assert_eq!(many.check(), Err(Unadoptable::TooManyObjects { most: 30 }));
    }
}
