//! The documents speak of what is there: links lead somewhere, files that are named exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{assert_none, repository};

/// Folders below which a name in code type is taken for a file of the repository.
const FOLDERS: [&str; 10] =
    ["src/", "crates/", "tests/", "docs/", "scripts/", "examples/", "statemachines/", "infra/", ".ci/", ".config/"];

/// A Markdown document of the project.
pub struct Document {
    /// Below the repository.
    pub path: String,
    /// As it is.
    pub text: String,
}

/// A piece of a document.
pub enum Piece<'a> {
    /// A line of text.
    Prose(&'a str),
    /// A line of a fenced block in this language.
    Block(&'a str, &'a str),
}

impl Document {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// Its lines with their numbers.
    pub fn pieces(&self) -> Vec<(usize, Piece<'_>)> {
        let mut block = None;
        let mut pieces = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), block) {
                (Some(_), Some(_)) => block = None,
                (Some(language), None) => block = Some(language.trim()),
                (None, Some(language)) => pieces.push((index + 1, Piece::Block(language, line))),
                (None, None) => pieces.push((index + 1, Piece::Prose(line))),
            }
        }
        assert!(block.is_none(), "{} has a block without an end", self.path);
        pieces
    }

    /// The texts in code type outside blocks.
    pub fn code_words(&self) -> Vec<(usize, &str)> {
        let in_line = |(number, piece)| match piece {
            Piece::Prose(line) => Some(line).into_iter().flat_map(code_in).map(|word| (number, word)).collect(),
            Piece::Block(..) => vec![],
        };
        self.pieces().into_iter().flat_map(in_line).collect()
    }

    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.pieces().into_iter().filter_map(|(_, piece)| match piece {
            Piece::Prose(line) if line.starts_with('#') => Some(line.trim_start_matches('#').trim()),
            _ => None,
        });
        headings.map(slug).collect()
    }
}

fn code_in(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The anchor that a heading gets.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Every document.
pub fn documents() -> Vec<Document> {
    let mut paths: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"].map(str::to_owned).into();
    for entry in fs::read_dir(repository().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.iter().map(|path| Document::read(path)).collect()
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    let mut faults = Vec::new();
    let mut count = 0;
    for document in &documents {
        for (number, piece) in document.pieces() {
            let Piece::Prose(line) = piece else { continue };
            for target in links_in(line) {
                count += 1;
                if let Some(problem) = problem_of_link(&documents, document, target) {
                    faults.push(format!("{}:{number}: {target} {problem}", document.path));
                }
            }
        }
    }
    assert!(count > 10, "only {count} links were found");
    assert_none("A link leads to a file or heading:", faults);
}

fn links_in(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect()
}

fn problem_of_link(documents: &[Document], from: &Document, target: &str) -> Option<&'static str> {
    if target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => PathBuf::from(&from.path),
        file => normal(&Path::new(&from.path).parent()?.join(file)),
    };
    if !repository().join(&path).exists() {
        return Some("does not exist");
    }
    let led_to = documents.iter().find(|document| Path::new(&document.path) == path);
    let is_heading = anchor.is_empty() || led_to.is_some_and(|document| document.anchors().contains(anchor));
    (!is_heading).then_some("is no heading there")
}

/// Without `..`, which only ever steps out of `docs/` here.
fn normal(path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.components() {
        match part.as_os_str().to_str() {
            Some("..") => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.into_iter().collect()
}

#[test]
fn named_files_exist() {
    let mut faults = Vec::new();
    let mut count = 0;
    for document in &documents() {
        for (number, word) in document.code_words() {
            let Some(candidates) = file_names(word) else { continue };
            count += 1;
            if !candidates.iter().any(|name| repository().join(name).exists()) {
                faults.push(format!("{}:{number}: {word}", document.path));
            }
        }
    }
    assert!(count > 30, "only {count} names of files were found");
    assert_none("A file that a document names exists:", faults);
}

/// The places that a word in code type may mean, if it means a file of the repository.
fn file_names(word: &str) -> Option<Vec<String>> {
    if !word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_')) {
        return None;
    }
    if FOLDERS.iter().any(|folder| word.starts_with(folder)) {
        return Some(vec![word.to_owned()]);
    }
    // The architecture speaks of src/ without saying so each time.
    word.ends_with(".rs").then(|| vec![word.to_owned(), format!("src/{word}")])
}

/// The largest template that CloudFormation takes in a call; a larger one has to lie in a bucket.
const TEMPLATE_BYTES: u64 = 51_200;

#[test]
fn a_template_that_is_too_large_for_a_call_is_deployed_through_a_bucket() {
    let install = Document::read("docs/INSTALL.md");
    let deploys = commands_in(&install).into_iter().filter(|command| command.starts_with("aws cloudformation deploy "));
    let (large, small): (Vec<String>, Vec<String>) = deploys.partition(|command| {
        let template = command.split(" --template-file ").nth(1).and_then(|rest| rest.split(' ').next());
        let template = template.unwrap_or_else(|| panic!("{command} names no template"));
        // `aws cloudformation package` leaves a template of about the same size.
        let source = if template == "target/packaged.yaml" { "infra/template.yaml" } else { template };
        fs::metadata(repository().join(source)).unwrap_or_else(|error| panic!("{source}: {error}")).len()
            > TEMPLATE_BYTES
    });
    assert!(large.len() + small.len() >= 3, "only {large:?} and {small:?} were found");
    let without = large.into_iter().filter(|command| !command.contains(" --s3-bucket ")).collect();
    assert_none("A template of more than 51,200 bytes is deployed with --s3-bucket:", without);
}

#[test]
fn the_command_line_is_installed_before_it_is_used() {
    let install = Document::read("docs/INSTALL.md");
    let commands = commands_in(&install);
    let first = |start: &str| commands.iter().position(|command| command.starts_with(start));
    let installed = first("cargo install --locked --path .").expect("a command installs bouncer");
    let used = first("bouncer ").expect("a command uses bouncer");
    assert!(installed < used, "{} comes before bouncer is installed", commands[used]);
}

/// The shell commands of a document, each on one line.
fn commands_in(document: &Document) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for (_, piece) in document.pieces() {
        let Piece::Block("sh", line) = piece else { continue };
        let text = line.trim().trim_end_matches('\\').trim_end();
        match commands.last_mut().filter(|_| goes_on) {
            Some(command) => command.extend([" ", text]),
            None => commands.push(text.to_owned()),
        }
        goes_on = line.ends_with('\\');
    }
    commands
}
