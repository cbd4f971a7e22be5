//! Points in time as records and answers carry them.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A point in time: UTC, whole milliseconds. Written as ISO 8601 with `Z` and always three decimals, so that the
/// order of the texts, which indexes sort by, is the order of the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Time(Timestamp);

impl Time {
    /// The present.
    pub fn now() -> Self {
        Self::from_millis(Timestamp::now().as_millisecond())
    }

    /// Milliseconds since 1970.
    pub fn from_millis(ms: i64) -> Self {
        Self(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// This time plus some seconds; stays at the end of representable time instead of overflowing.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        Self(self.0.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX))
    }

    /// This time less some seconds.
    #[must_use]
    pub fn minus_seconds(self, seconds: u32) -> Self {
        Self(self.0.checked_sub(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MIN))
    }

    /// Whole seconds from an earlier time to this one; 0 when the other is later.
    pub fn seconds_since(self, earlier: Time) -> u64 {
        u64::try_from(self.0.duration_since(earlier.0).as_secs()).unwrap_or(0)
    }

    /// Seconds from another time to this one, a part of a second counted as a whole; 0 when this one has passed. For
    /// what is left of a window: one that has just been opened shows its whole length.
    pub fn seconds_left(self, now: Time) -> u64 {
        u64::try_from(self.0.duration_since(now.0).as_millis()).unwrap_or(0).div_ceil(1000)
    }

    /// The same for calculations.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Seconds since 1970, the form of DynamoDB's `ttl`.
    pub fn epoch_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// The UTC day, `YYYY-MM-DD`.
    pub fn day(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl TryFrom<String> for Time {
    type Error = jiff::Error;
    fn try_from(text: String) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

impl From<Time> for String {
    fn from(time: Time) -> String {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_sort_as_times_do() {
        let whole = Time::try_from("2026-01-02T03:04:05Z".to_owned()).unwrap();
        assert_eq!(whole.to_string(), "2026-01-02T03:04:05.000Z");
        let later = Time::try_from("2026-01-02T03:04:05.100Z".to_owned()).unwrap();
        assert!(whole < later && whole.to_string() < later.to_string());
        assert_eq!(whole.plus_seconds(60).seconds_since(whole), 60);
        assert_eq!(whole.seconds_since(later), 0);
        assert_eq!(whole.day(), "2026-01-02");
    }
}
