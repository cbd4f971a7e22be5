//! Black-box tests of the whole program, in one binary.

mod cli;
mod crash;
mod engine;
mod house;
mod infra;
mod load;
mod local;
mod mcp;
mod support;
mod tools;
