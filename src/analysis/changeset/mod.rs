//! Assesses a change set: code only, or infrastructure that a human must approve.

mod assess;
mod description;
mod exposure;
mod resources;
mod verdict;

pub use assess::{Assessment, ChangeClass, ChangeCounts, assess};
pub use description::{Change, ChangeSet, Detail, ModuleInfo, ResourceChange, Target, resource_count};
pub use verdict::{AssessedChange, Replacement, Risk};

#[cfg(test)]
mod tests;
