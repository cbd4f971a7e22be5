//! Imports run one way: model <- store, aws, github, channel <- flow <- engine, server <- cli.

use proc_macro2::Delimiter;

use super::assert_none;
use super::source::{Kind, Source, sources};

/// What the files of a folder may name of the crate.
const MAY_IMPORT: [(&str, &[&str]); 10] = [
    ("config", &["config", "domain"]),
    ("model", &["model"]),
    ("store", &["model", "store"]),
    ("aws", &["aws", "model"]),
    ("channel", &["channel", "model"]),
    ("flow", &["aws", "channel", "flow", "github", "model", "store"]),
    ("engine", &["engine", "flow", "model", "store"]),
    ("local", &["local"]),
    ("server", &["aws", "channel", "engine", "flow", "github", "local", "model", "server", "store"]),
    ("cli", &["aws", "cli", "engine", "flow", "local", "model", "server", "store"]),
];

/// A file that may name more, and why.
const EXCEPTIONS: [(&str, &str); 2] = [
    // The one place where endpoints and credentials become clients: it makes the store's client too.
    ("aws/settings.rs", "store"),
    // The engine that is a service of AWS: nothing but a translation of that adapter's words.
    ("workflow/step_functions.rs", "aws"),
];

#[test]
fn imports_run_one_way() {
    let sources = sources();
    let mut faults = Vec::new();
    let mut used = Vec::new();
    for source in sources.iter().filter(|source| !source.folder().is_empty()) {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(folder, _)| *folder == source.folder()) else {
            faults.push(format!("src/{}/ has no place in the order of imports", source.folder()));
            continue;
        };
        for (at, named) in named_folders(source) {
            if let Some(exception) = EXCEPTIONS.iter().find(|entry| **entry == (&source.path, &named)) {
                used.push(exception);
            } else if !allowed.contains(&named.as_str()) {
                faults.push(format!("{} names crate::{named}", source.place(at)));
            }
        }
    }
    faults.extend(
        EXCEPTIONS
            .iter()
            .filter(|exception| !used.contains(exception))
            .map(|(path, named)| format!("src/{path} needs crate::{named} no more; take it off the exceptions")),
    );
    assert_none("A folder may import only what is below it (docs/ARCHITECTURE.md, \"The house\"):", faults);
}

/// The folders of the crate that a file names, each with the position of its token.
fn named_folders(source: &Source) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    let depth = module_depth(&source.path);
    let mut at = 0;
    while at < source.tokens.len() {
        let start = at;
        at += 1;
        let after = match source.name(start) {
            Some("crate") if start == 0 || !source.is_sign(start - 1, '$') => start + 1,
            Some("super") => match climb(source, start, depth) {
                Some(after) => after,
                None => continue,
            },
            _ => continue,
        };
        if source.is_path_sign(after) {
            named.extend(first_names(source, after + 2));
        }
    }
    named
}

/// How many modules a file is below the root of the crate.
fn module_depth(path: &str) -> usize {
    path.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").count()
}

/// Where a chain of `super::` ends, if it leads up to the root of the crate.
fn climb(source: &Source, start: usize, depth: usize) -> Option<usize> {
    if start >= 2 && source.is_path_sign(start - 2) {
        return None;
    }
    let mut steps = 1;
    let mut end = start + 1;
    while source.is_path_sign(end) && source.name(end + 2) == Some("super") {
        steps += 1;
        end += 3;
    }
    (steps >= depth).then_some(end)
}

/// The name that goes on a path, or each of those in braces.
fn first_names(source: &Source, at: usize) -> Vec<(usize, String)> {
    if let Some(name) = source.name(at) {
        return vec![(at, name.to_owned())];
    }
    let mut names = Vec::new();
    let mut open = 0;
    for position in at..source.tokens.len() {
        match &source.tokens[position].kind {
            Kind::Open(Delimiter::Brace) => open += 1,
            Kind::Close(Delimiter::Brace) => open -= 1,
            Kind::Name(name) if open == 1 && !source.is_sign(position - 1, ':') && name != "as" => {
                names.push((position, name.clone()));
            }
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
    names
}

#[test]
fn every_way_of_naming_a_folder_is_seen() {
    let text = "use crate::{aws::{Objects, x}, store}; use super::super::flow::app; use super::near; \
                fn f() { crate::model::time::now(); $crate::no; } pub(crate) fn g() {}";
    let source = Source::for_test("workflow/local.rs", text);
    let names: Vec<String> = named_folders(&source).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["aws", "store", "flow", "model"]);
}
