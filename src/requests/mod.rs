//! The core of every request, whatever its kind: submit, decide, wait, carry out, recover, complete, and say where it
//! stands. It names no kind; kinds come in through [`kind::Kind`].

pub mod app;
pub mod cancel;
pub mod complete;
pub mod decide;
pub mod engine;
pub mod errors;
pub mod execution;
pub mod find;
pub mod kind;
pub mod lease;
pub mod page;
pub mod prompts;
pub mod quota;
pub mod recover;
pub mod schema;
pub mod single_flight;
pub mod stack_services;
pub mod status;
pub mod submit;
pub mod task;
pub mod text;
pub mod tool;
pub mod tools;
pub mod waiting;
pub mod work;
