//! Black-box tests of the whole program, in one binary.

mod cli;
mod engine;
mod faults;
mod local;
mod mcp;
mod support;
mod tools;
