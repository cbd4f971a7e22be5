//! A library that could spread is named in its home only, so that it can be replaced there.

use super::assert_none;
use super::source::{Source, sources};

/// A crate (a `*` stands for any ending) and the places below `src/` that may name it. The first that matches counts.
const HOMES: [(&str, &[&str]); 13] = [
    ("aws_*", &["storage/", "aws/"]),
    ("serde_dynamo", &["storage/"]),
    ("axum", &["server/"]),
    ("tower*", &["server/"]),
    ("lambda_*", &["server/"]),
    ("rmcp", &["server/", "cli/"]),
    ("clap*", &["cli/", "main.rs"]),
    ("octocrab", &["github.rs"]),
    ("reqwest", &["cli/", "github.rs", "channels/"]),
    ("teloxide_core", &["channels/"]),
    ("indicatif", &["cli/"]),
    ("maud", &["server/web/"]),
    ("similar", &["domain/"]),
];

#[test]
fn libraries_stay_at_home() {
    let mut faults = Vec::new();
    let mut seen = [false; HOMES.len()];
    for source in &sources() {
        for at in 0..source.tokens.len() {
            let Some(name) = crate_name(source, at) else { continue };
            let Some(entry) = HOMES.iter().position(|(library, _)| matches(library, name)) else { continue };
            seen[entry] = true;
            let (_, homes) = HOMES[entry];
            if !homes.iter().any(|home| source.path.starts_with(home)) {
                faults.push(format!("{} names {name}, whose home is {}", source.place(at), homes.join(", ")));
            }
        }
    }
    let unseen = HOMES.iter().zip(seen).filter(|(_, seen)| !seen);
    faults.extend(unseen.map(|((library, _), _)| format!("{library} is named nowhere; take it off the list")));
    assert_none("Each library has its home:", faults);
}

/// The name at a position, if it is where a path starts and could be a crate.
fn crate_name(source: &Source, at: usize) -> Option<&str> {
    let name = source.name(at)?;
    let has_sign_before = at >= 2 && source.is_path_sign(at - 2);
    let start = if has_sign_before { at - 2 } else { at };
    let before = start.checked_sub(1).and_then(|before| source.name(before));
    let is_used = before == Some("use");
    // `::axum` starts a path, `server::axum` does not.
    let is_inside = has_sign_before && before.is_some() && !is_used;
    let goes_on = source.is_path_sign(at + 1) && name != "use";
    ((goes_on || is_used) && !is_inside).then_some(name)
}

fn matches(library: &str, name: &str) -> bool {
    match library.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == library,
    }
}

#[test]
fn every_way_of_naming_a_library_is_seen() {
    let text = "use axum::Router; use ::clap; #[derive(rmcp::Tool)] fn f(x: &aws_config::X) { a::reqwest::y(); }";
    let source = Source::for_test("flow/x.rs", text);
    let names: Vec<&str> = (0..source.tokens.len()).filter_map(|at| crate_name(&source, at)).collect();
    assert_eq!(names, ["axum", "clap", "rmcp", "aws_config", "a"]);
}
