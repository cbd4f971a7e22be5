//! How a deploy, and a site's maintenance, ends in the records: the tasks `frontend.complete` and `frontend.fail`. Both may run twice.

use super::large;
use super::publish::{history_row, load};
use super::report::{DeployOutcome, FailedFile, InvalidationView, Report};
use super::slice::FAILED_WORD;
use crate::domain::audit::Actor;
use crate::domain::history::DeployStatus;
use crate::domain::ids::{ReleaseId, RequestId};
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use crate::kinds::frontend_maintenance as maintenance;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::execution::cause_of;
use crate::requests::prompts::refresh;
use crate::storage::coordination::Lane;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// `result` of a frontend deploy in `bouncer_status`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FrontendResult {
    /// What visitors get.
    pub deploy_status: DeployOutcome,
    /// Files written.
    pub deployed_count: u64,
    /// Files that could not be written.
    pub failed_count: usize,
    /// The first of them.
    pub failed_files: Vec<FailedFile>,
    /// Files that were there already.
    pub unchanged_count: u64,
    /// Files removed from the bucket: pages that are gone from the site, and whatever earlier releases left that nothing
    /// needs any more.
    pub removed_count: u64,
    /// Files that should have been removed and were not.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_removed_count: u64,
    /// The first of them, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_removed: Vec<FailedFile>,
    /// Contents and lists of files that were kept for earlier releases and requests, and removed because nothing needs them
    /// any more.
    #[serde(skip_serializing_if = "is_zero")]
    pub contents_removed_count: u64,
    /// Why no more files or contents were removed. The site is live all the same; a later deploy tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_error: Option<String>,
    /// The release; absent when none went live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<ReleaseId>,
    /// The CDN's invalidation; "skipped" when none was needed, "failed" when it could not be made.
    pub cf_invalidation: InvalidationOutcome,
    /// Whether the files are live but the CDN may still give old ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cf_invalidation_failed: bool,
    /// Why, and how to make up for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cf_invalidation_error: Option<String>,
    /// Where the site is.
    pub urls: Vec<String>,
    /// Why it failed, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
}

/// What came of the invalidation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum InvalidationOutcome {
    /// CloudFront has it.
    Made(InvalidationView),
    /// "skipped" or "failed".
    Not(&'static str),
}

#[allow(clippy::trivially_copy_pass_by_ref)] // What serde asks for.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

const SKIPPED: InvalidationOutcome = InvalidationOutcome::Not("skipped");

/// Closes a deploy that is live. `state` is the execution's data, which tells of a failed invalidation.
pub async fn complete(app: &App, id: &RequestId, state: &Value) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    if let Some(plan) = request.maintenance_plan() {
        return maintenance::close_done(app, &request, plan).await;
    }
    let report = report_of(&request);
    let release_id = release_of(&request);
    let made = report.as_ref().and_then(|report| report.invalidation.clone());
    let failed = cause_of(state, "/invalidation_error").filter(|_| made.is_none());
    let removed = report.as_ref().map(|report| report.removed.clone()).unwrap_or_default();
    let stopped = ["/withdraw_error", "/prune_error"].iter().find_map(|at| cause_of(state, at));
    let distribution = request.frontend_plan().and_then(|plan| plan.target.distribution_id.clone()).unwrap_or_default();
    let result = FrontendResult {
        deploy_status: DeployOutcome::Deployed,
        deployed_count: report.as_ref().map_or(0, |report| report.deployed_count),
        failed_count: 0,
        failed_files: vec![],
        unchanged_count: report.map_or(0, |report| report.unchanged_count),
        removed_count: removed.count,
        not_removed_count: removed.kept_count,
        not_removed: removed.kept,
        contents_removed_count: removed.contents,
        prune_error: removed.stopped.or(stopped),
        release_id,
        cf_invalidation_failed: failed.is_some(),
        cf_invalidation_error: failed.as_ref().map(|cause| {
            format!(
                "{cause} The files are live; drop the old answers with: \
                 aws cloudfront create-invalidation --distribution-id {distribution} --paths '/*'"
            )
        }),
        cf_invalidation: match (made, &failed) {
            (Some(made), _) => InvalidationOutcome::Made(made),
            (None, Some(_)) => InvalidationOutcome::Not("failed"),
            (None, None) => SKIPPED,
        },
        urls: urls(app, &request),
        error_summary: None,
    };
    close(app, &request, Event::Complete, DeployStatus::Success, &result).await
}

/// Closes a deploy that did not go live, or not wholly. `state` is the execution's data when it gave up.
pub async fn fail(app: &App, id: &RequestId, state: &Value) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    if let Some(plan) = request.maintenance_plan() {
        return maintenance::close_undone(app, &request, plan, state).await;
    }
    if is_live(app, &request).await? {
        // It gave up after the pointer had moved: what visitors get decides.
        return complete(app, id, state).await;
    }
    if let Err(error) = large::abandon(app, &request).await {
        tracing::warn!(request_id = %id, %error, "unfinished uploads could not be ended");
    }
    let why = || {
        let cause = cause_of(state, "/error");
        let cause = cause.unwrap_or_else(|| "The deploy stopped for an unknown reason.".to_owned());
        if request.visible { cause } else { format!("{cause} The site is as it was.") }
    };
    let report = report_of(&request).filter(|report| report.deploy_status != DeployOutcome::Deployed);
    let mut report = report.unwrap_or_else(|| Report::failed(request.visible, 0, why()));
    if request.visible && !has_given_up(state) {
        // The report may be of an attempt before the one that wrote pages.
        report.deploy_status = DeployOutcome::PartialDeploy;
    }
    let result = FrontendResult {
        deploy_status: report.deploy_status,
        deployed_count: report.deployed_count,
        failed_count: report.failed_count,
        failed_files: report.failed_files,
        unchanged_count: report.unchanged_count,
        removed_count: 0,
        not_removed_count: 0,
        not_removed: vec![],
        contents_removed_count: 0,
        prune_error: None,
        release_id: None,
        cf_invalidation: SKIPPED,
        cf_invalidation_failed: false,
        cf_invalidation_error: None,
        urls: urls(app, &request),
        error_summary: Some(report.error.unwrap_or_else(why)),
    };
    close(app, &request, Event::Fail, DeployStatus::Failed, &result).await
}

/// After a start: a request whose execution has ended without closing it is closed as what visitors get says.
pub(crate) async fn close_orphan(app: &App, request: &Request) -> Result<(), TaskError> {
    let cause = json!({ "errorMessage": "The workflow ended without recording why." }).to_string();
    let state = json!({ "error": { "Error": "Bouncer.Orphaned", "Cause": cause } });
    fail(app, &request.request_id, &state).await.map(|_| ())
}

/// Whether the publish ended by itself, so that its report is the last word.
fn has_given_up(state: &Value) -> bool {
    state.pointer("/publish/outcome").and_then(Value::as_str) == Some(FAILED_WORD)
}

/// Whether the project's pointer is at the release of this request.
async fn is_live(app: &App, request: &Request) -> Result<bool, TaskError> {
    let Some(project) = &request.project else { return Ok(false) };
    let project = app.store.project(project).await?;
    let pointer = project.and_then(|project| project.current_release);
    Ok(pointer.is_some() && pointer == release_of(request))
}

/// The request, then the history, then the lease: the record of the truth first. A repeated call does what is left.
pub(crate) async fn close(
    app: &App,
    request: &Request,
    event: Event,
    status: DeployStatus,
    result: &impl Serialize,
) -> Result<Value, TaskError> {
    let closed = if request.status.has_ended() {
        request.clone()
    } else {
        let value = serde_json::to_value(result)?;
        app.store
            .transition(request, event, Actor::bouncer(), |row| {
                row.finished_at = Some(Time::now());
                row.progress = None;
                row.result = Some(value);
            })
            .await?
    };
    let ended_so = matches!(
        (closed.status, status),
        (Status::Completed, DeployStatus::Success) | (Status::Failed, DeployStatus::Failed)
    );
    if ended_so
        && closed.started_at.is_some()
        && let Some(mut deploy) = history_row(&closed, status)
    {
        // The stored result, not this call's: a repeated call may know less of why.
        let said = |name: &str| closed.result.as_ref().and_then(|result| result.get(name)?.as_str());
        deploy.finished_at = closed.finished_at;
        deploy.release_id = said("release_id").and_then(|id| ReleaseId::parse(id).ok());
        deploy.error_summary = said("error_summary").map(str::to_owned);
        app.store.end_deploy(&deploy).await?;
    }
    if let Some(project) = &closed.project {
        app.store.release(project, Lane::Frontend, &closed.request_id).await?;
    }
    // Last: a channel that is slow must not hold the project.
    refresh(app, &closed).await;
    tracing::info!(
        request_id = %closed.request_id,
        project = closed.project.as_ref().map(tracing::field::display),
        phase = "end",
        status = closed.status.as_str(),
        "the deploy ended"
    );
    Ok(json!({}))
}

pub(crate) fn report_of(request: &Request) -> Option<Report> {
    serde_json::from_value(request.result.clone()?).ok()
}

pub(crate) fn release_of(request: &Request) -> Option<ReleaseId> {
    request.frontend_plan().map(|plan| ReleaseId::derive(&plan.manifest, &request.request_id))
}

fn urls(app: &App, request: &Request) -> Vec<String> {
    match (&app.settings.public_url, &request.project) {
        (Some(public_url), Some(project)) => vec![format!("{public_url}/sites/{project}/")],
        _ => vec![],
    }
}
