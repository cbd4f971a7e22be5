//! Decides how long contents are kept under their hashes, and which of them are garbage.
//!
//! Garbage is collected without locks while deploys are requested. This is safe because:
//!
//! - A request counts content as stored only if the current release needs it or it is *fresh*. Anything else is
//!   uploaded again and thereby becomes fresh. Contents of the current release are not collected while it is current,
//!   and once it is not, every earlier request is refused as stale.
//! - The manifest of a pending request was written after the current release went live, and whatever such a manifest
//!   names is needed.
//! - Only *old* content is collected, and nothing becomes old between an upload and the manifest that names it.
//! - A rollback depends on a retained release. It checks again that the release is retained after writing its
//!   manifest, and collection drops a release before it looks for garbage.

use super::manifest::Manifest;
use crate::domain::digest::Sha256;
use crate::domain::request::Request;
use crate::domain::time::Time;
use std::collections::BTreeSet;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// The largest clock difference between Bouncer and its storage. S3 refuses signatures that are 15 minutes off.
const CLOCKS: u64 = HOUR;

/// The ages at which something no longer counts as stored, and at which it may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// How many seconds content outside the current release counts as stored.
    pub fresh: u64,
    /// How many more seconds it counts while a request is confirmed. What was fresh when the request began still is,
    /// since upload URLs live for an hour.
    pub confirming: u64,
    /// How many seconds unneeded content is kept. Far longer than both, so that nothing is deleted between an upload
    /// and its manifest, however slow the upload was.
    pub contents: u64,
    /// How many seconds a manifest is kept. Pages and diffs of finished requests read it as long as their rows exist.
    pub lists: u64,
}

impl Default for Ages {
    fn default() -> Self {
        // A row is kept from the end of the request's window, which is a week at most.
        Self { fresh: DAY, confirming: 2 * HOUR, contents: 7 * DAY, lists: Request::KEPT_SECONDS + 7 * DAY }
    }
}

/// The moment at which a request relies on contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The request begins.
    Request,
    /// Its files have been uploaded.
    Confirmation,
}

impl Ages {
    /// Tells whether content outside the current release counts as stored.
    pub fn is_fresh(self, written: Time, moment: Phase, now: Time) -> bool {
        let age = match moment {
            Phase::Request => self.fresh,
            Phase::Confirmation => self.fresh.saturating_add(self.confirming),
        };
        written.plus_seconds(age) > now
    }

    /// Tells whether content may be deleted if nothing needs it.
    pub fn is_old_content(self, written: Time, now: Time) -> bool {
        written.plus_seconds(self.contents) <= now
    }

    /// Tells whether a manifest may be deleted if no release uses it.
    pub fn is_old_list(self, written: Time, now: Time) -> bool {
        written.plus_seconds(self.lists) <= now
    }
}

/// Tells whether the request of a manifest may still be pending or running: it was made since the current release
/// went live.
pub fn may_be_waited_for(list_written: Time, live_since: Option<Time>) -> bool {
    live_since.is_none_or(|live_since| list_written.plus_seconds(CLOCKS) >= live_since)
}

/// Old contents that nothing is known to need.
#[derive(Debug, Default)]
pub struct Leftovers(BTreeSet<Sha256>);

impl Leftovers {
    /// Starts with all of these as garbage.
    pub fn new(old: impl IntoIterator<Item = Sha256>) -> Self {
        Self(old.into_iter().collect())
    }

    /// Removes what a site needs.
    pub fn keep(&mut self, site: &Manifest) {
        for entry in site.entries() {
            self.0.remove(&entry.sha256);
        }
    }

    /// Tells whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lists the garbage in order.
    pub fn iter(&self) -> impl Iterator<Item = Sha256> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Entry;
    use super::super::paths::SitePath;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn at(seconds: u64) -> Time {
        Time::from_millis(0).plus_seconds(seconds)
    }

    #[test]
    fn when_something_counts_and_when_it_goes() {
        let ages = Ages::default();
        for (age, at_request, at_confirmation, old) in [
            (0, true, true, false),
            (DAY - 1, true, true, false),
            (DAY, false, true, false),
            (DAY + 2 * HOUR - 1, false, true, false),
            (DAY + 2 * HOUR, false, false, false),
            (7 * DAY - 1, false, false, false),
            (7 * DAY, false, false, true),
        ] {
            assert_eq!(ages.is_fresh(at(9), Phase::Request, at(9 + age)), at_request, "{age}");
            assert_eq!(ages.is_fresh(at(9), Phase::Confirmation, at(9 + age)), at_confirmation, "{age}");
            assert_eq!(ages.is_old_content(at(9), at(9 + age)), old, "{age}");
        }
        // What the storage's clock puts into the future is as new as can be.
        assert!(ages.is_fresh(at(900), Phase::Request, at(9)) && !ages.is_old_content(at(900), at(9)));
        assert!(ages.lists > Request::KEPT_SECONDS && ages.is_old_list(at(0), at(ages.lists)));
        assert!(!ages.is_old_list(at(1), at(ages.lists)));
    }

    #[test]
    fn whose_request_may_wait() {
        let live = Some(at(10 * HOUR));
        assert!(may_be_waited_for(at(10 * HOUR), live) && may_be_waited_for(at(9 * HOUR), live));
        assert!(!may_be_waited_for(at(9 * HOUR - 1), live));
        assert!(may_be_waited_for(at(0), None), "nobody knows");
    }

    fn content(n: u8) -> Sha256 {
        Sha256::of(&[n])
    }

    fn site(contents: &[u8]) -> Manifest {
        let entries = contents.iter().map(|n| Entry {
            path: SitePath::parse(format!("{n}.txt")).unwrap(),
            size: 1,
            sha256: content(*n),
            content_type: "text/plain".into(),
            cache_control: "no-cache".into(),
        });
        Manifest::new(entries.collect()).unwrap()
    }

    /// What somebody does; numbers choose among what there is.
    #[derive(Debug, Clone)]
    enum Act {
        Ask(Vec<u8>),
        Upload(usize),
        Confirm(usize),
        /// Somebody reads the list of releases, and asks for one.
        Choose(usize),
        GoBack(usize),
        Publish(usize),
        /// Releases are given up until so many are left, and what nothing needs is looked for.
        Sweep(usize),
        /// One of the contents found is looked at again, and removed.
        Remove(usize),
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            2 => proptest::collection::btree_set(0u8..4, 1..3).prop_map(|set| Act::Ask(set.into_iter().collect())),
            2 => (0usize..3).prop_map(Act::Upload),
            2 => (0usize..3).prop_map(Act::Confirm),
            1 => (0usize..3).prop_map(Act::Choose),
            1 => (0usize..3).prop_map(Act::GoBack),
            2 => (0usize..3).prop_map(Act::Publish),
            2 => (1usize..3).prop_map(Act::Sweep),
            3 => (0usize..4).prop_map(Act::Remove),
            2 => prop_oneof![0u64..HOUR, 0..2 * DAY, 7 * DAY..8 * DAY].prop_map(Act::Wait),
        ]
    }

    #[derive(Debug, Clone)]
    struct Asked {
        wants: Vec<u8>,
        at: u64,
        /// What has to be uploaded.
        addresses: Vec<u8>,
        /// Release that a rollback relies on.
        restores: Option<usize>,
        /// The base, and when the list was written.
        waits: Option<(Option<usize>, u64)>,
    }

    /// A project's contents, releases and requests. Every step of a request is a step here, and so is every removal.
    #[derive(Default)]
    struct World {
        now: u64,
        blobs: BTreeMap<u8, u64>,
        /// Those that are kept: number, contents, when it went live; the current one last.
        live: Vec<(usize, Vec<u8>, u64)>,
        count: usize,
        asked: Vec<Asked>,
        found: Vec<u8>,
        found_at: u64,
    }

    impl World {
        fn counts(&self, n: u8, moment: Phase) -> bool {
            let needed = self.live.last().is_some_and(|(_, contents, _)| contents.contains(&n));
            let fresh = |at_: &u64| Ages::default().is_fresh(at(*at_), moment, at(self.now));
            self.blobs.get(&n).is_some_and(|written| needed || fresh(written))
        }

        fn current(&self) -> Option<usize> {
            self.live.last().map(|(number, ..)| *number)
        }

        fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
            let nth = |n: usize, of: usize| n % of.max(1);
            // Whoever comes to nothing makes room for others.
            let now = self.now;
            self.asked.retain(|asked| asked.restores.is_some() || asked.waits.is_some() || now - asked.at <= HOUR);
            self.asked.drain(..self.asked.len().saturating_sub(3));
            match act {
                Act::Wait(seconds) => self.now += seconds,
                Act::Ask(wants) => {
                    let addresses = wants.iter().copied().filter(|n| !self.counts(*n, Phase::Request)).collect();
                    let asked = Asked { wants: wants.clone(), at: self.now, addresses, restores: None, waits: None };
                    self.asked.push(asked);
                }
                Act::Upload(n) => {
                    let n = nth(*n, self.asked.len());
                    let now = self.now;
                    let Some(asked) = self.asked.get_mut(n).filter(|asked| now - asked.at <= HOUR) else {
                        return Ok(());
                    };
                    for content in asked.addresses.drain(..) {
                        self.blobs.insert(content, now);
                    }
                }
                Act::Confirm(n) => {
                    let n = nth(*n, self.asked.len());
                    let Some(asked) = self.asked.get(n) else { return Ok(()) };
                    let is_ready = asked.restores.is_none() && asked.waits.is_none() && self.now - asked.at <= HOUR;
                    if is_ready && asked.wants.iter().all(|n| self.counts(*n, Phase::Confirmation)) {
                        self.asked[n].waits = Some((self.current(), self.now));
                    }
                }
                Act::Choose(n) => {
                    let n = nth(*n, self.live.len());
                    let Some((number, wants, _)) = self.live.get(n).cloned() else { return Ok(()) };
                    let restores = Some(number);
                    self.asked.push(Asked { wants, at: self.now, addresses: vec![], restores, waits: None });
                }
                Act::GoBack(n) => {
                    let n = nth(*n, self.asked.len());
                    let kept: Vec<usize> = self.live.iter().map(|(number, ..)| *number).collect();
                    let (current, now) = (self.current(), self.now);
                    let Some(asked) = self.asked.get_mut(n).filter(|asked| asked.waits.is_none()) else {
                        return Ok(());
                    };
                    if asked.restores.is_some_and(|release| kept.contains(&release)) {
                        asked.waits = Some((current, now));
                    }
                }
                Act::Publish(n) => {
                    let n = nth(*n, self.asked.len());
                    let Some(asked) = self.asked.get(n).cloned() else { return Ok(()) };
                    let Some((base, _)) = asked.waits else { return Ok(()) };
                    self.asked.remove(n);
                    if base != self.current() {
                        return Ok(());
                    }
                    let lost: Vec<&u8> = asked.wants.iter().filter(|n| !self.blobs.contains_key(n)).collect();
                    prop_assert!(lost.is_empty(), "{asked:?} lacks {lost:?}");
                    self.count += 1;
                    self.live.push((self.count, asked.wants, self.now));
                    // Whoever sweeps notices that the lease is another's.
                    self.found.clear();
                }
                Act::Sweep(keep) => {
                    let Some(live_since) = self.live.last().map(|(.., since)| at(*since)) else { return Ok(()) };
                    let given_up = self.live.len().saturating_sub(*keep);
                    self.live.drain(..given_up);
                    let is_old = |written: &u64| Ages::default().is_old_content(at(*written), at(self.now));
                    let old = self.blobs.iter().filter(|(_, written)| is_old(written)).map(|(n, _)| content(*n));
                    let mut leftovers = Leftovers::new(old);
                    self.live.iter().for_each(|(_, contents, _)| leftovers.keep(&site(contents)));
                    for asked in &self.asked {
                        if let Some((_, written)) = asked.waits
                            && may_be_waited_for(at(written), Some(live_since))
                        {
                            leftovers.keep(&site(&asked.wants));
                        }
                    }
                    let found: Vec<Sha256> = leftovers.iter().collect();
                    self.found_at = self.now;
                    self.found = self.blobs.keys().copied().filter(|n| found.contains(&content(*n))).collect();
                }
                Act::Remove(n) => {
                    let n = nth(*n, self.found.len());
                    let Some(content) = self.found.get(n).copied() else { return Ok(()) };
                    self.found.remove(n);
                    let is_old = |written: &u64| Ages::default().is_old_content(at(*written), at(self.found_at));
                    if self.blobs.get(&content).is_some_and(is_old) {
                        self.blobs.remove(&content);
                    }
                }
            }
            Ok(())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        /// In whatever order people ask, upload, confirm, go back and approve while contents are removed: what is published
        /// has all of them.
        #[test]
        fn nothing_is_removed_that_a_publish_reads(acts in proptest::collection::vec(act(), 0..160)) {
            let mut world = World::default();
            for act in &acts {
                world.act(act)?;
            }
        }

        #[test]
        fn what_is_kept_never_goes(old in proptest::collection::btree_set(0u8..9, 0..9), kept in proptest::collection::vec(
            proptest::collection::btree_set(0u8..9, 0..5), 0..4)) {
            let mut leftovers = Leftovers::new(old.iter().map(|n| content(*n)));
            for contents in &kept {
                leftovers.keep(&site(&contents.iter().copied().collect::<Vec<_>>()));
            }
            let goes = |n: &u8| !kept.iter().any(|contents| contents.contains(n));
            let mut expected: Vec<Sha256> = old.iter().copied().filter(|n| goes(n)).map(content).collect();
            expected.sort();
            prop_assert_eq!(leftovers.is_empty(), expected.is_empty());
            prop_assert_eq!(leftovers.iter().collect::<Vec<_>>(), expected);
        }
    }
}
