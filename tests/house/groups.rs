//! Every test is in exactly one group of `scripts/test`, and `tests/groups.txt` says nothing in vain.

use std::process::Command;

use super::assert_none;
use crate::support::{group_of, groups, is_below};

/// The groups of `scripts/test`, except `core`.
const GROUPS: [&str; 4] = ["browser", "clients", "emulator", "endurance"];

#[test]
fn the_list_of_groups_fits_the_tests() {
    let tests = tests();
    assert!(tests.len() > 300, "{} tests", tests.len());
    let mut faults = Vec::new();
    for (index, (group, path)) in groups().into_iter().enumerate() {
        if !GROUPS.contains(&group) {
            faults.push(format!("{group} is no group of scripts/test"));
        }
        if !tests.iter().any(|test| is_below(test, path) && group_of(test) == group) {
            faults.push(format!("{path} puts no test into {group}"));
        }
        // A test has one longest path unless a path is listed twice.
        if groups()[..index].iter().any(|(_, other)| *other == path) {
            faults.push(format!("{path} is listed twice"));
        }
    }
    assert_none("tests/groups.txt gives tests their groups:", faults);
}

#[test]
fn the_longest_path_says_the_group() {
    assert_eq!(group_of("visitor::odd::edits_that_hide_are_seen"), "endurance");
    assert_eq!(group_of("visitor::sees_whole_sites_before_a_cdn_that_is_told_what_changed"), "emulator");
    assert_eq!(group_of("backend::asking::x"), "emulator");
    assert_eq!(group_of("backends::x"), "core");
}

/// The tests of this program, as it lists them.
fn tests() -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--list", "--format", "terse"]).output().unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}
