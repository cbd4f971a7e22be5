//! Types and rules. No I/O, no async, no AWS types; imports nothing else of ours.

pub mod caller;
pub mod canonical;
pub mod changeset;
pub mod digest;
pub mod error;
pub mod failure;
pub mod headers;
pub mod history;
pub mod ids;
pub mod invalidation;
pub mod manifest;
pub mod paths;
pub mod plan;
pub mod progress;
pub mod project;
pub mod request;
pub mod stack_progress;
pub mod time;
