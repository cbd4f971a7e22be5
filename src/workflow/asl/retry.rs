//! `Retry` and `Catch`: which error names they match, and how long a retry waits.

use super::execution::Failure;
use super::paths::ResultPath;
use std::time::Duration;

/// The error names a retrier or catcher answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorEquals(pub Vec<String>);

impl ErrorEquals {
    /// `States.ALL`: every error that can be caught.
    pub const ALL: &'static str = "States.ALL";
    /// `States.TaskFailed`: every error that can be caught, but not a timeout.
    pub const TASK_FAILED: &'static str = "States.TaskFailed";

    /// Whether an error of this name is meant. `States.Runtime` and `States.DataLimitExceeded` never are.
    pub fn matches(&self, error: &str) -> bool {
        !Failure::is_terminal(error)
            && self.0.iter().any(|name| match name.as_str() {
                Self::ALL => true,
                Self::TASK_FAILED => error != Failure::TIMEOUT,
                name => name == error,
            })
    }
}

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    /// The errors it answers to.
    pub errors: ErrorEquals,
    /// Seconds before the first retry.
    pub interval_seconds: u32,
    /// What each further wait is multiplied with; at least 1.
    pub backoff_rate: f64,
    /// How many retries there are at most; 0 means none.
    pub max_attempts: u32,
    /// The longest wait in seconds.
    pub max_delay_seconds: Option<u32>,
}

impl Retrier {
    /// How long to wait when this retrier has been used `used` times before.
    pub fn delay(&self, used: u32) -> Duration {
        // Ten years: more than any wait that is meant, and no overflow whatever the rate is.
        const LONGEST: f64 = 315_360_000.0;
        let exponent = i32::try_from(used).unwrap_or(i32::MAX);
        let seconds = f64::from(self.interval_seconds) * self.backoff_rate.powi(exponent);
        Duration::from_secs_f64(seconds.min(self.max_delay_seconds.map_or(LONGEST, f64::from)).min(LONGEST))
    }
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catcher {
    /// The errors it answers to.
    pub errors: ErrorEquals,
    /// Where `{"Error", "Cause"}` goes in the state's input.
    pub result_path: ResultPath,
    /// The state that goes on.
    pub next: String,
}
