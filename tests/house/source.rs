//! The sources of `src/` as tokens: nothing in a comment or a text is mistaken for code, and code that is only there for
//! tests is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::repository;

/// A file of `src/`.
pub struct Source {
    /// Below `src/`, with `/` between its parts.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Without comments, and without what only tests see; empty for a file of tests.
    pub tokens: Vec<Token>,
}

/// A token, and the line it is on.
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    Name(String),
    Sign(char),
    Open(Delimiter),
    Close(Delimiter),
    /// As it is written, with its quotes.
    Literal(String),
}

impl Source {
    /// A file that is not there.
    pub fn for_test(path: &str, text: &str) -> Self {
        let mut reader = Reader::default();
        reader.read(text.parse().unwrap());
        Self { path: path.to_owned(), text: text.to_owned(), tokens: reader.tokens }
    }

    /// The folder of `src/` it is in; `""` for a file at the top.
    pub fn folder(&self) -> &str {
        self.path.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// The name at a position.
    pub fn name(&self, at: usize) -> Option<&str> {
        match &self.tokens.get(at)?.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the token at a position is this sign.
    pub fn is_sign(&self, at: usize, sign: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(sign))
    }

    /// Whether `::` is at a position.
    pub fn is_path_sign(&self, at: usize) -> bool {
        self.is_sign(at, ':') && self.is_sign(at + 1, ':')
    }

    /// `src/path:line`, for messages.
    pub fn place(&self, at: usize) -> String {
        format!("src/{}:{}", self.path, self.tokens[at].line)
    }
}

/// Every Rust file of `src/`.
pub fn sources() -> Vec<Source> {
    let root = repository().join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    assert!(paths.len() > 50, "src/ was not found");
    let mut tests = BTreeSet::new();
    let mut sources: Vec<Source> = paths.iter().map(|path| read(&root, path, &mut tests)).collect();
    for source in &mut sources {
        if tests.contains(&source.path) {
            source.tokens.clear();
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path, tests: &mut BTreeSet<String>) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut reader = Reader::default();
    reader.read(stream);
    let folder = path.strip_suffix("mod.rs").map_or_else(|| format!("{}/", &path[..path.len() - 3]), str::to_owned);
    tests.extend(reader.test_modules.iter().map(|module| format!("{folder}{module}.rs")));
    Source { path, text, tokens: reader.tokens }
}

#[derive(Default)]
struct Reader {
    tokens: Vec<Token>,
    /// Names of `#[cfg(test)] mod name;`.
    test_modules: Vec<String>,
}

impl Reader {
    fn read(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            let is_attribute = matches!(&tree, TokenTree::Punct(sign) if sign.as_char() == '#');
            if is_attribute && trees.peek().is_some_and(is_cfg_test) {
                self.skip_item(&mut trees);
            } else {
                self.push(tree);
            }
        }
    }

    fn skip_item(&mut self, trees: &mut impl Iterator<Item = TokenTree>) {
        let mut item = Vec::new();
        for tree in trees {
            let ends = match &tree {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(sign) => sign.as_char() == ';',
                _ => false,
            };
            item.push(tree.to_string());
            if ends {
                break;
            }
        }
        if let [.., keyword, name, end] = &item[..]
            && keyword == "mod"
            && end == ";"
        {
            self.test_modules.push(name.clone());
        }
    }

    fn push(&mut self, tree: TokenTree) {
        let line = tree.span().start().line;
        let kind = match tree {
            TokenTree::Group(group) => {
                let (delimiter, end) = (group.delimiter(), group.span_close().start().line);
                self.tokens.push(Token { kind: Kind::Open(delimiter), line });
                self.read(group.stream());
                self.tokens.push(Token { kind: Kind::Close(delimiter), line: end });
                return;
            }
            TokenTree::Ident(name) => Kind::Name(name.to_string()),
            TokenTree::Punct(sign) => Kind::Sign(sign.as_char()),
            TokenTree::Literal(text) => Kind::Literal(text.to_string()),
        };
        self.tokens.push(Token { kind, line });
    }
}

fn is_cfg_test(tree: &TokenTree) -> bool {
    let TokenTree::Group(group) = tree else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    group.delimiter() == Delimiter::Bracket && text == "cfg(test)"
}

#[test]
fn sources_are_read_as_the_compiler_reads_them() {
    let mut reader = Reader::default();
    let text = r#"
        // crate::a
        /// crate::b
        const TEXT: &str = "crate::c";
        use crate::kept;
        #[cfg(test)]
        #[allow(unused)]
        mod tests { use crate::d; }
        #[cfg(test)]
        mod more;
        fn after() {}
    "#;
    reader.read(text.parse().unwrap());
    let names: Vec<&str> = reader
        .tokens
        .iter()
        .filter_map(|token| match &token.kind {
            Kind::Name(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["doc", "const", "TEXT", "str", "use", "crate", "kept", "fn", "after"]);
    assert_eq!(reader.test_modules, ["more"]);
    let crate_token = reader.tokens.iter().find(|token| token.kind == Kind::Name("crate".into()));
    assert_eq!(crate_token.map(|token| token.line), Some(5));
}
