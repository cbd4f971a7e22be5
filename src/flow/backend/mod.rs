//! A backend deploy: asked for, built from one commit, compared, approved, executed, and recorded.

mod begin;
mod build;
pub mod cancel;
mod change_set;
mod execute;
mod infrastructure;
pub mod logs;
mod outcome;
mod preflight;
pub mod request;
mod review;
mod seal;
mod services;
mod source;
mod stop;
mod tell;
mod watch;
mod work;

pub use begin::begin;
pub use build::{check_build, start_build};
pub use change_set::{check_change_set, create_change_set};
pub use execute::execute;
pub use infrastructure::{ask_infrastructure, expire_infrastructure, remind_infrastructure};
pub(super) use outcome::close_orphan;
pub use outcome::{BackendResult, FailureEvent, complete, fail, not_begun, turned_down};
pub use services::{Backend, BackendSettings};
pub use source::fetch_source;
pub use watch::check_stack;
