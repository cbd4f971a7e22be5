//! Types of a backend: its repository and commit, its stack, and what a deploy of it has done.

pub mod commit;
pub mod parameters;
pub mod run;
pub mod stack_action;
pub mod target;
