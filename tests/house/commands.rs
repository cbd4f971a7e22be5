//! The documents give commands that exist, and the README knows every one.

use std::collections::HashMap;

use tempfile::{TempDir, tempdir};

use super::assert_none;
use super::documents::{Document, Piece, documents};
use crate::cli::{bouncer, run};

/// What the program says about itself.
struct Help {
    home: TempDir,
    pages: HashMap<Vec<String>, String>,
}

impl Help {
    fn new() -> Self {
        Self { home: tempdir().unwrap(), pages: HashMap::new() }
    }

    /// The page of a command; `[]` is the program itself.
    fn page(&mut self, command: &[String]) -> &str {
        let home = self.home.path();
        self.pages.entry(command.to_owned()).or_insert_with(|| {
            let out = run(bouncer(home).args(command).arg("--help"));
            assert_eq!(out.code, 0, "bouncer {}: {}", command.join(" "), out.stderr);
            out.stdout
        })
    }

    /// The commands below a command; none when it is a whole one.
    fn commands(&mut self, command: &[String]) -> Vec<String> {
        let list = self.page(command).lines().skip_while(|line| *line != "Commands:").skip(1);
        // A line that is indented further goes on with what the one before says.
        let names = list.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
        names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    }

    fn has_option(&mut self, command: &[String], option: &str) -> bool {
        let is_word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        self.page(command).split(is_word).any(|word| word == option)
    }
}

#[test]
fn the_readme_knows_every_command() {
    let documents = documents();
    let readme = documents.iter().find(|document| document.path == "README.md").unwrap();
    let commands = Help::new().commands(&[]);
    assert!(commands.len() > 5, "{commands:?}");
    let unknown =
        commands.into_iter().filter(|name| name != "help" && !readme.text.contains(&format!("bouncer {name}")));
    assert_none("README.md says what each command is for:", unknown.collect());
}

#[test]
fn commands_in_documents_exist() {
    let mut help = Help::new();
    let mut faults = Vec::new();
    let mut count = 0;
    for document in &documents() {
        for (number, line) in command_lines(document) {
            let Some(words) = bouncer_words(line) else { continue };
            count += 1;
            if let Err(problem) = check(&mut help, &words) {
                faults.push(format!("{}:{number}: {line}: {problem}", document.path));
            }
        }
    }
    assert!(count > 20, "only {count} commands were found");
    assert_none("A command in a document is one of the program's:", faults);
}

/// Lines of shell blocks, and commands in code type.
fn command_lines(document: &Document) -> Vec<(usize, &str)> {
    let in_blocks = document.pieces().into_iter().filter_map(|(number, piece)| match piece {
        Piece::Block("sh", line) => Some((number, line)),
        _ => None,
    });
    in_blocks.chain(document.code_words()).collect()
}

/// The words after the program's name, if a line runs it.
fn bouncer_words(line: &str) -> Option<Vec<&str>> {
    let line = line.split(" #").next().unwrap_or_default();
    let mut words = line.split_whitespace().skip_while(|word| word.contains('=') && !word.starts_with('-'));
    match words.next()? {
        "bouncer" | "target/release/bouncer" | "./target/release/bouncer" => {}
        // Another program of the workspace has options of its own.
        "cargo" if line.starts_with("cargo run ") && line.contains(" -- ") && !line.contains(" -p ") => {
            words.find(|word| *word == "--");
        }
        _ => return None,
    }
    let words: Vec<&str> = words.take_while(|word| !matches!(*word, "&" | "|" | ">" | "&&")).collect();
    // `bouncer` alone, or with a name in capitals or braces, is no command but talk of the program.
    words.first().is_some_and(|word| word.starts_with(|c: char| c == '-' || c.is_ascii_lowercase())).then_some(words)
}

fn check(help: &mut Help, words: &[&str]) -> Result<(), String> {
    let mut command: Vec<String> = Vec::new();
    for word in words.iter().filter(|word| !word.starts_with('-')) {
        let below = help.commands(&command);
        if below.is_empty() {
            break;
        }
        if !below.iter().any(|name| name == word) {
            return Err(format!("there is no command '{word}'"));
        }
        command.push((*word).to_owned());
    }
    for word in words.iter().filter(|word| word.starts_with("--")) {
        let option = word.split('=').next().unwrap_or_default();
        if !help.has_option(&command, option) {
            return Err(format!("there is no option {option}"));
        }
    }
    Ok(())
}

#[test]
fn wrong_commands_are_seen() {
    let mut help = Help::new();
    let mut verdict = |line: &str| bouncer_words(line).map(|words| check(&mut help, &words).is_ok());
    assert_eq!(verdict("BOUNCER_KEY=x bouncer project add shop --bucket b   # --nothing"), Some(true));
    assert_eq!(verdict("cargo run --release -- demo --yes"), Some(true));
    assert_eq!(verdict("bouncer project drop shop"), Some(false));
    assert_eq!(verdict("bouncer project add shop --bin b"), Some(false));
    assert_eq!(verdict("bouncer serve --allow-host x"), Some(false));
    assert_eq!(verdict("cargo build --release"), None);
    assert_eq!(verdict("bouncer project import projects.toml --check"), Some(true));
    assert_eq!(verdict("cargo run -p embedded-aws -- --check"), None);
    assert_eq!(verdict("cargo clippy -- -D warnings"), None);
}
