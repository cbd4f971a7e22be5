//! A backend deploy: asked for, built from one commit, compared, approved, executed, and recorded.

pub(crate) mod begin;
pub(crate) mod build;
pub mod cancel;
pub(crate) mod change_set;
pub(crate) mod execute;
pub(crate) mod github_status;
pub mod logs;
pub(crate) mod outcome;
pub(crate) mod preflight;
pub mod request;
pub(crate) mod review;
pub(crate) mod seal;
pub(crate) mod services;
pub(crate) mod source;
pub(crate) mod stop;
pub(crate) mod watch;
pub(crate) mod work;

pub use begin::begin;
pub use build::{check_build, start_build};
pub use change_set::{check_change_set, create_change_set};
pub use execute::execute;
pub(crate) use outcome::close_orphan;
pub use outcome::{BackendResult, FailureEvent, complete, fail, not_begun, turned_down};
pub use services::{Backend, BackendSettings};
pub use source::fetch_source;
pub use watch::check_stack;
