//! Which objects of a bucket that was filled without Bouncer can be files of a release, and which stay what they are.

use super::manifest::Entry;
use super::paths::SitePath;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// An object as a listing shows it. While all of this stays the same, the object counts as unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Bytes.
    pub size: u64,
    /// The storage's own mark of the content. It means other things in other storages, so only a difference counts.
    pub mark: Option<String>,
    /// When it was last written, in the storage's own words.
    pub modified: Option<String>,
}

/// What came of reading an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// A file of the release; its bytes are kept under their hash.
    File(Entry),
    /// It cannot be one.
    Left(LeftOut),
}

/// An object that is read, and as what it was seen before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Its key.
    pub path: SitePath,
    /// As the listing before showed it.
    pub seen: Seen,
    /// What came of it.
    pub reading: Reading,
}

/// An object that stays in the bucket and is no file of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its key, shortened if it is long.
    pub key: String,
    /// Why, to be read behind the key.
    pub reason: String,
}

impl LeftOut {
    /// The longest key that is shown, in characters.
    const KEY_CHARS: usize = 200;

    /// Of a key.
    pub fn new(key: &str, reason: impl Into<String>) -> Self {
        Self { key: key.chars().take(Self::KEY_CHARS).collect(), reason: reason.into() }
    }
}

/// The objects that are left out: how many, and the first ones by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOuts {
    /// How many.
    pub count: u64,
    /// The first ones.
    pub first: Vec<LeftOut>,
}

impl LeftOuts {
    /// How many are named.
    const SHOWN: usize = 50;

    /// One more.
    pub fn push(&mut self, left: LeftOut) {
        self.count += 1;
        if self.first.len() < Self::SHOWN {
            self.first.push(left);
        }
    }
}

/// How many objects and bytes a release may have.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// So many times more objects than a release may have files are looked through.
const OBJECTS_PER_FILE: u64 = 10;

/// Why a bucket cannot become a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // Each message says what its name means.
pub enum Unadoptable {
    #[error("The bucket holds more than {most} files, which is more than a release may have")]
    TooManyFiles { most: usize },
    #[error("The bucket holds more than {most} objects that no release can hold")]
    TooManyObjects { most: u64 },
    #[error("The bucket's {files} files have {bytes} bytes in all, and a release may have {most}")]
    TooManyBytes { files: usize, bytes: u64, most: u64 },
    #[error(
        "The bucket has no index.html at its top, so what it holds is not a site that visitors could be given again"
    )]
    NoIndex,
}

/// What a bucket holds, object by object.
#[derive(Debug)]
pub struct Found {
    bounds: Bounds,
    /// What can be a file of a release.
    pub files: BTreeMap<SitePath, Seen>,
    /// What cannot.
    pub left: LeftOuts,
    folded: HashMap<String, SitePath>,
}

impl Found {
    /// Nothing yet.
    pub fn nothing(bounds: Bounds) -> Self {
        Self { bounds, files: BTreeMap::new(), left: LeftOuts::default(), folded: HashMap::new() }
    }

    /// Takes the next object of a listing.
    pub fn take(&mut self, key: &str, seen: Seen) {
        match self.path_of(key) {
            Ok(path) => drop(self.files.insert(path, seen)),
            Err(reason) => self.left.push(LeftOut::new(key, reason)),
        }
    }

    fn path_of(&mut self, key: &str) -> Result<SitePath, String> {
        if key.ends_with('/') {
            return Err("is the mark of a folder, not a file".to_owned());
        }
        let path = SitePath::parse(key).map_err(|problem| problem.to_string())?;
        let folded = path.folded();
        if let Some(other) = self.folded.get(&folded) {
            return Err(format!("has the name of '{other}' in another Unicode form"));
        }
        self.folded.insert(folded, path.clone());
        Ok(path)
    }

    /// Whether there is more than could ever be adopted, so that no more needs to be looked at.
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

    /// Bytes of the files.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|seen| seen.size).sum()
    }

    /// Whether a release can be made of it.
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
        "cafe\u{301}.txt" has the name of 'café.txt' in another Unicode form
        "pages/" is the mark of a folder, not a file
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
