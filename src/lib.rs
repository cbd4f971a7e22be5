//! Bouncer ships software to AWS after one human approval.
//!
//! Imports run downwards: `domain` (types and rules) <- `policy`, `analysis` (pure decisions) <- `storage`, `aws`, `github`,
//! `channels` (adapters) <- `requests` (what every request goes through) <- `admin` <- `kinds` <- `workflow`, `server` <- `cli`.

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
