//! Black-box tests of the whole program, in one binary.

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
