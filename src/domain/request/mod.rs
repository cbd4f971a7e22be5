//! A request: what was asked, by whom, what it would do, and how it ended.

mod decision;
mod envelope;
mod status;

pub use decision::{Cancellation, Decision, Verdict};
pub use envelope::{Lifetime, REMIND_AFTER, Request, first_wait};
pub use status::{Event, IllegalTransition, Status};
