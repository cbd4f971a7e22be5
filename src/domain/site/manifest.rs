//! Defines the manifest, the list of a site's files, and the difference between two manifests.

use super::paths::SitePath;
use crate::domain::digest::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A file of a site, as stored and served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The file's path and object key.
    pub path: SitePath,
    /// The size in bytes.
    pub size: u64,
    /// The SHA-256 of the content.
    pub sha256: Sha256,
    /// The `Content-Type` header.
    pub content_type: String,
    /// The `Cache-Control` header. Empty only for a file from before Bouncer that has none.
    pub cache_control: String,
}

/// The files of a site, sorted by path, each path once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Manifest(Vec<Entry>);

/// Two paths that some reader takes for the same file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is listed more than once")]
pub struct DuplicatePath(pub SitePath);

impl Manifest {
    /// Sorts the entries.
    ///
    /// # Errors
    ///
    /// Fails on a path that occurs twice, even if only its Unicode form differs.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, DuplicatePath> {
        let mut seen = std::collections::HashSet::with_capacity(entries.len());
        if let Some(twice) = entries.iter().find(|entry| !seen.insert(entry.path.folded())) {
            return Err(DuplicatePath(twice.path.clone()));
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(entries))
    }

    /// Returns a site without files, as before the first release.
    pub fn empty() -> Self {
        Self(Vec::new())
    }

    /// Returns the files in path order.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Returns the files in the order in which they are published over an earlier site, each with its phase. Small
    /// files come first in each phase.
    pub fn in_publish_order(&self, earlier: &Manifest) -> Vec<(Phase, &Entry)> {
        let before: HashMap<&SitePath, &Entry> = earlier.0.iter().map(|entry| (&entry.path, entry)).collect();
        let mut entries: Vec<(Phase, &Entry)> =
            self.0.iter().map(|entry| (Phase::of(entry, before.get(&entry.path).copied()), entry)).collect();
        entries.sort_by_key(|(phase, entry)| (*phase, entry.size, &entry.path));
        entries
    }

    /// Sums the bytes of all files.
    pub fn total_size(&self) -> u64 {
        self.0.iter().map(|entry| entry.size).sum()
    }

    /// Compares this site with an earlier one.
    pub fn changes_since(&self, earlier: &Manifest) -> Changes {
        let mut before: HashMap<&SitePath, &Entry> = earlier.0.iter().map(|entry| (&entry.path, entry)).collect();
        let mut changes = Changes::default();
        for entry in &self.0 {
            match before.remove(&entry.path) {
                None => changes.added.push(entry.path.clone()),
                Some(old) if old == entry => {
                    changes.unchanged += 1;
                    continue;
                }
                Some(_) => changes.changed.push(entry.path.clone()),
            }
            changes.bytes += entry.size;
        }
        changes.removed = before.into_keys().cloned().collect();
        changes.removed.sort();
        changes
    }
}

impl TryFrom<Vec<Entry>> for Manifest {
    type Error = DuplicatePath;
    fn try_from(entries: Vec<Entry>) -> Result<Self, DuplicatePath> {
        Self::new(entries)
    }
}

impl From<Manifest> for Vec<Entry> {
    fn from(manifest: Manifest) -> Vec<Entry> {
        manifest.0
    }
}

/// The phases of a publish, separated by barriers. Until the first one ends, a visitor gets only the earlier site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Files that no earlier page refers to, and files restored unchanged.
    Assets,
    /// Files that earlier pages may refer to, with new bytes: written right before the pages that expect them.
    Replacements,
    /// Pages that no earlier page links to, and pages restored unchanged: published before the first page that links
    /// to them.
    NewPages,
    /// Pages with new bytes, except the entry page.
    Pages,
    /// The entry page.
    Index,
}

impl Phase {
    /// Lists every phase in order.
    pub const ALL: [Phase; 5] = [Phase::Assets, Phase::Replacements, Phase::NewPages, Phase::Pages, Phase::Index];

    /// Returns the phase of a file, given the current file under its path.
    pub fn of(entry: &Entry, before: Option<&Entry>) -> Self {
        let is_other = before.is_some_and(|before| before != entry);
        match (entry.path.is_page(), is_other) {
            _ if entry.path.is_index() => Phase::Index,
            (true, true) => Phase::Pages,
            (true, false) => Phase::NewPages,
            (false, true) => Phase::Replacements,
            (false, false) => Phase::Assets,
        }
    }

    /// Tells whether visitors may see parts of the new site from this phase on.
    pub fn is_visible(self) -> bool {
        self > Phase::Assets
    }
}

/// The difference between two sites, file by file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New files, in order.
    pub added: Vec<SitePath>,
    /// Files whose bytes or headers differ, in order.
    pub changed: Vec<SitePath>,
    /// Removed files, in order.
    pub removed: Vec<SitePath>,
    /// The number of unchanged files.
    pub unchanged: usize,
    /// The bytes of added and changed files.
    pub bytes: u64,
}

/// The difference in numbers, as records and answers carry it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeCounts {
    /// New files.
    pub added: usize,
    /// Files whose bytes or headers differ.
    pub changed: usize,
    /// Removed files.
    pub removed: usize,
    /// Unchanged files.
    pub unchanged: usize,
    /// Bytes of the added and changed files.
    pub bytes: u64,
}

impl From<&Changes> for ChangeCounts {
    fn from(changes: &Changes) -> Self {
        Self {
            added: changes.added.len(),
            changed: changes.changed.len(),
            removed: changes.removed.len(),
            unchanged: changes.unchanged,
            bytes: changes.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, content: &str, cache_control: &str) -> Entry {
        Entry {
            path: SitePath::parse(path).unwrap(),
            size: content.len() as u64,
            sha256: Sha256::of(content.as_bytes()),
            content_type: "text/plain".into(),
            cache_control: cache_control.into(),
        }
    }

    #[test]
    fn changes_tell_bytes_headers_and_absence() {
        let old =
            Manifest::new(vec![entry("a", "1", "x"), entry("b", "1", "x"), entry("c", "1", "x"), entry("d", "1", "x")]);
        let new = Manifest::new(vec![
            entry("a", "1", "x"),
            entry("b", "22", "x"),
            entry("c", "1", "y"),
            entry("e", "333", "x"),
        ]);
        let changes = new.unwrap().changes_since(&old.unwrap());
        assert_eq!(
            ChangeCounts::from(&changes),
            ChangeCounts { added: 1, changed: 2, removed: 1, unchanged: 1, bytes: 6 }
        );
        assert_eq!(changes.removed[0].as_str(), "d");
    }

    #[test]
    fn a_path_counts_once_in_any_unicode_form() {
        assert!(Manifest::new(vec![entry("caf\u{e9}", "1", "x"), entry("cafe\u{301}", "1", "x")]).is_err());
        assert!(Manifest::new(vec![entry("a", "1", "x"), entry("A", "1", "x")]).is_ok());
    }

    #[test]
    fn what_visitors_see_changes_last() {
        let earlier = [("style.css", "1"), ("same.js", "1"), ("a.html", "1"), ("same.html", "1")];
        let earlier = Manifest::new(earlier.map(|(path, content)| entry(path, content, "x")).into()).unwrap();
        let site = Manifest::new(vec![
            entry("index.html", "1", "x"),
            entry("z.html", "1", "x"),
            entry("large.js", "22", "x"),
            entry("zz.js", "1", "x"),
            entry("same.js", "1", "x"),
            entry("style.css", "2", "x"),
            entry("blog/index.html", "1", "x"),
            entry("a.html", "2", "x"),
            entry("same.html", "1", "x"),
        ])
        .unwrap();
        let order: Vec<(Phase, &str)> =
            site.in_publish_order(&earlier).iter().map(|(phase, entry)| (*phase, entry.path.as_str())).collect();
        assert_eq!(
            order,
            [
                (Phase::Assets, "same.js"),
                (Phase::Assets, "zz.js"),
                (Phase::Assets, "large.js"),
                (Phase::Replacements, "style.css"),
                (Phase::NewPages, "blog/index.html"),
                (Phase::NewPages, "same.html"),
                (Phase::NewPages, "z.html"),
                (Phase::Pages, "a.html"),
                (Phase::Index, "index.html"),
            ]
        );
    }
}
