//! The question whether a change set that a deploy computed may be executed.

pub mod question;
