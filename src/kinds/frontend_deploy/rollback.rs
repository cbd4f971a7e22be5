//! `bouncer_frontend_rollback`: a site goes back to an earlier release, after one approval. The release that comes of it is
//! a new one with the old files, so the list of releases tells what visitors got, and when.

use super::submit::{PendingAnswer, Proposal, submit};
use crate::admin::projects::deployable;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::project::Project;
use crate::domain::site::manifest::Manifest;
use crate::domain::site::release::{LiveRelease, before_current};
use crate::requests::app::App;
use crate::requests::text::RequestText;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Files named in an answer about lost contents.
const MISSING_SHOWN: usize = 20;

/// Arguments of `bouncer_frontend_rollback`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RollbackFrontend {
    /// The project's id.
    pub project: String,
    /// Why, for the approver.
    pub reason: String,
    /// The release to go back to, from bouncer_frontend_releases; the one before the current one when absent.
    pub release: Option<String>,
    /// Who asks, for the approver: "Bot name (task)".
    pub source: Option<String>,
    /// A stable id of the caller's task, for matching.
    pub trust_scope: Option<String>,
    /// Seconds for the approver to decide: 60 to 3600.
    pub approval_window: Option<u64>,
    /// Whether more than half of the site may go (false: such a rollback is refused).
    pub allow_mass_delete: Option<bool>,
}

/// Asks for a decision about going back.
pub async fn rollback(app: &App, caller: &Caller, args: RollbackFrontend) -> Result<PendingAnswer, UserError> {
    let wording = RequestText {
        reason: args.reason,
        source: args.source,
        trust_scope: args.trust_scope,
        context: None,
        approval_window: args.approval_window,
    };
    wording.check(app)?;
    let (project, target) = deployable(app, &args.project).await?;
    let release = chosen(&project, args.release.as_deref())?.release_id.clone();
    let manifest = app.documents.release(&project.project_id, &release).await?.manifest;
    let base = app.documents.site(&project.project_id, project.current_release.as_ref()).await?;
    refuse_lost_contents(app, &project, &release.to_string(), &manifest).await?;
    let proposal = Proposal {
        project: &project,
        target,
        base,
        manifest: &manifest,
        restores: Some(release),
        allow_mass_delete: args.allow_mass_delete.unwrap_or(false),
        wording,
        ready: None,
    };
    submit(app, caller, proposal).await
}

/// The release that is named, or the one before the current one.
fn chosen<'a>(project: &'a Project, named: Option<&str>) -> Result<&'a LiveRelease, UserError> {
    let Some(name) = named.map(str::trim).filter(|name| !name.is_empty()) else {
        return before_current(&project.releases).ok_or_else(|| {
            UserError::new(
                ErrorCode::Conflict,
                format!("The project '{}' has no earlier release to go back to.", project.project_id),
                "Deploy the site that you want; bouncer_frontend_releases lists the releases that are kept.",
            )
        });
    };
    if project.current_release.as_ref().is_some_and(|current| current.as_str() == name) {
        return Err(UserError::new(
            ErrorCode::Conflict,
            format!("The release {name} is what visitors get already."),
            "Name an earlier one; bouncer_frontend_releases lists them.",
        ));
    }
    project.releases.iter().find(|release| release.release_id.as_str() == name).ok_or_else(|| {
        let shown: String = name.chars().take(80).collect();
        let kept: Vec<&str> = project.releases.iter().map(|release| release.release_id.as_str()).collect();
        UserError::not_found(
            format!("The project '{}' keeps no release '{shown}'.", project.project_id),
            "Name one of available_releases.",
        )
        .with("available_releases", json!(kept))
    })
}

/// A release is kept together with its contents. Should one be lost all the same, nobody is asked in vain.
async fn refuse_lost_contents(
    app: &App,
    project: &Project,
    release: &str,
    manifest: &Manifest,
) -> Result<(), UserError> {
    let stored = app.documents.blobs(&project.project_id).await?;
    let lost =
        manifest.entries().iter().filter(|entry| stored.get(&entry.sha256).is_none_or(|blob| blob.size != entry.size));
    let lost: Vec<&str> = lost.map(|entry| entry.path.as_str()).collect();
    let Some(first) = lost.first() else { return Ok(()) };
    Err(UserError::new(
        ErrorCode::PreflightFailed,
        format!(
            "The release {release} cannot be published again: the contents of {} of its files, such as '{first}', are not \
             stored any more.",
            lost.len()
        ),
        "Go back to another release, or deploy the site anew.",
    )
    .with("missing_count", json!(lost.len()))
    .with("missing", json!(&lost[..lost.len().min(MISSING_SHOWN)])))
}
