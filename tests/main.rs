//! Black-box tests of the whole program, in one binary.

mod aws;
mod cli;
mod engine;
mod infra;
mod local;
mod mcp;
mod support;
mod tools;
