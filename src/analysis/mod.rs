//! Pure analysis of what AWS and repositories say: failures, templates, change sets, stack progress. No I/O.

pub mod changeset;
pub mod failure;
mod null_as_default;
pub mod stack_progress;
pub mod template;
pub mod template_diff;
pub mod text_diff;
