//! The page for approvers: over plain HTTP, and in a real browser.

mod browser;
mod buttons;
mod function;
mod http;
mod sessions;

pub use sessions::Session;
