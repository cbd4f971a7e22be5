//! Waiting for a state, never for a time.

use std::time::{Duration, Instant};

/// How long a test waits for something that ought to happen at once: generous, because tests share the machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Between two looks: little at first, more the longer it takes, so that those who wait leave the machine to the others.
const PAUSE: Duration = Duration::from_millis(15);
const LONGEST_PAUSE: Duration = Duration::from_millis(120);

/// CallerQuota `probe` again and again until it gives a value, and returns that.
///
/// # Panics
/// When `deadline` has passed; the message says what was waited for.
pub async fn wait_until<T>(what: &str, deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(start.elapsed() < deadline, "waited {deadline:?} in vain for: {what}");
        tokio::time::sleep((start.elapsed() / 25).clamp(PAUSE, LONGEST_PAUSE)).await;
    }
}
