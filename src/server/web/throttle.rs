//! Slows down who guesses: after some failed sign-ins an address must wait.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures within a window after which an address is not listened to until the window is over.
const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; keys are too long to be guessed from however many.
const ADDRESSES: usize = 1024;

/// Counts failed sign-ins by the address they came from.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<String, Failures>>);

struct Failures {
    since: Instant,
    count: u32,
}

impl Throttle {
    /// Whether somebody at this address must wait.
    pub(super) fn is_blocked(&self, address: &str, now: Instant) -> bool {
        self.lock().get(address).is_some_and(|it| it.count >= FAILURES && now < it.since + WINDOW)
    }

    /// Notes a failure.
    pub(super) fn note(&self, address: &str, now: Instant) {
        let mut known = self.lock();
        if known.len() >= ADDRESSES && !known.contains_key(address) {
            known.retain(|_, failures| now < failures.since + WINDOW);
            if known.len() >= ADDRESSES {
                known.clear();
            }
        }
        let failures = known.entry(address.to_owned()).or_insert(Failures { since: now, count: 0 });
        if now >= failures.since + WINDOW {
            *failures = Failures { since: now, count: 0 };
        }
        failures.count += 1;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_guesses_waits_and_no_other_does() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..FAILURES {
            assert!(!throttle.is_blocked("a", start));
            throttle.note("a", start);
        }
        assert!(throttle.is_blocked("a", start));
        assert!(!throttle.is_blocked("b", start));
        assert!(!throttle.is_blocked("a", start + WINDOW));
        throttle.note("a", start + WINDOW);
        assert!(!throttle.is_blocked("a", start + WINDOW));
    }

    #[test]
    fn no_number_of_addresses_fills_the_memory() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for number in 0..3 * ADDRESSES {
            throttle.note(&number.to_string(), start);
        }
        assert!(throttle.lock().len() <= ADDRESSES);
    }
}
