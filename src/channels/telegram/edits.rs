//! What each message was last made to say: one edit of a message at a time, never back to an earlier state, and reports of
//! progress at most once a second.

use crate::domain::prompt::Stage;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The shortest time between two reports of progress on one message.
const BETWEEN_REPORTS: Duration = Duration::from_secs(1);
/// How long a message is left alone after a report of progress could not be sent.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Messages that are remembered. One that was forgotten is edited once too often, which changes nothing.
const REMEMBERED: usize = 1000;

/// The messages of this process.
#[derive(Default)]
pub(super) struct Edits(Mutex<VecDeque<(String, Slot)>>);

/// One message, for whoever edits it.
pub(super) type Slot = Arc<tokio::sync::Mutex<Last>>;

/// What a message was last made to say.
#[derive(Default)]
pub(super) struct Last {
    text: Option<String>,
    age: Age,
    rest_until: Option<Instant>,
    pub pinned: bool,
}

/// How far a request has come, as far as a message tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Age {
    #[default]
    Asking,
    Running,
    Ended,
}

impl Age {
    pub(super) fn of(stage: &Stage) -> Self {
        match stage {
            Stage::Asking { .. } => Self::Asking,
            Stage::Running { .. } => Self::Running,
            Stage::Ended { .. } => Self::Ended,
        }
    }
}

impl Edits {
    pub(super) fn of(&self, message: &str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| known == message) {
            return slot.clone();
        }
        if slots.len() >= REMEMBERED {
            slots.pop_front();
        }
        let slot = Slot::default();
        slots.push_back((message.to_owned(), slot.clone()));
        slot
    }
}

impl Last {
    /// Whether the message is to say this now.
    pub(super) fn wants(&self, age: Age, text: &str, now: Instant) -> bool {
        let rests = self.is_progress(age) && self.rest_until.is_some_and(|until| now < until);
        age >= self.age && !rests && self.text.as_deref() != Some(text)
    }

    /// Whether another report on the work that goes on will follow.
    pub(super) fn is_progress(&self, age: Age) -> bool {
        age == Age::Running && self.age == Age::Running
    }

    pub(super) fn says(&mut self, age: Age, text: String, now: Instant) {
        self.text = Some(text);
        self.age = age;
        self.rest_until = Some(now + BETWEEN_REPORTS);
    }

    pub(super) fn failed(&mut self, after: Option<Duration>, now: Instant) {
        self.rest_until = Some(now + after.unwrap_or(AFTER_FAILURE).max(BETWEEN_REPORTS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_once_a_second_and_nothing_goes_back() {
        let (start, mut last) = (Instant::now(), Last::default());
        let at = |ms| start + Duration::from_millis(ms);
        assert!(last.wants(Age::Running, "0 of 9", at(0)));
        last.says(Age::Running, "0 of 9".into(), at(0));
        assert!(!last.wants(Age::Running, "1 of 9", at(900)));
        assert!(!last.wants(Age::Running, "0 of 9", at(1100)), "it says so already");
        assert!(last.wants(Age::Running, "2 of 9", at(1100)));
        last.failed(Some(Duration::from_secs(30)), at(1100));
        assert!(!last.wants(Age::Running, "3 of 9", at(20_000)));
        assert!(last.wants(Age::Ended, "done", at(1200)), "the end is not kept back");
        last.says(Age::Ended, "done".into(), at(1200));
        assert!(!last.wants(Age::Running, "8 of 9", at(60_000)), "a late report");
        assert!(!last.wants(Age::Asking, "?", at(60_000)));
    }

    #[test]
    fn messages_are_forgotten_in_their_order() {
        let edits = Edits::default();
        let first = edits.of("1/1");
        assert!(Arc::ptr_eq(&first, &edits.of("1/1")));
        (0..REMEMBERED).for_each(|n| drop(edits.of(&format!("2/{n}"))));
        assert!(!Arc::ptr_eq(&first, &edits.of("1/1")));
        assert_eq!(edits.0.lock().unwrap().len(), REMEMBERED);
    }
}
