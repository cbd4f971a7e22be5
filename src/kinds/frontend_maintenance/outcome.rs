//! How maintenance ends in the records.

use crate::domain::ids::ReleaseId;
use crate::domain::outcome::Outcome;
use crate::domain::project::Project;
use crate::domain::request::{Event, Request};
use crate::domain::sealed::Sealable;
use crate::domain::site::adoption::{LeftOut, LeftOuts};
use crate::kinds::site::large;
use crate::kinds::site::plan::{Maintenance, MaintenancePlan};
use crate::kinds::site::report::{FailedFile, is_zero, report_of};
use crate::requests::app::App;
use crate::requests::complete;
use crate::requests::engine::TaskError;
use crate::requests::execution::cause_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `result` of an adoption in `bouncer_status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AdoptionResult {
    /// Files of the release.
    pub adopted_count: u64,
    /// Their bytes.
    pub adopted_bytes: u64,
    /// Objects that stay in the bucket and are no files of the release.
    pub not_adopted_count: u64,
    /// The first of them, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_adopted: Vec<FailedFile>,
    /// The release; absent when none was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<ReleaseId>,
    /// Whether it was only told what would be adopted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Why it failed, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
}

impl Sealable for AdoptionResult {
    const TYPE: &'static str = "adoption";
    const VERSION: u32 = 1;
}

impl AdoptionResult {
    pub(super) fn new(files: usize, bytes: u64, left: LeftOuts) -> Self {
        let named = |left: LeftOut| FailedFile { filename: left.key, reason: left.reason };
        Self {
            adopted_count: files as u64,
            adopted_bytes: bytes,
            not_adopted_count: left.count,
            not_adopted: left.first.into_iter().map(named).collect(),
            ..Self::default()
        }
    }
}

/// `result` of a prune without a deploy in `bouncer_status`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PruneResult {
    /// Files removed from the bucket.
    pub removed_count: u64,
    /// Files that should have been removed and were not.
    pub not_removed_count: u64,
    /// The first of them, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_removed: Vec<FailedFile>,
    /// Contents and lists of files that were kept for earlier releases and requests, and removed because nothing needs them
    /// any more.
    #[serde(skip_serializing_if = "is_zero")]
    pub contents_removed_count: u64,
    /// Why it failed, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
}

/// Whether a project's current release is the one that this request adopted.
pub(super) fn has_adopted(project: &Project, request: &Request) -> bool {
    let of_request = project.releases.iter().find(|release| release.request_id == request.request_id);
    of_request.is_some_and(|release| project.current_release.as_ref() == Some(&release.release_id))
}

/// Closes a request as its state machine came to its end. `state` is the execution's data.
pub(super) async fn finish(app: &App, request: &Request, state: &Value, failed: bool) -> Result<(), TaskError> {
    let Some(plan) = request.plan_as::<MaintenancePlan>() else { return Err(TaskError::refused("There is no plan")) };
    let cause = failed.then(|| {
        let cause = cause_of(state, "/error").or_else(|| cause_of(state, "/prune_error"));
        cause.unwrap_or_else(|| "It stopped for an unknown reason.".to_owned())
    });
    match (plan.maintenance, cause) {
        (Maintenance::Prune, cause) => {
            let event = if cause.is_some() { Event::Fail } else { Event::Complete };
            close(app, request, event, Outcome::of(&prune_of(request, cause.clone()), cause)?).await
        }
        (Maintenance::Adopt, None) => adopted(app, request).await,
        (Maintenance::Adopt, Some(cause)) => {
            forget(app, request).await;
            let project = app.store.project(&plan.project).await?;
            if project.is_some_and(|project| has_adopted(&project, request)) {
                // It gave up after the pointer had moved.
                return adopted(app, request).await;
            }
            let why = Some(format!("{cause} Nothing was changed."));
            let result = AdoptionResult { error_summary: why.clone(), ..AdoptionResult::default() };
            close(app, request, Event::Fail, Outcome::of(&result, why)?).await
        }
    }
}

async fn adopted(app: &App, request: &Request) -> Result<(), TaskError> {
    let result = adoption_of(request);
    let sentence = result.release_id.as_ref().map(ToString::to_string);
    close(app, request, Event::Complete, Outcome::of(&result, sentence)?).await
}

async fn close(app: &App, request: &Request, event: Event, outcome: Outcome) -> Result<(), TaskError> {
    let closed = complete::close(app, request, event, outcome).await?;
    complete::announce(app, &closed).await;
    Ok(())
}

fn adoption_of(request: &Request) -> AdoptionResult {
    request.checkpoint_as().unwrap_or_default()
}

fn prune_of(request: &Request, error_summary: Option<String>) -> PruneResult {
    let removed = report_of(request).map(|report| report.removed).unwrap_or_default();
    PruneResult {
        removed_count: removed.count,
        not_removed_count: removed.kept_count,
        not_removed: removed.kept,
        contents_removed_count: removed.contents,
        error_summary,
    }
}

/// Removes what was stored of an adoption's way, which is over. What stays goes by age.
pub(super) async fn forget(app: &App, request: &Request) {
    let uploads = large::abandon(app, request).await;
    if let Err(error) = uploads.and(super::adopt::forget_progress(app, &request.request_id).await) {
        tracing::warn!(request_id = %request.request_id, %error, "what an adoption noted on its way could not be removed");
    }
}
