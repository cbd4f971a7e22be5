//! A kind of request is known to its own folder: no file outside `kinds/X` names X.

use std::collections::BTreeSet;

use super::assert_none;
use super::source::{Kind, Source, sources};

/// Kinds whose module is also an everyday word; they are recognized by `kinds::X` and by their name as a literal.
const EVERYDAY_WORDS: &[&str] = &["upload"];

/// Files that still name a kind: (file, kind). The list may only get shorter.
const KNOWN_LEAKS: &[(&str, &str)] = &[
    ("cli/demo.rs", "upload"),
    ("cli/watch.rs", "backend_deploy"),
    ("cli/watch/view.rs", "backend_deploy"),
    ("config/hosted.rs", "frontend_deploy"),
    ("kinds/site/mod.rs", "frontend_deploy"),
    ("server/web/releases.rs", "frontend_deploy"),
];

#[test]
fn kinds_are_named_in_their_own_folder_only() {
    let sources = sources();
    let kinds = kinds(&sources);
    assert!(kinds.len() >= 5, "{kinds:?}");
    let mut known = KNOWN_LEAKS.to_vec();
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.path != "kinds/mod.rs") {
        for kind in kinds.iter().filter(|kind| own_kind(&source.path) != Some(kind)) {
            let Some(at) = first_mention(source, kind) else { continue };
            if KNOWN_LEAKS.contains(&(&source.path, kind)) {
                known.retain(|entry| *entry != (&source.path, kind));
            } else {
                faults.push(format!("{} names a kind: (\"{}\", \"{kind}\")", source.place(at), source.path));
            }
        }
    }
    faults.extend(
        known.iter().map(|(path, kind)| format!("KNOWN_LEAKS: src/{path} no longer names {kind}; remove the entry")),
    );
    assert_none("Only kinds/X and kinds/mod.rs name the kind X:", faults);
}

/// The folders of kinds. What several kinds share is in folders that implement none.
fn kinds(sources: &[Source]) -> BTreeSet<String> {
    sources
        .iter()
        .filter(|source| source.text.contains("impl Kind for "))
        .filter_map(|source| own_kind(&source.path))
        .filter(|kind| *kind != "mod")
        .map(str::to_owned)
        .collect()
}

fn own_kind(path: &str) -> Option<&str> {
    path.strip_prefix("kinds/")?.split(['/', '.']).next()
}

fn first_mention(source: &Source, kind: &str) -> Option<usize> {
    let literal = format!("\"{kind}\"");
    (0..source.tokens.len()).find(|at| match &source.tokens[*at].kind {
        Kind::Name(name) if name == kind => {
            !EVERYDAY_WORDS.contains(&kind)
                || (*at >= 3 && source.is_path_sign(at - 2) && source.name(at - 3) == Some("kinds"))
        }
        Kind::Literal(text) => *text == literal,
        _ => false,
    })
}

#[test]
fn every_way_of_naming_a_kind_is_seen() {
    let names = |kind: &str, text: &str| first_mention(&Source::for_test("cli/x.rs", text), kind).is_some();
    assert!(names("backend_deploy", "use crate::kinds::backend_deploy;"));
    assert!(names("backend_deploy", "use crate::kinds::{upload, backend_deploy::x};"));
    assert!(names("backend_deploy", "fn f() { g(\"backend_deploy\") }"));
    assert!(!names("backend_deploy", "/// The backend_deploy.\nfn f() { g(\"a backend_deploy\") } // backend_deploy"));
    assert!(names("upload", "use crate::kinds::upload;"));
    assert!(names("upload", "fn f() { g(\"upload\") }"));
    assert!(!names("upload", "use crate::cli::upload; fn f(upload: u8) {}"));
}
