//! Small shared types and rules. No I/O, no async, no AWS types; imports nothing else of ours.

pub mod hint;
pub mod approver;
pub mod audit;
pub mod backend;
pub mod caller;
pub mod canonical;
pub mod card;
pub mod channel;
pub mod digest;
pub mod document;
pub mod error;
pub mod history;
pub mod ids;
pub mod kind;
pub mod pass;
pub mod outcome;
pub mod progress;
pub mod project;
pub mod prompt;
pub mod quota;
pub mod request;
pub mod rule;
pub mod site;
pub mod text_diff;
pub mod time;
pub mod phrase;
