//! Which files of a folder make up the site. Everything is checked here, before anything is sent.

use crate::cli::error::CliError;
use crate::cli::output::count;
use crate::domain::site::paths::SitePath;
use ignore::{DirEntry, Error as WalkError, WalkBuilder};
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The file that names what is left out, in the syntax of .gitignore.
pub const IGNORE_FILE: &str = ".bouncerignore";

/// What version control and operating systems leave behind; never part of a site. Compared without case.
const DROPPINGS: [&str; 20] = [
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".gitkeep",
    ".hg",
    ".hgignore",
    ".hgtags",
    ".svn",
    ".jj",
    ".ds_store",
    ".spotlight-v100",
    ".trashes",
    ".fseventsd",
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    ".directory",
    IGNORE_FILE,
];

/// A file of the site as it was when the folder was walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path in the site.
    pub path: SitePath,
    /// Where it is.
    pub location: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Option<SystemTime>,
}

/// Lists the files below `dir` in the order of their paths. An error names every file that stands in the way.
pub fn walk(dir: &Path) -> Result<Vec<SourceFile>, CliError> {
    let root = root_of(dir)?;
    let problems = Arc::new(Mutex::new(Vec::new()));
    let mut files = Vec::new();
    for entry in walker(&root, problems.clone()) {
        let outcome = match entry {
            Ok(entry) => source_file(&root, &entry),
            Err(error) => Err(describe(&root, &error)),
        };
        match outcome {
            Ok(Some(file)) => files.push(file),
            Ok(None) => {}
            Err(problem) => note(&problems, problem),
        }
    }
    let mut problems = std::mem::take(&mut *problems.lock().unwrap_or_else(PoisonError::into_inner));
    problems.extend(same_names(&files));
    refuse(dir, problems)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    require_index(dir, &files)?;
    Ok(files)
}

fn root_of(dir: &Path) -> Result<PathBuf, CliError> {
    let shown = dir.display();
    let root = std::fs::canonicalize(dir).map_err(|error| {
        CliError::invalid(format!("The folder {shown} cannot be opened: {error}."))
            .hint("Name the folder that your build writes, such as dist or build.")
    })?;
    if root.is_dir() {
        Ok(root)
    } else {
        Err(CliError::invalid(format!("{shown} is not a folder.")).hint("Name the folder that holds index.html."))
    }
}

fn walker(root: &Path, problems: Arc<Mutex<Vec<String>>>) -> ignore::Walk {
    let base = root.to_owned();
    WalkBuilder::new(root)
        // Nothing is left out by habit: a site's .gitignore usually names the very folder that is published.
        .standard_filters(false)
        .follow_links(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| {
            if is_dropping(entry) {
                return false;
            }
            match entry.path_is_symlink().then(|| link_problem(&base, entry)).flatten() {
                Some(problem) => {
                    note(&problems, problem);
                    false
                }
                None => true,
            }
        })
        .build()
}

fn is_dropping(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
    DROPPINGS.contains(&name.as_str()) || name.starts_with("._")
}

/// A link is as good as what it leads to, as long as that is inside: else a link could publish any file of this
/// machine.
fn link_problem(root: &Path, entry: &DirEntry) -> Option<String> {
    let name = relative(root, entry.path());
    match std::fs::canonicalize(entry.path()) {
        Ok(target) if target.starts_with(root) => None,
        Ok(target) => Some(format!("'{name}' is a link that leaves the folder: it leads to {}", target.display())),
        Err(error) => Some(format!("'{name}' is a link that leads nowhere: {error}")),
    }
}

fn source_file(root: &Path, entry: &DirEntry) -> Result<Option<SourceFile>, String> {
    let name = relative(root, entry.path());
    if let Some(error) = entry.error() {
        return Err(describe(root, error));
    }
    let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir()) else { return Ok(None) };
    if !kind.is_file() {
        return Err(format!("'{name}' is neither a file nor a folder"));
    }
    let text = site_name(root, entry.path()).ok_or_else(|| format!("'{name}' has a name that is not UTF-8"))?;
    let path = SitePath::parse(text).map_err(|problem| format!("'{name}' {problem}"))?;
    let metadata = std::fs::metadata(entry.path()).map_err(|error| format!("'{name}' cannot be read: {error}"))?;
    let location = entry.path().to_owned();
    Ok(Some(SourceFile { path, location, size: metadata.len(), modified: metadata.modified().ok() }))
}

/// The path below the root with `/` between its parts; `None` when a part is not UTF-8.
fn site_name(root: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.strip_prefix(root).ok()?.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn note(problems: &Mutex<Vec<String>>, problem: String) {
    problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
}

fn describe(root: &Path, error: &WalkError) -> String {
    fn parts<'e>(error: &'e WalkError, path: Option<&'e Path>) -> (Option<&'e Path>, &'e WalkError) {
        match error {
            WalkError::WithPath { path, err } => parts(err, Some(path)),
            WalkError::WithDepth { err, .. } => parts(err, path),
            other => (path, other),
        }
    }
    match parts(error, None) {
        (_, WalkError::Loop { ancestor, child }) => {
            let (child, ancestor) = (relative(root, child), relative(root, ancestor));
            format!("'{child}' is a link to a folder that holds it: '{ancestor}'")
        }
        (Some(path), WalkError::Io(error)) if path.is_symlink() && error.kind() == std::io::ErrorKind::NotFound => {
            format!("'{}' is a link that leads nowhere", relative(root, path))
        }
        (Some(path), WalkError::Io(error)) => format!("'{}' cannot be read: {error}", relative(root, path)),
        (Some(path), other) => format!("'{}': {other}", relative(root, path)),
        (None, other) => other.to_string(),
    }
}

fn same_names(files: &[SourceFile]) -> Vec<String> {
    let mut seen: HashMap<String, &SitePath> = HashMap::with_capacity(files.len());
    let twice = |file: &SourceFile, other: &SitePath| {
        format!("'{}' and '{other}' are the same name in two Unicode forms", file.path)
    };
    files
        .iter()
        .filter_map(|file| seen.insert(file.path.folded(), &file.path).map(|other| twice(file, other)))
        .collect()
}

fn refuse(dir: &Path, mut problems: Vec<String>) -> Result<(), CliError> {
    problems.sort();
    problems.dedup();
    let error = match problems.as_slice() {
        [] => return Ok(()),
        [only] => CliError::invalid(format!("{only}.")),
        many => {
            let files = count(many.len(), "entry");
            CliError::invalid(format!("{files} of {} cannot be published.", dir.display()))
                .with("problems", json!(many))
        }
    };
    Err(error
        .hint(format!("Remove or repair this, or leave it out with a line in {}.", dir.join(IGNORE_FILE).display())))
}

/// Names that hold secrets on a developer's machine. They are published when asked for, but not without a word.
pub fn looks_private(path: &SitePath) -> bool {
    let name = path.as_str().rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    matches!(name.as_str(), ".env" | ".npmrc" | ".netrc" | ".htpasswd" | "id_rsa" | "id_ed25519")
        || name.starts_with(".env.")
        || [".pem", ".key", ".p12", ".pfx"].iter().any(|extension| name.ends_with(extension))
}

fn require_index(dir: &Path, files: &[SourceFile]) -> Result<(), CliError> {
    let shown = dir.display();
    if files.is_empty() {
        return Err(CliError::invalid(format!("The folder {shown} holds no files to publish."))
            .hint("Build the site first, or name the folder that your build writes."));
    }
    if files.iter().any(|file| file.path.is_index()) {
        return Ok(());
    }
    Err(CliError::invalid(format!("The folder {shown} has no index.html."))
        .hint("Name the folder that holds index.html itself."))
}

#[cfg(test)]
mod tests;
