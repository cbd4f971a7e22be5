//! Black-box tests: the real program against real tables.

// Helpers of tests, which clippy.toml does not know as such.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod interference;
mod local_profile;
mod refusals;
mod support;
mod tables;
