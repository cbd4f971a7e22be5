//! Black-box tests of the whole program, in one binary.

mod mcp;
mod support;
mod tools;
