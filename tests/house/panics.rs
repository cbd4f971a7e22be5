//! Nothing that comes from outside ends the process: no panics in `src/`.

use proc_macro2::Delimiter;

use super::assert_none;
use super::source::{Kind, Source, sources};

/// Calls that panic, and macros that do.
const METHODS: [&str; 4] = ["unwrap", "expect", "unwrap_err", "expect_err"];
const MACROS: [&str; 4] = ["panic", "todo", "unimplemented", "unreachable"];

/// A file, what it may do, and why. There is none: what cannot fail has so far always had another way to be said.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

#[test]
fn nothing_panics() {
    let mut faults = Vec::new();
    for source in &sources() {
        for at in 0..source.tokens.len() {
            let Some(name) = panicking(source, at) else { continue };
            if !EXCEPTIONS.iter().any(|(path, what, _)| *path == source.path && *what == name) {
                faults.push(format!("{} has {name}", source.place(at)));
            }
        }
    }
    assert_none("No unwrap, expect or panic outside tests:", faults);
}

fn panicking(source: &Source, at: usize) -> Option<&str> {
    let name = source.name(at)?;
    let is_called = source.tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Open(Delimiter::Parenthesis));
    let is_method = at > 0 && source.is_sign(at - 1, '.') && is_called;
    let is_macro = source.is_sign(at + 1, '!');
    ((is_method && METHODS.contains(&name)) || (is_macro && MACROS.contains(&name))).then_some(name)
}

#[test]
fn every_way_to_panic_is_seen() {
    let text = "fn f() { a.unwrap(); b.expect(\"c\"); panic!(); a.unwrap_or(1); expect(x); #[expect(lint)] todo!() }";
    let source = Source::for_test("flow/x.rs", text);
    let names: Vec<&str> = (0..source.tokens.len()).filter_map(|at| panicking(&source, at)).collect();
    assert_eq!(names, ["unwrap", "expect", "panic", "todo"]);
}
