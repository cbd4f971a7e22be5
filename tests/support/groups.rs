//! Which group of tests may use which tools, as `tests/groups.txt` lists them.

/// The group of every test that is not listed.
const CORE: &str = "core";

/// The groups and paths (modules or tests) of this test program.
pub fn groups() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../groups.txt").lines().filter(|line| !line.starts_with('#'));
    let fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = fields.filter_map(|fields| match fields[..] {
        [group, "bouncer::main", path] => Some((group, path)),
        [_, _, _] => None,
        _ => panic!("tests/groups.txt: {fields:?}"),
    });
    own.collect()
}

/// Whether a test is what a path names, or below it.
pub fn is_below(test: &str, path: &str) -> bool {
    test.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The group of a test of this program: that of the longest path it is below.
pub fn group_of(test: &str) -> &'static str {
    let paths = groups().into_iter().filter(|(_, path)| is_below(test, path));
    paths.max_by_key(|(_, path)| path.len()).map_or(CORE, |(group, _)| group)
}

/// Checks that the running test is in a group for which `scripts/test` sets up this tool.
///
/// # Panics
/// When it is not: it would pass or fail by what happens to be installed.
pub fn assert_may_use(tool: &str, allowed: &[&str]) {
    // cargo-nextest names the test; `cargo test` names the thread, but work may be on another one.
    let Ok(test) = std::env::var("NEXTEST_TEST_NAME") else { return };
    let group = group_of(&test);
    assert!(allowed.contains(&group), "{test} uses {tool} but is in the group {group}: see tests/groups.txt");
}
