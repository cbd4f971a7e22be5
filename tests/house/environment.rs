//! `src/config/` is the only reader of the environment; the command line's parser may read options of clients.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use bouncer::config::{VARIABLES, Variable};
use proc_macro2::Delimiter;

use super::source::{Kind, Source, sources};
use super::{assert_none, repository};

/// Where variables may be read.
const HOME: &str = "config/";
/// Where `#[arg(env = "…")]` may name a variable.
const OPTIONS: &str = "cli/";

/// What a build gets from Bouncer; Bouncer does not read these.
const OF_BUILDS: [&str; 4] = ["BOUNCER_DEPLOY_ID", "BOUNCER_COMMIT", "BOUNCER_TEMPLATE", "BOUNCER_ARTIFACTS_PREFIX"];

#[test]
fn only_config_reads_the_environment() {
    let mut faults = Vec::new();
    let mut readers = 0;
    for source in &sources() {
        for at in reads(source) {
            readers += 1;
            if !source.path.starts_with(HOME) {
                faults.push(format!("{} reads a variable", source.place(at)));
            }
        }
        for at in env_attributes(source) {
            if !source.path.starts_with(OPTIONS) {
                faults.push(format!("{} names a variable for an option", source.place(at)));
            }
        }
    }
    assert!(readers > 0, "src/config/ was not recognised as a reader");
    assert_none("Settings are read in src/config/ and passed on:", faults);
}

/// Where a file names a function of `std::env` that reads or writes variables.
fn reads(source: &Source) -> Vec<usize> {
    let is_access = |name: &str| name.starts_with("var") || matches!(name, "set_var" | "remove_var");
    let mut places = Vec::new();
    for at in 0..source.tokens.len() {
        if source.name(at) == Some("option_env") && source.is_sign(at + 1, '!') {
            places.push(at);
        }
        if source.name(at) != Some("env") || !source.is_path_sign(at + 1) {
            continue;
        }
        let after = at + 3;
        let mut names = source.tokens[after..].iter();
        let is_list = names.clone().next().is_some_and(|token| token.kind == Kind::Open(Delimiter::Brace));
        let found = match is_list {
            true => names
                .take_while(|token| token.kind != Kind::Close(Delimiter::Brace))
                .any(|token| matches!(&token.kind, Kind::Name(name) if is_access(name))),
            // A glob hides which functions are used.
            false => names.next().is_some_and(|token| match &token.kind {
                Kind::Name(name) => is_access(name),
                kind => *kind == Kind::Sign('*'),
            }),
        };
        if found {
            places.push(at);
        }
    }
    places
}

/// Where an attribute of an option names a variable: `env = "…"` or a bare `env`.
fn env_attributes(source: &Source) -> Vec<usize> {
    let is_value = |at: usize| source.tokens.get(at).is_some_and(|token| matches!(token.kind, Kind::Literal(_)));
    (0..source.tokens.len())
        .filter(|at| source.name(*at) == Some("env") && source.is_sign(at + 1, '=') && is_value(at + 2))
        .collect()
}

#[test]
fn every_way_of_reading_is_seen() {
    let count = |text: &str| {
        let source = Source::for_test("server/x.rs", text);
        (reads(&source).len(), env_attributes(&source).len())
    };
    assert_eq!(count(r#"fn f() { std::env::var("A"); env::var_os("B"); std::env::vars_os(); }"#), (3, 0));
    assert_eq!(count("use std::env::var; use std::env::{args, var_os}; use std::env::*;"), (3, 0));
    assert_eq!(count(r#"struct A { #[arg(long, env = "BOUNCER_URL")] url: String }"#), (0, 1));
    assert_eq!(count(r#"fn f() { std::env::args_os(); env!("CARGO_PKG_VERSION"); option_env!("B"); }"#), (1, 0));
    assert_eq!(count("use std::env::{args, temp_dir}; fn f() { var(1) }"), (0, 0));
}

/// The names that look like variables of Bouncer in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words.filter(|word| word.starts_with("BOUNCER_") && word.len() > "BOUNCER_".len()).collect()
}

#[test]
fn every_named_variable_exists() {
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).chain(OF_BUILDS).collect();
    let mut faults = Vec::new();
    let mut check = |place: &str, text: &str| {
        faults.extend(named(text).difference(&known).map(|name| format!("{place} names {name}")));
    };
    for path in ["README.md", "infra/template.yaml", "infra/buildspec.yaml"] {
        check(path, &fs::read_to_string(repository().join(path)).unwrap());
    }
    for entry in fs::read_dir(repository().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            check(&path.display().to_string(), &fs::read_to_string(&path).unwrap());
        }
    }
    for source in sources().iter().filter(|source| !source.tokens.is_empty()) {
        check(&format!("src/{}", source.path), source.text.split("#[cfg(test)]").next().unwrap_or_default());
    }
    assert_none("Variables are listed in src/config/variables.rs:", faults);
}

const BEGIN: &str =
    "<!-- Written from src/config/variables.rs: UPDATE_DOCS=1 cargo test --test main the_table_of_variables -->\n";
const END: &str = "<!-- End of the table -->\n";

#[test]
fn the_table_of_variables_is_what_the_program_reads() {
    let path = repository().join("docs/INSTALL.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/INSTALL.md has a place for the table");
    let (_, after) = rest.split_once(END).expect("the table ends");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == wanted,
        "docs/INSTALL.md does not list the variables that the program reads; rewrite it with \
         UPDATE_DOCS=1 cargo test --test main the_table_of_variables"
    );
}

fn table() -> String {
    let mut text = String::new();
    let mut area = None;
    for Variable { name, area: of, meaning, form, default, .. } in VARIABLES {
        if area != Some(*of) {
            area = Some(*of);
            writeln!(text, "\n### {}\n\n| variable | sets | value | default |\n|---|---|---|---|", of.heading())
                .unwrap();
        }
        let form = form.replace('|', "\\|").replace('*', "\\*");
        writeln!(text, "| `{name}` | {meaning} | {form} | {default} |").unwrap();
    }
    text.push('\n');
    text
}
