//! Finds why a deploy failed: the root cause behind all the rows, phases and events that report it.

mod build;
mod events;
mod hints;
mod reasons;
mod stack;
mod summary;
mod tree;

pub use build::{Build, BuildFailure, Phase, PhaseContext, build_failure};
pub use events::{STACK_TYPE, StackEvent, of_operation};
pub use hints::{CommonCause, hint};
pub use reasons::only_follows;
pub use stack::{FailedResource, StackFailure, stack_failure};
pub use summary::{build_summary, error_lines, error_summary, readable};
pub use tree::{Branch, tree};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod records;
