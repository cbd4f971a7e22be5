//! `bouncer_frontend_diff`: what a deploy would change, without doing anything.

use super::files;
use super::files::FileToDiff;
use crate::admin::projects::deployable;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::site::paths::SitePath;
use crate::domain::site::removal::MassDelete;
use crate::requests::app::App;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arguments of `bouncer_frontend_diff`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DiffFrontend {
    /// The project's id.
    pub project: String,
    /// Every file of the site with its size and digest.
    pub files: Vec<FileToDiff>,
}

/// The answer of `bouncer_frontend_diff`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Difference {
    /// "ok".
    pub status: &'static str,
    /// The project's id.
    pub project: String,
    /// In numbers.
    pub changes: ChangeCounts,
    /// Whether a deploy is refused without allow_mass_delete, because more than half of the site would go.
    pub mass_delete: bool,
    /// By name.
    pub files: ChangedFiles,
}

/// The names behind the numbers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChangedFiles {
    /// New files.
    pub added: Vec<String>,
    /// Files whose bytes or headers differ.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub removed: Vec<String>,
}

/// Compares files with the project's current release.
pub async fn diff(app: &App, _caller: &Caller, args: DiffFrontend) -> Result<Difference, UserError> {
    let (project, _) = deployable(app, &args.project).await?;
    let checked = files::check_diff(args.files, &app.settings.limits)?;
    let known = checked.into_iter().filter_map(|file| match (file.sha256, file.size) {
        (Some(sha256), Some(size)) => Some((file, sha256, size)),
        _ => None,
    });
    let manifest = files::manifest(&project, known)?;
    let base = app.documents.site(&project.project_id, project.current_release.as_ref()).await?;
    let changes = manifest.changes_since(&base);
    Ok(Difference {
        status: "ok",
        project: project.project_id.to_string(),
        changes: ChangeCounts::from(&changes),
        mass_delete: MassDelete::of(&base, &manifest).is_some(),
        files: ChangedFiles {
            added: names(changes.added),
            changed: names(changes.changed),
            removed: names(changes.removed),
        },
    })
}

fn names(paths: Vec<SitePath>) -> Vec<String> {
    paths.into_iter().map(String::from).collect()
}
