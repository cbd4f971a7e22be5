//! Decides which files a site no longer needs, and which deploys would delete too much.

use super::manifest::{Entry, Manifest};
use super::paths::SitePath;
use crate::domain::digest::Sha256;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// The most deleted files that never count as too many: small sites are rebuilt as a whole.
const FEW: usize = 4;

/// The files that may be deleted from a bucket: earlier releases wrote them, and nothing needs them. Each carries
/// what was written, because anything else under its name belongs to somebody else.
#[derive(Debug, Default)]
pub struct Removals {
    needed: HashSet<SitePath>,
    unneeded: BTreeMap<SitePath, Vec<Written>>,
}

/// The content that a release wrote under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The size in bytes.
    pub size: u64,
    /// The SHA-256 of the content.
    pub sha256: Sha256,
}

impl From<&Entry> for Written {
    fn from(entry: &Entry) -> Self {
        Self { size: entry.size, sha256: entry.sha256 }
    }
}

/// A selection of a release's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All files.
    Everything,
    /// The files that visitors open by their address.
    Pages,
}

impl Removals {
    /// Keeps all files of a site.
    pub fn keep(&mut self, site: &Manifest) {
        self.keep_those(site.entries().iter());
    }

    /// Keeps all files of a site except its pages.
    pub fn keep_assets(&mut self, site: &Manifest) {
        self.keep_those(site.entries().iter().filter(|entry| !entry.path.is_page()));
    }

    fn keep_those<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) {
        for entry in entries {
            self.unneeded.remove(&entry.path);
            self.needed.insert(entry.path.clone());
        }
    }

    /// Releases the selected files of a site, unless they are kept.
    pub fn give_up(&mut self, site: &Manifest, part: Part) {
        let entries = site.entries().iter().filter(|entry| part == Part::Everything || entry.path.is_page());
        for entry in entries.filter(|entry| !self.needed.contains(&entry.path)) {
            let written = self.unneeded.entry(entry.path.clone()).or_default();
            if !written.contains(&entry.into()) {
                written.push(entry.into());
            }
        }
    }

    /// Lists the files after the given one, in order.
    pub fn after(&self, path: Option<&SitePath>) -> Vec<(&SitePath, &[Written])> {
        let rest = self.unneeded.iter().filter(|(name, _)| path.is_none_or(|path| *name > path));
        rest.map(|(name, written)| (name, written.as_slice())).collect()
    }
}

/// A deploy that would delete more than half of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MassDelete {
    gone: usize,
    of: usize,
    what: &'static str,
}

impl MassDelete {
    /// The warning for approvers of such a deploy.
    pub const WARNING: &'static str = "More than half of the site would be gone.";

    /// Checks whether a site would lose more than half of its pages or shrink to less than half of its files. Names
    /// of other files do not matter, since build tools change them all. Up to four files are never too many.
    pub fn of(earlier: &Manifest, later: &Manifest) -> Option<Self> {
        let pages = |site: &Manifest| site.entries().iter().filter(|entry| entry.path.is_page()).count();
        let kept: HashSet<&SitePath> = later.entries().iter().map(|entry| &entry.path).collect();
        let gone = earlier.entries().iter().filter(|entry| entry.path.is_page() && !kept.contains(&entry.path)).count();
        let (before, after) = (earlier.entries().len(), later.entries().len());
        let too_many = |gone: usize, of: usize| gone > FEW && gone * 2 > of;
        if too_many(gone, pages(earlier)) {
            return Some(Self { gone, of: pages(earlier), what: "pages" });
        }
        let fewer = before.saturating_sub(after);
        too_many(fewer, before).then_some(Self { gone: fewer, of: before, what: "files" })
    }
}

impl fmt::Display for MassDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "would delete {} of the site's {} {}", self.gone, self.of, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn site(files: &[(&str, &str)]) -> Manifest {
        let entries = files.iter().map(|(path, content)| Entry {
            path: SitePath::parse(*path).unwrap(),
            size: content.len() as u64,
            sha256: Sha256::of(content.as_bytes()),
            content_type: "text/plain".into(),
            cache_control: "no-cache".into(),
        });
        Manifest::new(entries.collect()).unwrap()
    }

    fn names(removals: &Removals) -> Vec<&str> {
        removals.after(None).into_iter().map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn only_what_nothing_needs_goes() {
        let old = site(&[("index.html", "1"), ("gone.html", "1"), ("assets/a-1.js", "1"), ("style.css", "1")]);
        let new = site(&[("index.html", "2"), ("assets/a-2.js", "2"), ("style.css", "2")]);
        let mut pages = Removals::default();
        pages.keep(&new);
        pages.give_up(&old, Part::Pages);
        assert_eq!(names(&pages), ["gone.html"]);

        let mut all = Removals::default();
        all.give_up(&old, Part::Everything);
        all.keep(&new);
        assert_eq!(names(&all), ["assets/a-1.js", "gone.html"]);
        all.keep_assets(&old);
        assert_eq!(names(&all), ["gone.html"]);
        all.give_up(&site(&[("z.txt", "1")]), Part::Everything);
        let after: Vec<&SitePath> =
            all.after(Some(&SitePath::parse("gone.html").unwrap())).into_iter().map(|(path, _)| path).collect();
        assert_eq!(after, [&SitePath::parse("z.txt").unwrap()]);
    }

    #[test]
    fn whatever_was_written_under_a_name_is_ours() {
        let mut removals = Removals::default();
        removals.give_up(&site(&[("a.txt", "1")]), Part::Everything);
        removals.give_up(&site(&[("a.txt", "22")]), Part::Everything);
        removals.give_up(&site(&[("a.txt", "1")]), Part::Everything);
        let written = removals.after(None)[0].1.iter().map(|written| written.size).collect::<Vec<_>>();
        assert_eq!(written, [1, 2]);
    }

    fn pages_and_assets(pages: std::ops::Range<usize>, assets: std::ops::Range<usize>) -> Manifest {
        let pages = pages.map(|n| format!("page-{n}.html"));
        let names: Vec<String> = pages.chain(assets.map(|n| format!("assets/{n}.js"))).collect();
        site(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>())
    }

    #[test]
    fn more_than_half_is_too_much() {
        for (earlier, later, said) in [
            // Every asset has another name, as after any build.
            (pages_and_assets(0..20, 0..900), pages_and_assets(0..20, 1000..1900), None),
            (pages_and_assets(0..20, 0..9), pages_and_assets(10..20, 0..9), None),
            (pages_and_assets(0..20, 0..9), pages_and_assets(11..20, 0..99), Some("11 of the site's 20 pages")),
            (pages_and_assets(0..1, 0..99), pages_and_assets(0..1, 0..49), None),
            (pages_and_assets(0..1, 0..99), pages_and_assets(0..1, 0..48), Some("51 of the site's 100 files")),
            // Of a tiny site everything may go.
            (pages_and_assets(0..4, 0..0), pages_and_assets(9..10, 0..0), None),
            (pages_and_assets(0..5, 0..0), pages_and_assets(9..10, 0..0), Some("5 of the site's 5 pages")),
            (Manifest::empty(), pages_and_assets(0..1, 0..1), None),
        ] {
            let found = MassDelete::of(&earlier, &later).map(|mass| mass.to_string());
            assert_eq!(found, said.map(|said| format!("would delete {said}")));
        }
    }

    proptest! {
        /// In whatever order it is said: what is kept never goes, and what goes was given up.
        #[test]
        fn what_is_kept_never_goes(sites in proptest::collection::vec(
            (any::<bool>(), proptest::collection::btree_set("[a-f]\\.(html|txt)", 0..6)), 0..6)) {
            let mut removals = Removals::default();
            let (mut kept, mut given_up) = (HashSet::new(), HashSet::new());
            for (keep, names) in &sites {
                let manifest = site(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
                if *keep {
                    removals.keep(&manifest);
                    kept.extend(names.clone());
                } else {
                    removals.give_up(&manifest, Part::Everything);
                    given_up.extend(names.clone());
                }
            }
            let mut going: Vec<&String> = given_up.difference(&kept).collect();
            going.sort();
            prop_assert_eq!(super::tests::names(&removals), going);
        }
    }
}
