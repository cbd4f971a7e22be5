//! Black-box tests of the whole program, in one binary.

// Helpers of tests, which clippy.toml does not know as such.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod approvals;
mod aws;
mod backend;
mod cli;
mod crash;
mod engine;
mod faults;
mod fuzz;
mod house;
mod infra;
mod load;
mod local;
mod mcp;
mod support;
mod telegram;
mod tools;
mod visitor;
mod web;
