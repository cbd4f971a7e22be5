//! The states of a request and the one transition function between them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Upload addresses are handed out; nothing needs a decision yet.
    Ready,
    /// Waits for an approver.
    PendingApproval,
    /// Claimed by one approver; the work has not begun.
    Approved,
    /// The work goes on.
    Running,
    /// Ended: done.
    Completed,
    /// Ended: not done, or not wholly.
    Failed,
    /// Ended: an approver said no.
    Denied,
    /// Ended: nobody decided in time.
    Expired,
    /// Ended: withdrawn before a decision, or stopped on the way.
    Cancelled,
}

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The transition table below says what each one does.
pub enum Event {
    Submit,
    FirstApproval,
    Approve,
    Deny,
    Expire,
    Withdraw,
    Start,
    Complete,
    Fail,
    Cancel,
}

/// An event that cannot happen in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a request that is {from}")]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: Status,
    /// What was tried.
    pub event: Event,
}

impl Status {
    /// Every state.
    pub const ALL: [Status; 9] = [
        Status::Ready,
        Status::PendingApproval,
        Status::Approved,
        Status::Running,
        Status::Completed,
        Status::Failed,
        Status::Denied,
        Status::Expired,
        Status::Cancelled,
    ];

    /// The one transition function: the state after an event.
    pub fn after(self, event: Event) -> Result<Status, IllegalTransition> {
        use Event as E;
        use Status as S;
        match (self, event) {
            (S::Ready, E::Submit) => Ok(S::PendingApproval),
            (S::PendingApproval, E::FirstApproval) => Ok(S::PendingApproval),
            (S::PendingApproval, E::Approve) => Ok(S::Approved),
            (S::PendingApproval, E::Deny) => Ok(S::Denied),
            (S::Ready | S::PendingApproval, E::Expire) => Ok(S::Expired),
            (S::Ready | S::PendingApproval, E::Withdraw) => Ok(S::Cancelled),
            (S::Approved, E::Start) => Ok(S::Running),
            (S::Running, E::Complete) => Ok(S::Completed),
            (S::Ready | S::PendingApproval | S::Approved | S::Running, E::Fail) => Ok(S::Failed),
            (S::Approved | S::Running, E::Cancel) => Ok(S::Cancelled),
            _ => Err(IllegalTransition { from: self, event }),
        }
    }

    /// Whether nothing more can happen.
    pub fn has_ended(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Denied | Status::Expired | Status::Cancelled)
    }

    /// The word in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ready => "ready",
            Status::PendingApproval => "pending_approval",
            Status::Approved => "approved",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Denied => "denied",
            Status::Expired => "expired",
            Status::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVENTS: [Event; 10] = [
        Event::Submit,
        Event::FirstApproval,
        Event::Approve,
        Event::Deny,
        Event::Expire,
        Event::Withdraw,
        Event::Start,
        Event::Complete,
        Event::Fail,
        Event::Cancel,
    ];

    #[test]
    fn nothing_happens_after_the_end() {
        for status in Status::ALL.into_iter().filter(|status| status.has_ended()) {
            for event in EVENTS {
                assert!(status.after(event).is_err(), "{status} {event:?}");
            }
        }
    }

    #[test]
    fn words_are_those_of_serde() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    proptest! {
        /// Whatever happens in whatever order, the work begins only after an approval and never after a no.
        #[test]
        fn no_path_runs_without_an_approval(events in proptest::collection::vec(0..EVENTS.len(), 0..24)) {
            let mut status = Status::Ready;
            let mut seen = vec![];
            for index in events {
                if let Ok(next) = status.after(EVENTS[index]) {
                    seen.push(EVENTS[index]);
                    status = next;
                }
            }
            let starts = seen.iter().filter(|event| **event == Event::Start).count();
            let approvals = seen.iter().filter(|event| **event == Event::Approve).count();
            prop_assert!(approvals <= 1 && starts <= approvals);
            if seen.iter().any(|event| matches!(event, Event::Deny | Event::Expire | Event::Withdraw)) {
                prop_assert_eq!(starts, 0);
            }
        }
    }
}
