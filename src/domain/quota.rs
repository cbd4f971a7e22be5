//! How much one caller may ask of humans: so many requests in a minute, and so many that wait.

use super::ids::RequestId;
use super::time::Time;
use serde::{Deserialize, Serialize};

/// The span in which a caller's requests are counted, in seconds.
pub const SPAN_SECONDS: u64 = 60;
/// For how long what a caller asked is remembered after nothing of it can wait any more, in seconds.
const KEPT_SECONDS: u64 = 3600;

/// The limits; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLimits {
    /// Requests that need a human, in [`SPAN_SECONDS`].
    pub per_minute: usize,
    /// Requests that wait for a decision.
    pub pending: usize,
}

impl Default for QuotaLimits {
    fn default() -> Self {
        Self { per_minute: 5, pending: 10 }
    }
}

impl QuotaLimits {
    /// Whether nothing is counted.
    pub fn are_off(self) -> bool {
        self.per_minute == 0 && self.pending == 0
    }
}

/// One request that a caller asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedRequest {
    /// The request.
    pub request_id: RequestId,
    /// When it was asked.
    pub at: Time,
    /// Until when it can be decided.
    pub until: Time,
    /// Whether it is known to wait no more.
    #[serde(default)]
    pub over: bool,
}

/// What one caller asked lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerQuota {
    /// Grows with every change, so that none is lost.
    pub revision: u64,
    /// The requests, oldest first.
    pub asked: Vec<CountedRequest>,
    /// When the row may be forgotten: seconds since 1970.
    pub ttl: i64,
}

/// Why a caller may not ask for more now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// It asked too much in a short time.
    RateExceeded {
        /// In so many seconds it may ask again.
        retry_after: u64,
    },
    /// Too much of it waits. These are the requests, as far as is known.
    PendingExceeded(Vec<RequestId>),
}

impl CallerQuota {
    /// Notes that requests wait no more.
    pub fn end(&mut self, over: &[RequestId]) {
        self.asked.iter_mut().filter(|asked| over.contains(&asked.request_id)).for_each(|asked| asked.over = true);
    }

    /// The row with one more request, if the limits allow it.
    pub fn with(
        &self,
        request_id: &RequestId,
        at: Time,
        until: Time,
        limits: QuotaLimits,
    ) -> Result<Self, QuotaExceeded> {
        let waits = |asked: &&CountedRequest| !asked.over && asked.until > at;
        let is_recent = |asked: &&CountedRequest| at < asked.at.plus_seconds(SPAN_SECONDS);
        let recent: Vec<&CountedRequest> = self.asked.iter().filter(is_recent).collect();
        if limits.per_minute > 0 && recent.len() >= limits.per_minute {
            let first_to_go = recent.get(recent.len() - limits.per_minute);
            // Of many at one instant, one that was noted later may have been asked earlier.
            let left = |asked: &&CountedRequest| asked.at.plus_seconds(SPAN_SECONDS).seconds_left(at);
            let retry_after = first_to_go.map_or(1, left).clamp(1, SPAN_SECONDS);
            return Err(QuotaExceeded::RateExceeded { retry_after });
        }
        let waiting: Vec<RequestId> = self.asked.iter().filter(waits).map(|asked| asked.request_id.clone()).collect();
        if limits.pending > 0 && waiting.len() >= limits.pending {
            return Err(QuotaExceeded::PendingExceeded(waiting));
        }
        let mut asked: Vec<CountedRequest> =
            self.asked.iter().filter(|asked| waits(asked) || is_recent(asked)).cloned().collect();
        asked.push(CountedRequest { request_id: request_id.clone(), at, until, over: false });
        let last = asked.iter().map(|asked| asked.until).max().unwrap_or(at);
        let ttl = last.plus_seconds(KEPT_SECONDS).epoch_seconds();
        Ok(Self { revision: self.revision + 1, asked, ttl })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sixth_in_a_minute_and_the_eleventh_that_waits_are_refused() {
        let (limits, start) = (QuotaLimits::default(), Time::now());
        let mut asks = CallerQuota::default();
        for second in 0..5 {
            let at = start.plus_seconds(second);
            asks = asks.with(&RequestId::random(), at, at.plus_seconds(600), limits).unwrap();
        }
        let sixth = |at: Time| asks.with(&RequestId::random(), at, at.plus_seconds(600), limits);
        assert_eq!(sixth(start.plus_seconds(10)), Err(QuotaExceeded::RateExceeded { retry_after: 50 }));
        assert!(sixth(start.plus_seconds(60)).is_ok());

        for number in 0..5 {
            let at = start.plus_seconds(100 + number);
            asks = asks.with(&RequestId::random(), at, at.plus_seconds(600), limits).unwrap();
        }
        let at = start.plus_seconds(200);
        let Err(QuotaExceeded::PendingExceeded(waiting)) =
            asks.with(&RequestId::random(), at, at.plus_seconds(600), limits)
        else {
            panic!("the eleventh is refused")
        };
        assert_eq!(waiting.len(), 10);
        asks.end(&waiting[..1]);
        assert!(asks.with(&RequestId::random(), at, at.plus_seconds(600), limits).is_ok());
    }

    proptest! {
        /// However the asking goes, no minute has more than its limit and never do more wait.
        #[test]
        fn the_limits_hold(steps in proptest::collection::vec((0u64..40, 60u64..300), 1..60)) {
            let limits = QuotaLimits::default();
            let mut now = Time::now();
            let mut asks = CallerQuota::default();
            let mut admitted: Vec<(Time, Time)> = vec![];
            for (pause, window) in steps {
                now = now.plus_seconds(pause);
                if let Ok(after) = asks.with(&RequestId::random(), now, now.plus_seconds(window), limits) {
                    asks = after;
                    admitted.push((now, now.plus_seconds(window)));
                }
                let recent = admitted.iter().filter(|(at, _)| now < at.plus_seconds(SPAN_SECONDS)).count();
                let waiting = admitted.iter().filter(|(_, until)| *until > now).count();
                prop_assert!(recent <= limits.per_minute && waiting <= limits.pending);
            }
        }
    }
}
