//! The house rules, kept by reading the sources and the documents: which folder may import which, where a library may
//! be named, what code may not do, and that the documents speak of what is there.

mod circles;
mod commands;
mod documents;
mod environment;
mod groups;
mod homes;
mod imports;
mod kinds;
mod modules;
mod schemas;
mod shape;
mod snapshots;
pub mod source;
mod tools_page;

use std::path::{Path, PathBuf};

/// The top of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Fails with every fault there is, so that one run shows the whole of it.
fn assert_none(rule: &str, mut faults: Vec<String>) {
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{rule}\n  {}", faults.join("\n  "));
}
