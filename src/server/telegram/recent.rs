//! Numbers that were seen lately, as many as are worth keeping.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// How many are kept.
const KEPT: usize = 4096;

/// Numbers that were seen lately.
#[derive(Default)]
pub(super) struct Recent(Mutex<(HashSet<i64>, VecDeque<i64>)>);

impl Recent {
    /// Whether a number is seen for the first time; from now on it is not.
    pub(super) fn is_new(&self, number: i64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *seen;
        if !known.insert(number) {
            return false;
        }
        order.push_back(number);
        if order.len() > KEPT
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let recent = Recent::default();
        assert!(recent.is_new(7) && !recent.is_new(7));
        (100..100 + KEPT as i64).for_each(|number| assert!(recent.is_new(number)));
        assert!(!recent.is_new(101) && recent.is_new(7));
    }
}
