//! Retry policies, one for each reason to retry. Each gives the pauses between the attempts.

use backon::ExponentialBuilder;
use std::time::Duration;

/// For writers that compete for a row: short, random pauses, given up after a few seconds.
pub const CONTENTION: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(3))
    .with_factor(1.5)
    .with_max_delay(Duration::from_millis(100))
    .with_max_times(40)
    .with_jitter();

/// For a lock that its owner holds for seconds at most.
pub const LOCK: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(5))
    .with_factor(1.5)
    .with_max_delay(Duration::from_millis(50))
    .without_max_times()
    .with_total_delay(Some(Duration::from_secs(20)))
    .with_jitter();

/// For work that has nobody else to do it: as long as the outage takes.
pub const OUTAGE: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_secs(5))
    .without_max_times();

#[cfg(test)]
mod tests {
    use super::*;
    use backon::BackoffBuilder as _;

    #[test]
    fn contention_ends_within_seconds() {
        let pauses: Vec<Duration> = CONTENTION.build().collect();
        let total: Duration = pauses.iter().sum();
        assert_eq!(pauses.len(), 40);
        assert!((Duration::from_secs(2)..Duration::from_secs(10)).contains(&total), "{total:?}");
    }

    #[test]
    fn a_lock_is_waited_for_longer_than_its_owner_may_hold_it() {
        let total: Duration = LOCK.build().sum();
        assert!((Duration::from_secs(15)..=Duration::from_secs(21)).contains(&total), "{total:?}");
    }

    #[test]
    fn an_outage_is_waited_out() {
        let pauses: Vec<Duration> = OUTAGE.build().take(1000).collect();
        assert_eq!(pauses.len(), 1000);
        assert_eq!(pauses.last(), Some(&Duration::from_secs(5)));
    }
}
