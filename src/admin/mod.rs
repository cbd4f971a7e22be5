//! Administration: API keys, projects, sessions, and reading the audit chain.

pub mod audit;
pub mod keys;
pub mod passes;
pub mod project_backend;
pub mod project_import;
pub mod projects;
pub mod tools;
