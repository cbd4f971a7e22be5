//! The Python tools that `scripts/test` installs, a folder for each group of tests.

use std::path::{Path, PathBuf};

use super::groups::assert_may_use;

/// The path of a program in the Python folder of a group.
///
/// # Panics
/// When the set-up was not done: a test without its tools has not passed.
pub fn python_tool(group: &str, name: &str) -> PathBuf {
    // Backend deploys that the page shows run on the emulator too.
    assert_may_use(name, if group == "emulator" { &["browser", "emulator"] } else { &["clients"] });
    let path = folder(group).join(name);
    assert!(path.exists(), "{name} is not installed ({}): run scripts/test --setup-only {group}", path.display());
    path
}

/// A Python without any packages, for both groups that run programs in terminals.
///
/// # Panics
/// As `python_tool`.
pub fn python() -> PathBuf {
    assert_may_use("python", &["clients", "emulator"]);
    let mut places = ["clients", "emulator"].map(|group| folder(group).join("python")).into_iter();
    places.find(|place| place.exists()).expect("python is not installed: run scripts/test --setup-only clients")
}

fn folder(group: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".testenv").join(group).join("bin")
}
