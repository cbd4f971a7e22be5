//! The use cases, one file each, readable from top to bottom. Nothing here knows of HTTP, MCP or a command line.

pub mod app;
pub mod approval;
pub mod backend;
mod errors;
pub mod execution;
pub mod frontend;
pub mod keys;
mod lease;
pub mod ports;
pub mod project_backend;
pub mod projects;
pub mod prompts;
pub mod staging;
pub mod status;
mod transition;
pub mod upload;
mod wording;
