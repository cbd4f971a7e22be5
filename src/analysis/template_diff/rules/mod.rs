//! The rules of a diff: each checks one object at a time and notes what it hits, in the old template and in the new.

mod access;
mod check;
mod literals;
mod network;
mod storage;
mod values;
mod walker;
mod whole;

pub use check::hits;
pub use walker::{Hit, Watch};
