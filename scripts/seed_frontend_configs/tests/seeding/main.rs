//! Black-box tests: the real program against real tables.

mod interference;
mod local_profile;
mod refusals;
mod support;
mod tables;
