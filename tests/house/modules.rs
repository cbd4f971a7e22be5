//! Resolves the paths in the sources to the files that define what they name, through re-exports.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::Delimiter;

use super::source::{Kind, Source};

/// The module tree of the crate.
pub struct Modules<'a> {
    sources: &'a [Source],
    files: HashMap<Vec<String>, usize>,
    contents: Vec<Contents>,
}

/// Imports between files: for each pair (who imports, what is imported) one place in the source.
pub type Imports = BTreeMap<(String, String), String>;

/// What one file declares and names.
struct Contents {
    module: Vec<String>,
    items: BTreeSet<String>,
    uses: Vec<Use>,
    paths: Vec<Path>,
    /// Names outside of `use` declarations.
    names: BTreeSet<String>,
}

struct Use {
    /// The name it has here; `None` for `*`.
    alias: Option<String>,
    is_public: bool,
    path: Path,
}

struct Path {
    at: usize,
    parts: Vec<String>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Module(Vec<String>),
    /// An item of this file.
    Item(usize),
}

impl<'a> Modules<'a> {
    pub fn new(sources: &'a [Source]) -> Self {
        let contents: Vec<Contents> = sources.iter().map(Contents::of).collect();
        // The program's own file is the root of another crate.
        let is_library = |index: &usize| sources[*index].path != "main.rs";
        let files =
            (0..sources.len()).filter(is_library).map(|index| (contents[index].module.clone(), index)).collect();
        Self { sources, files, contents }
    }

    /// Every import of one file by another. A module that is only a step on a path is not imported, nor is a child that
    /// a file declares or re-exports without using it.
    pub fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (from, contents) in
            self.contents.iter().enumerate().filter(|(from, _)| self.sources[*from].path != "main.rs")
        {
            let used =
                contents.uses.iter().filter(|one| !contents.is_facade(one)).map(|one| (&one.path, one.alias.is_none()));
            for (path, is_glob) in used.chain(contents.paths.iter().map(|path| (path, false))) {
                let to = match self.resolve(&contents.module, &path.parts, 0) {
                    Some(Target::Item(file)) => file,
                    Some(Target::Module(module)) if is_glob || !self.has_children(&module) => self.files[&module],
                    _ => continue,
                };
                if to != from {
                    let pair = (self.sources[from].path.clone(), self.sources[to].path.clone());
                    imports.entry(pair).or_insert_with(|| self.sources[from].place(path.at));
                }
            }
        }
        imports
    }

    fn has_children(&self, module: &[String]) -> bool {
        self.files.keys().any(|other| other.len() > module.len() && other.starts_with(module))
    }

    /// Follows a path as the compiler does; `None` when it leads out of the crate or to something local.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        // Two names that re-export each other.
        if depth > 20 {
            return None;
        }
        match first.as_str() {
            "crate" => self.walk(vec![], rest, depth),
            "self" => self.walk(from.to_vec(), rest, depth),
            "super" => {
                let mut parent = from.to_vec();
                parent.pop()?;
                match rest.first() {
                    Some(next) if next == "super" => self.resolve(&parent, rest, depth),
                    _ => self.walk(parent, rest, depth),
                }
            }
            name => {
                let child = [from, &[name.to_owned()]].concat();
                if self.files.contains_key(&child) {
                    return self.walk(child, rest, depth);
                }
                self.imported(from, name, rest, depth)
            }
        }
    }

    fn walk(&self, module: Vec<String>, path: &[String], depth: usize) -> Option<Target> {
        let Some((first, rest)) = path.split_first() else { return Some(Target::Module(module)) };
        let child = [&module[..], std::slice::from_ref(first)].concat();
        if self.files.contains_key(&child) {
            return self.walk(child, rest, depth);
        }
        let file = *self.files.get(&module)?;
        if self.contents[file].items.contains(first) {
            return Some(Target::Item(file));
        }
        Some(self.imported(&module, first, rest, depth).unwrap_or(Target::Item(file)))
    }

    /// Follows a name that a `use` brings into a module.
    fn imported(&self, module: &[String], name: &str, rest: &[String], depth: usize) -> Option<Target> {
        let uses = &self.contents[*self.files.get(module)?].uses;
        if let Some(one) = uses.iter().find(|one| one.alias.as_deref() == Some(name) && one.path.parts != [name]) {
            return match self.resolve(module, &one.path.parts, depth + 1)? {
                Target::Module(module) => self.walk(module, rest, depth + 1),
                item => Some(item),
            };
        }
        uses.iter().filter(|one| one.alias.is_none()).find_map(|glob| {
            let Target::Module(from) = self.resolve(module, &glob.path.parts, depth + 1)? else { return None };
            let file = self.files[&from];
            self.contents[file].items.contains(name).then_some(Target::Item(file))
        })
    }
}

impl Contents {
    fn of(source: &Source) -> Self {
        let parts = source.path.trim_end_matches(".rs").split('/');
        let mut module: Vec<String> = parts.map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
            module.pop();
        }
        let mut contents = Self { module, items: BTreeSet::new(), uses: vec![], paths: vec![], names: BTreeSet::new() };
        contents.read(source);
        contents
    }

    fn read(&mut self, source: &Source) {
        const ITEMS: [&str; 9] = ["struct", "enum", "union", "trait", "type", "fn", "const", "static", "macro_rules"];
        let mut depth = 0;
        // Where modules written inside this file end: `super` means the file there.
        let mut inline_ends = Vec::new();
        let mut at = 0;
        while at < source.tokens.len() {
            match &source.tokens[at].kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => {
                    depth -= 1;
                    if inline_ends.last() == Some(&depth) {
                        inline_ends.pop();
                    }
                }
                Kind::Name(word) if word == "use" && !source.is_sign(at + 1, '<') => {
                    let end = (at..source.tokens.len()).find(|end| source.is_sign(*end, ';')).unwrap_or(at);
                    let mut found = Vec::new();
                    read_use(source, at + 1, &mut Vec::new(), &mut found);
                    let is_public = at > 0
                        && (source.name(at - 1) == Some("pub")
                            || source.tokens[at - 1].kind == Kind::Close(Delimiter::Parenthesis));
                    let found = found.into_iter().map(|(alias, path)| Use { alias, is_public, path });
                    self.uses
                        .extend(found.filter_map(|one| Some(Use { path: leave(one.path, inline_ends.len())?, ..one })));
                    at = end;
                }
                Kind::Name(word) => {
                    let is_declared = at > 0 && source.name(at - 1) == Some("mod");
                    if !is_declared {
                        self.names.insert(word.clone());
                    }
                    let opens = source.tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Open(Delimiter::Brace));
                    if is_declared && opens {
                        inline_ends.push(depth);
                    }
                    if depth == 0 && ITEMS.contains(&word.as_str()) {
                        let sign = usize::from(source.is_sign(at + 1, '!'));
                        self.items.extend(source.name(at + 1 + sign).map(str::to_owned));
                    }
                    let is_inside = at > 0 && [':', '.', '$'].iter().any(|sign| source.is_sign(at - 1, *sign));
                    // A type or a value after a single colon starts a path of its own.
                    let follows_colon =
                        at > 0 && source.is_sign(at - 1, ':') && !(at > 1 && source.is_sign(at - 2, ':'));
                    if (!is_inside || follows_colon) && source.is_path_sign(at + 1) {
                        self.paths.extend(leave(path_at(source, at), inline_ends.len()));
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Whether a `use` only passes on what a child defines.
    fn is_facade(&self, one: &Use) -> bool {
        let is_used = one.alias.as_ref().is_some_and(|alias| self.names.contains(alias));
        one.is_public && !is_used
    }
}

/// A path inside `depth` inline modules, as the file would write it; `None` if it stays inside.
fn leave(mut path: Path, depth: usize) -> Option<Path> {
    for _ in 0..depth {
        match path.parts.first().map(String::as_str) {
            Some("super") => drop(path.parts.remove(0)),
            Some("crate") => break,
            _ => return None,
        }
    }
    if depth > 0 && !matches!(path.parts.first().map(String::as_str), Some("super" | "crate")) {
        path.parts.insert(0, "self".to_owned());
    }
    Some(path)
}

fn path_at(source: &Source, start: usize) -> Path {
    let mut parts = Vec::new();
    let mut at = start;
    while let Some(name) = source.name(at) {
        parts.push(name.to_owned());
        if !source.is_path_sign(at + 1) {
            break;
        }
        at += 3;
    }
    Path { at: start, parts }
}

/// Reads one branch of a `use`; returns the position after it.
fn read_use(source: &Source, at: usize, before: &mut Vec<String>, found: &mut Vec<(Option<String>, Path)>) -> usize {
    let Some(token) = source.tokens.get(at) else { return at };
    match &token.kind {
        Kind::Name(name) => {
            before.push(name.clone());
            let end = if source.is_path_sign(at + 1) {
                read_use(source, at + 3, before, found)
            } else {
                let is_self = name == "self" && before.len() > 1;
                let parts = before[..before.len() - usize::from(is_self)].to_vec();
                let renamed = source.name(at + 1) == Some("as");
                let alias = if renamed { source.name(at + 2) } else { parts.last().map(String::as_str) };
                found.push((Some(alias.unwrap_or("_").to_owned()), Path { at, parts }));
                at + if renamed { 3 } else { 1 }
            };
            before.pop();
            end
        }
        Kind::Sign('*') => {
            found.push((None, Path { at, parts: before.clone() }));
            at + 1
        }
        Kind::Open(Delimiter::Brace) => {
            let mut next = at + 1;
            while source.tokens.get(next).is_some_and(|token| token.kind != Kind::Close(Delimiter::Brace)) {
                next = match source.is_sign(next, ',') {
                    true => next + 1,
                    false => read_use(source, next, before, found).max(next + 1),
                };
            }
            next + 1
        }
        // `::name` names another crate.
        _ => at,
    }
}

/// Which file imports which in a crate made of these.
#[cfg(test)]
fn imports_in(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files.iter().map(|(path, text)| Source::for_test(path, text)).collect();
    Modules::new(&sources).imports().into_keys().map(|(from, to)| format!("{from} -> {to}")).collect()
}

#[test]
fn every_way_of_naming_a_file_is_seen() {
    let imports = imports_in(&[
        ("lib.rs", "pub mod a; pub mod b;"),
        ("a/mod.rs", "mod one; mod two; pub use one::One; pub fn here() {}"),
        ("a/one.rs", "use super::two::{self, Two as Other}; pub struct One; fn f() { two::g(); super::here() }"),
        ("a/two.rs", "pub struct Two; pub fn g() { fn h(x: crate::b::x::X) {} }"),
        ("b/mod.rs", "pub mod x; pub mod y; pub mod z; mod inside { use super::super::a::here; }"),
        ("b/x.rs", "use crate::a; pub struct X; fn f(x: a::One) {}"),
        ("b/y.rs", "use std::fmt; use crate::{a::One, b::{x::*}}; fn f(x: X) { $crate::a::here(); x.a::<One>() }"),
        ("b/z.rs", "mod lost; use crate::b; fn f() -> b::x::X { Self::new(); ::a::b() }"),
    ]);
    let expected = [
        "a/one.rs -> a/mod.rs",
        "a/one.rs -> a/two.rs",
        "a/two.rs -> b/x.rs",
        "b/mod.rs -> a/mod.rs",
        "b/x.rs -> a/one.rs",
        "b/y.rs -> a/one.rs",
        "b/y.rs -> b/x.rs",
        "b/z.rs -> b/x.rs",
    ];
    assert_eq!(imports, expected);
}

#[test]
fn a_facade_imports_only_what_it_uses() {
    let imports = imports_in(&[
        ("a.rs", "mod one; mod two; pub use one::One; pub use two::Two; pub struct Both(Two);"),
        ("a/one.rs", "pub struct One;"),
        ("a/two.rs", "use super::One; pub struct Two(One);"),
    ]);
    assert_eq!(imports, ["a.rs -> a/two.rs", "a/two.rs -> a/one.rs"]);
}
