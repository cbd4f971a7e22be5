//! Small shared types and rules. No I/O, no async, no AWS types; imports nothing else of ours.

pub mod activity;
pub mod approver;
pub mod audit;
pub mod backend;
pub mod budget;
pub mod caller;
pub mod canonical;
pub mod digest;
pub mod error;
pub mod history;
pub mod ids;
pub mod language;
pub mod maintenance;
pub mod pass;
pub mod plan;
pub mod profile;
pub mod progress;
pub mod project;
pub mod prompt;
pub mod quota;
pub mod request;
pub mod review;
pub mod site;
pub mod time;
