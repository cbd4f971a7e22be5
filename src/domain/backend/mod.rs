//! A backend: the repository and commit it comes from, and the stack it becomes.

pub mod build_log;
pub mod change_set;
pub mod commit;
pub mod parameters;
pub mod stack_action;
pub mod target;
