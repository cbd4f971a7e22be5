//! What the demo plays: examples/, carried inside the program so that it runs from any folder.

use crate::cli::error::CliError;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io;
use std::path::Path;

static EXAMPLES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/examples");

/// `examples/demo.json`.
#[derive(Debug, Deserialize)]
pub struct Script {
    /// The arguments of the tool that adds the project.
    pub project: Map<String, Value>,
    /// The deploys, in order.
    pub rounds: Vec<Round>,
}

/// One deploy.
#[derive(Debug, Deserialize)]
pub struct Round {
    /// What people are told it is.
    pub title: String,
    /// The folder of examples/ that is laid over what the round before left.
    pub folder: String,
    /// Files that the round's build no longer makes.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Why the agent asks.
    pub reason: String,
    /// Who the agent says it is.
    pub source: String,
    /// The asset whose headers are shown.
    pub asset: String,
}

impl Script {
    /// Reads the script from the program.
    pub fn load() -> Result<Self, CliError> {
        EXAMPLES
            .get_file("demo.json")
            .and_then(|file| serde_json::from_slice(file.contents()).ok())
            .ok_or_else(|| CliError::failed("This program was built without a usable examples/demo.json."))
    }

    /// The project's id.
    pub fn project_id(&self) -> &str {
        self.project.get("project").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Round {
    /// Writes the round's site into a folder that holds the one of the round before.
    pub fn lay_out(&self, site: &Path) -> io::Result<()> {
        for name in &self.removed {
            std::fs::remove_file(site.join(name))?;
        }
        let folder = EXAMPLES.get_dir(&self.folder).ok_or(io::ErrorKind::NotFound)?;
        write_files(folder, folder.path(), site)
    }
}

fn write_files(dir: &Dir<'_>, root: &Path, site: &Path) -> io::Result<()> {
    let at = |path: &Path| site.join(path.strip_prefix(root).unwrap_or(path));
    std::fs::create_dir_all(at(dir.path()))?;
    for file in dir.files() {
        std::fs::write(at(file.path()), file.contents())?;
    }
    dir.dirs().try_for_each(|child| write_files(child, root, site))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::frontend::walk::{SourceFile, walk};
    use crate::domain::digest::Sha256;
    use std::collections::BTreeSet;

    /// Plays the rounds and calls `look` with each one's site.
    fn each_round(mut look: impl FnMut(&Round, Vec<SourceFile>)) {
        let dir = tempfile::tempdir().unwrap();
        for round in Script::load().unwrap().rounds {
            round.lay_out(dir.path()).unwrap();
            look(&round, walk(dir.path()).unwrap());
        }
    }

    #[test]
    fn every_site_can_be_published_and_has_the_shown_asset() {
        let mut rounds = 0;
        each_round(|round, files| {
            rounds += 1;
            assert!(files.iter().any(|file| file.path.as_str() == round.asset), "{}", round.asset);
        });
        assert_eq!(rounds, 2);
    }

    #[test]
    fn assets_are_named_by_their_content_and_all_are_used() {
        each_round(|round, files| {
            let pages: String = files
                .iter()
                .filter(|file| file.path.is_page() || file.path.as_str().ends_with(".css"))
                .map(|file| std::fs::read_to_string(&file.location).unwrap())
                .collect();
            for file in files.iter().filter(|file| file.path.as_str().starts_with("assets/")) {
                let hash = Sha256::of(&std::fs::read(&file.location).unwrap()).to_string();
                let name = file.path.as_str().rsplit('/').next().unwrap();
                assert!(name.contains(&format!("-{}.", &hash[..8])), "{name} should carry {}", &hash[..8]);
                assert!(pages.contains(name), "{}: nothing uses {name}", round.title);
            }
        });
    }

    #[test]
    fn the_second_round_changes_few_files() {
        let mut sites: Vec<BTreeSet<(String, Vec<u8>)>> = vec![];
        each_round(|_, files| {
            let read = |file: SourceFile| (file.path.to_string(), std::fs::read(file.location).unwrap());
            sites.push(files.into_iter().map(read).collect());
        });
        let new = sites[1].difference(&sites[0]).count();
        assert!((1..=3).contains(&new) && sites[1].len() > 2 * new, "{new} of {}", sites[1].len());
    }
}
