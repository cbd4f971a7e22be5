//! Types and rules. No I/O, no async, no AWS types; imports nothing else of ours.

pub mod caller;
pub mod canonical;
pub mod digest;
pub mod error;
pub mod ids;
pub mod time;
