//! Chooses the CDN paths to invalidate when a release goes live, as few as possible.

use super::headers::CacheRules;
use super::manifest::{Entry, Manifest};
use super::paths::SitePath;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::{BTreeMap, BTreeSet};

/// The most paths before wildcards are used. CloudFront processes at most 15 wildcards at once.
pub const MAX_PATHS: usize = 15;

/// The path that covers the whole site.
pub const EVERYTHING: &str = "/*";

/// The characters kept in an invalidation path; `*` is not, since it would be a wildcard.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The cached answers that are stale once one site replaces another.
#[derive(Debug)]
pub struct Untrue<'a> {
    /// The files that only the later site has.
    added: BTreeMap<&'a SitePath, &'a Entry>,
    paths: BTreeSet<SitePath>,
}

impl<'a> Untrue<'a> {
    /// Collects overwritten and removed files. A removed immutable file is skipped: no page refers to it, and its
    /// name never means other bytes. An overwritten file is included whatever its rule, since its visible answer
    /// changed.
    pub fn between(earlier: &Manifest, later: &'a Manifest) -> Self {
        let changes = later.changes_since(earlier);
        let immutable: BTreeSet<&SitePath> = earlier
            .entries()
            .iter()
            .filter(|entry| CacheRules::is_immutable(&entry.cache_control))
            .map(|entry| &entry.path)
            .collect();
        let gone = changes.removed.iter().filter(|path| !immutable.contains(path));
        let paths = changes.changed.iter().chain(gone).cloned().collect();
        let added: BTreeSet<&SitePath> = changes.added.iter().collect();
        let added = later.entries().iter().filter(|entry| added.contains(&entry.path));
        Self { added: added.map(|entry| (&entry.path, entry)).collect(), paths }
    }

    /// Tells whether older sites could matter.
    pub fn has_added(&self) -> bool {
        !self.added.is_empty()
    }

    /// Adds names that return with other bytes or headers, from a site before the earlier one or from one that never
    /// went fully live. Their files were reachable until now, whether or not a page linked to them.
    pub fn remember(&mut self, older: &Manifest) {
        let kept = older.entries().iter().filter(|entry| CacheRules::may_be_kept(&entry.cache_control));
        let back = kept.filter(|entry| self.added.get(&entry.path).is_some_and(|now| now != entry));
        self.paths.extend(back.map(|entry| entry.path.clone()));
    }

    /// Returns the paths to invalidate.
    pub fn into_paths(self) -> Vec<String> {
        let mut wanted = BTreeSet::new();
        for path in &self.paths {
            wanted.insert(format!("/{}", utf8_percent_encode(path.as_str(), KEPT)));
            // A folder's address answers with its index page.
            if let Some(folder) = path.as_str().strip_suffix("index.html")
                && (folder.is_empty() || folder.ends_with('/'))
            {
                wanted.insert(format!("/{}", utf8_percent_encode(folder, KEPT)));
            }
        }
        gathered(wanted)
    }
}

/// Reduces the paths to at most [`MAX_PATHS`] entries that cover them all: the deepest folders become wildcards
/// first, among them the fullest; `/*` at worst.
fn gathered(paths: BTreeSet<String>) -> Vec<String> {
    let mut entries = paths;
    while entries.len() > MAX_PATHS {
        let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &entries {
            *folders.entry(folder_of(entry)).or_default() += 1;
        }
        let deepest = folders.iter().max_by_key(|(folder, count)| (folder.matches('/').count(), **count));
        let Some(folder) = deepest.map(|(folder, _)| (*folder).to_owned()) else { break };
        entries.retain(|entry| !entry.starts_with(&folder));
        entries.insert(format!("{folder}*"));
    }
    entries.into_iter().collect()
}

/// Returns the folder of an entry with its `/`; for a wildcard, the folder above.
fn folder_of(entry: &str) -> &str {
    let name =
        entry.strip_suffix("/*").or_else(|| entry.strip_suffix('/').filter(|rest| !rest.is_empty())).unwrap_or(entry);
    name.rfind('/').map_or("/", |slash| &name[..=slash])
}

#[cfg(test)]
mod tests {
    use super::super::headers;
    use super::*;
    use crate::domain::digest::Sha256;
    use proptest::prelude::*;

    fn site(files: &[(&str, &str)]) -> Manifest {
        let rules = CacheRules::default();
        let entries = files.iter().map(|(path, content)| {
            let path = SitePath::parse(*path).unwrap();
            Entry {
                size: content.len() as u64,
                sha256: Sha256::of(content.as_bytes()),
                content_type: headers::content_type(&path),
                cache_control: rules.cache_control(&path).to_owned(),
                path,
            }
        });
        Manifest::new(entries.collect()).unwrap()
    }

    fn paths(earlier: &Manifest, later: &Manifest) -> Vec<String> {
        Untrue::between(earlier, later).into_paths()
    }

    #[test]
    fn names_that_come_back_with_other_bytes() {
        let older = site(&[("index.html", "1"), ("assets/logo.svg", "1"), ("assets/a-1.js", "1"), ("b.html", "1")]);
        let base = site(&[("index.html", "2")]);
        let new =
            site(&[("index.html", "2"), ("assets/logo.svg", "3"), ("assets/a-1.js", "1"), ("b.html", "3"), ("c", "3")]);
        assert_eq!(paths(&base, &new), Vec::<String>::new());
        let mut untrue = Untrue::between(&base, &new);
        untrue.remember(&older);
        untrue.remember(&new);
        assert_eq!(untrue.into_paths(), ["/assets/logo.svg"]);
    }

    #[test]
    fn only_what_was_cached_and_changed() {
        let old = site(&[
            ("index.html", "1"),
            ("a.txt", "1"),
            ("assets/x-1.js", "1"),
            ("assets/y.js", "1"),
            ("old.txt", "1"),
        ]);
        let new = site(&[
            ("index.html", "2"),
            ("a.txt", "1"),
            ("assets/x-2.js", "2"),
            ("assets/y.js", "2"),
            ("new.txt", "1"),
        ]);
        assert_eq!(paths(&old, &new), ["/", "/assets/y.js", "/index.html", "/old.txt"]);
        assert!(paths(&old, &old).is_empty());
        assert!(paths(&Manifest::empty(), &new).is_empty());
    }

    #[test]
    fn odd_names_are_encoded_and_folders_have_an_address() {
        let old = site(&[("blog/index.html", "1"), ("a b/ü*.txt", "1"), ("index.html", "1")]);
        let new = site(&[("blog/index.html", "2"), ("a b/ü*.txt", "2"), ("index.html", "1")]);
        assert_eq!(paths(&old, &new), ["/a%20b/%C3%BC%2A.txt", "/blog/", "/blog/index.html"]);
    }

    fn covers(entry: &str, path: &str) -> bool {
        entry.strip_suffix('*').map_or(entry == path, |prefix| path.starts_with(prefix))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn few_entries_cover_everything(names in proptest::collection::btree_set("([a-c]/){0,3}[a-z]{1,3}\\.(html|txt)", 0..80)) {
            let wanted: BTreeSet<String> = names.iter().map(|name| format!("/{name}")).collect();
            let entries = gathered(wanted.clone());
            prop_assert!(entries.len() <= MAX_PATHS);
            for path in &wanted {
                prop_assert!(entries.iter().any(|entry| covers(entry, path)), "{path} in {entries:?}");
            }
            if wanted.len() <= MAX_PATHS {
                prop_assert_eq!(entries.into_iter().collect::<BTreeSet<_>>(), wanted);
            }
        }
    }
}
