//! The core of every request, whatever its kind: submit, decide, expire, cancel, recover, complete, status.

pub mod app;
pub mod approval;
pub mod decide;
pub mod engine;
pub mod errors;
pub mod execution;
pub mod lease;
pub mod page;
pub mod prompts;
pub mod single_flight;
pub mod status;
pub mod submit;
pub mod text;
pub mod transition;
