//! Analyzes failures, templates, change sets and stack progress. Pure: no I/O.

pub mod changeset;
pub mod failure;
mod null_as_default;
pub mod stack_progress;
pub mod template;
pub mod template_diff;
