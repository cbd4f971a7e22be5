//! The local workflow engine: runs the files of `statemachines/` inside this process, durably.
//!
//! - [`asl`] is the Amazon States Language as far as our machines need it. It is pure: a definition, a snapshot of an
//!   execution and an event give the next snapshot. Anything outside the subset is refused when a file is loaded.
//! - [`local`] keeps the snapshots in the executions table and does what they ask for: run a task, wait for a time,
//!   wait for a task token. A snapshot is stored before the next step begins, so a process that dies anywhere runs
//!   at most the same task again and never skips one.
//!
//! Source: <https://states-language.net/spec.html> and the Step Functions developer guide.

pub mod asl;
mod driver;
pub mod local;
mod rows;
pub mod step_functions;
pub mod tasks;
