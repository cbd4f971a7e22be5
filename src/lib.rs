//! Bouncer ships software to AWS after one human approval.
//!
//! The folders tell the story, and imports run one way:
//! `model` (pure rules) <- `store`, `aws`, `github`, `channel` (adapters) <- `flow` (use cases) <- `engine`, `server` <- `cli`.

#![warn(missing_docs)]

pub mod aws;
pub mod channel;
pub mod cli;
pub mod engine;
pub mod flow;
pub mod github;
#[cfg(feature = "local")]
pub mod local;
pub mod model;
pub mod server;
pub mod store;
