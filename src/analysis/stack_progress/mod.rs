//! Tracks how far a running stack operation is, from its events.

mod cursors;
mod marks;
pub mod phrases;
mod progress;

pub use progress::{ResourceLine, StackOutcome, StackProgress};

#[cfg(test)]
mod tests;
