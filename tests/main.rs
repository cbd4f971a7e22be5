//! Black-box tests of the whole program, in one binary.

mod local;
mod mcp;
mod support;
mod tools;
