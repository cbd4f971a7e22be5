//! Defines the rules of a comparison. Each checks one object at a time, in both templates; what only one of them has
//! becomes a finding.

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
