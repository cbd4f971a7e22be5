//! Records the releases that went live, and decides how long their contents are kept.

use crate::domain::digest::Sha256;
use crate::domain::ids::{ReleaseId, RequestId};
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};

/// The most releases a project may keep.
const MAX_RELEASES: u32 = 100;
/// The longest grace period: 90 days.
const MAX_GRACE_HOURS: u32 = 90 * 24;

/// A release that went live. The project's row lists them oldest first, the current one last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRelease {
    /// The id of the release.
    pub release_id: ReleaseId,
    /// The request that created it.
    pub request_id: RequestId,
    /// When it went live.
    pub live_at: Time,
    /// The hash of its canonical manifest.
    pub manifest: Sha256,
    /// The number of files.
    pub files: usize,
    /// The bytes of all files.
    pub bytes: u64,
    /// The earlier release whose files it has, if it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<ReleaseId>,
    /// Whether it was adopted, so that nothing was published.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// How long earlier releases stay in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The number of releases to keep, including the current one.
    pub releases: u32,
    /// The hours that files stay after a release without them went live: open pages still request them.
    pub grace_hours: u32,
}

impl Retention {
    /// The retention of a project that sets none.
    pub const DEFAULT: Retention = Retention { releases: 5, grace_hours: 24 };

    /// Describes the accepted numbers of releases.
    pub fn expected_releases() -> String {
        format!("1 to {MAX_RELEASES} releases to keep")
    }

    /// Describes the accepted grace periods.
    pub fn expected_grace() -> String {
        format!("0 to {MAX_GRACE_HOURS} hours of grace")
    }

    /// Tells whether a number of releases is accepted.
    pub fn accepts_releases(releases: u32) -> bool {
        (1..=MAX_RELEASES).contains(&releases)
    }

    /// Tells whether a grace period is accepted.
    pub fn accepts_grace(hours: u32) -> bool {
        hours <= MAX_GRACE_HOURS
    }

    /// Counts the releases, from the oldest, that are no longer needed: they are beyond the number to keep, and their
    /// successor has been live for longer than the grace period.
    pub fn outlived(self, live: &[LiveRelease], now: Time) -> usize {
        let beyond = live.len().saturating_sub(usize::try_from(self.releases.max(1)).unwrap_or(usize::MAX));
        // A release is followed by the one that dropped what only it needs.
        live.windows(2).take(beyond).take_while(|pair| self.is_over(pair[1].live_at, now)).count()
    }

    /// Tells whether a grace period has ended.
    pub fn is_over(self, since: Time, now: Time) -> bool {
        since.plus_seconds(u64::from(self.grace_hours) * 3600) <= now
    }
}

/// Returns the default target of a rollback: the latest release before the current one with different files. From a
/// rollback it leads further back, not forward again.
pub fn before_current(live: &[LiveRelease]) -> Option<&LiveRelease> {
    let (current, mut earlier) = live.split_last()?;
    let mut standing = current;
    while let Some(restored) = &standing.restores
        && let Some(at) = earlier.iter().position(|release| release.release_id == *restored)
    {
        standing = &earlier[at];
        earlier = &earlier[..at];
    }
    earlier.iter().rev().find(|release| release.manifest != current.manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: usize) -> ReleaseId {
        ReleaseId::parse(format!("rel-{n:012x}")).unwrap()
    }

    fn at(hours: u64) -> Time {
        Time::from_millis(0).plus_seconds(hours * 3600)
    }

    fn release(n: usize, manifest: u8, live_at: Time) -> LiveRelease {
        LiveRelease {
            release_id: id(n),
            request_id: RequestId::random(),
            live_at,
            manifest: Sha256::of(&[manifest]),
            files: 1,
            bytes: 1,
            restores: None,
            adopted: false,
        }
    }

    /// One release an hour.
    fn hourly(count: usize) -> Vec<LiveRelease> {
        (0..count).map(|n| release(n, u8::try_from(n).unwrap(), at(n as u64))).collect()
    }

    #[test]
    fn what_is_outlived() {
        let live = hourly(8);
        for (releases, grace_hours, now, outlived) in [
            (5, 24, 8, 0),  // Nothing is old enough.
            (5, 0, 8, 3),   // Only the number counts.
            (5, 24, 25, 1), // The first was replaced an hour after it went live.
            (5, 24, 26, 2),
            (5, 24, 500, 3), // Only the number counts again.
            (1, 0, 8, 7),    // The current one always stays.
            (0, 0, 8, 7),
            (100, 0, 500, 0),
        ] {
            let retention = Retention { releases, grace_hours };
            assert_eq!(retention.outlived(&live, at(now)), outlived, "{retention:?} after {now} hours");
        }
        assert_eq!(Retention::DEFAULT.outlived(&[], at(9)), 0);
    }

    #[test]
    fn going_back_leads_further_back_each_time() {
        let mut live = hourly(3);
        let named = |release: Option<&LiveRelease>| release.map(|release| release.release_id.clone());
        assert_eq!(named(before_current(&live)), Some(id(1)));
        let mut back = release(3, 1, at(3));
        back.restores = Some(id(1));
        live.push(back);
        assert_eq!(named(before_current(&live)), Some(id(0)));
        // The same site once more is no step back.
        live.push(release(4, 7, at(4)));
        live.push(release(5, 7, at(5)));
        assert_eq!(named(before_current(&live)), Some(id(3)));
        assert_eq!(before_current(&live[..1]), None);
        assert_eq!(before_current(&[]), None);
    }

    proptest! {
        #[test]
        fn the_last_ones_and_those_in_grace_stay(
            steps in proptest::collection::vec(0u64..50, 0..20), releases in 0u32..8, grace in 0u32..60, wait in 0u64..80,
        ) {
            let mut now = 0;
            let live: Vec<LiveRelease> = steps.iter().enumerate().map(|(n, step)| {
                now += step;
                release(n, u8::try_from(n).unwrap(), at(now))
            }).collect();
            let now = at(now + wait);
            let outlived = Retention { releases, grace_hours: grace }.outlived(&live, now);
            prop_assert!(live.is_empty() || outlived < live.len());
            for (n, pair) in live.windows(2).enumerate() {
                let replaced = now.seconds_since(pair[1].live_at) / 3600;
                let stays = live.len() - n <= releases as usize || replaced < u64::from(grace);
                // Times only grow, so whatever stays, all after it stay too.
                prop_assert_eq!(n >= outlived, stays, "{} of {}", n, outlived);
            }
        }
    }
}
