//! Types and rules. No I/O, no async, no AWS types; imports nothing else of ours.

pub mod backend;
pub mod backend_run;
pub mod caller;
pub mod canonical;
pub mod changeset;
pub mod commit;
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
pub mod prompt;
pub mod request;
pub mod review;
pub mod stack_parameters;
pub mod stack_progress;
pub mod template;
pub mod template_diff;
pub mod time;
