//! Bouncer ships software to AWS after one human approval.
//!
//! The folders tell the story, and imports run one way:
//! `model` (pure rules) <- `store`, `aws`, `github`, `channel` (adapters) <- `flow` (use cases) <- `engine`, `server` <- `cli`.

#![warn(missing_docs)]

pub mod admin;
pub mod analysis;
pub mod aws;
pub mod channels;
pub mod cli;
pub mod config;
pub mod domain;
pub mod github;
pub mod kinds;
pub mod policy;
pub mod requests;
pub mod server;
pub mod storage;
pub mod workflow;
