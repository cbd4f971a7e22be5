//! The page for approvers: over plain HTTP, and in a real browser.

mod browser;
mod function;
mod http;
mod sessions;
