//! Storage that refuses, stalls and breaks off, processes that die, and leases that are lost: each ends in a record
//! that is true, and in a bucket that the next deploy puts right.

mod adopt;
mod back;
mod channels;
mod ends;
mod large;
mod leases;
mod memory;
mod moves;
mod prune;
mod restarts;
mod slices;
mod sweep;
mod transient;
pub mod world;
