//! What a site consists of: the list of its files, and how two such lists differ.

use super::paths::SitePath;
use crate::domain::digest::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One file of a site, as it is stored and served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The file's path and object key.
    pub path: SitePath,
    /// Bytes.
    pub size: u64,
    /// Of the bytes.
    pub sha256: Sha256,
    /// The header it is served with.
    pub content_type: String,
    /// The header it is served with. Blank when it has none, which only a file can be that was there before Bouncer.
    pub cache_control: String,
}

/// All files of a site, sorted by path, each path once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Manifest(Vec<Entry>);

/// Two files of one site that are the same file to some reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is listed more than once")]
pub struct DuplicatePath(pub SitePath);

impl Manifest {
    /// Sorts the entries; refuses a path that occurs twice, also when only its Unicode form differs.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, DuplicatePath> {
        let mut seen = std::collections::HashSet::with_capacity(entries.len());
        if let Some(twice) = entries.iter().find(|entry| !seen.insert(entry.path.folded())) {
            return Err(DuplicatePath(twice.path.clone()));
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(entries))
    }

    /// A site without files: what a project has before its first release.
    pub fn empty() -> Self {
        Self(Vec::new())
    }

    /// The files in the order of their paths.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The files in the order in which they are published over an earlier site, each with its phase; in each phase the
    /// small ones come first.
    pub fn in_publish_order(&self, earlier: &Manifest) -> Vec<(Phase, &Entry)> {
        let before: HashMap<&SitePath, &Entry> = earlier.0.iter().map(|entry| (&entry.path, entry)).collect();
        let mut entries: Vec<(Phase, &Entry)> =
            self.0.iter().map(|entry| (Phase::of(entry, before.get(&entry.path).copied()), entry)).collect();
        entries.sort_by_key(|(phase, entry)| (*phase, entry.size, &entry.path));
        entries
    }

    /// Bytes of all files together.
    pub fn total_size(&self) -> u64 {
        self.0.iter().map(|entry| entry.size).sum()
    }

    /// How this site differs from an earlier one.
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

/// The steps of a publish; between two of them stands a barrier. Until the first one has ended a visitor gets the whole
/// earlier site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Files that no earlier page refers to, and files that are put back as they were.
    Assets,
    /// Files that earlier pages may refer to, with other bytes: written right before the pages that want them so.
    Replacements,
    /// Pages that no earlier page leads to, and pages that are put back as they were: there before the first page that
    /// leads to them.
    NewPages,
    /// Pages with other bytes, but for the entry page.
    Pages,
    /// The entry page.
    Index,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Phase; 5] = [Phase::Assets, Phase::Replacements, Phase::NewPages, Phase::Pages, Phase::Index];

    /// When a file is published, given what is under its path so far.
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

    /// Whether a visitor may get something of the new site from this phase on.
    pub fn is_visible(self) -> bool {
        self > Phase::Assets
    }
}

/// How two sites differ, file by file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that are new, in order.
    pub added: Vec<SitePath>,
    /// Files whose bytes or headers differ, in order.
    pub changed: Vec<SitePath>,
    /// Files that are gone, in order.
    pub removed: Vec<SitePath>,
    /// How many files stay as they are.
    pub unchanged: usize,
    /// Bytes of the added and changed files.
    pub bytes: u64,
}

/// The same in numbers: what records and answers carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeCounts {
    /// New files.
    pub added: usize,
    /// Files whose bytes or headers differ.
    pub changed: usize,
    /// Files that are gone from the site.
    pub removed: usize,
    /// Files that stay as they are.
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
