//! How a publish ends in the records. Both ways may run twice.

use super::slice::SliceOutcome;
use crate::domain::ids::ReleaseId;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Event, Request};
use crate::kinds::site::large;
use crate::kinds::site::plan::{FrontendPlan, VISIBLE};
use crate::kinds::site::report::{DeployOutcome, FailedFile, InvalidationView, Report, is_zero, report_of};
use crate::requests::app::App;
use crate::requests::complete;
use crate::requests::engine::TaskError;
use crate::requests::execution::cause_of;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

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
    /// It was not needed, or could not be made.
    Not(NotMade),
}

/// Why there is no invalidation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotMade {
    /// Nothing that the CDN may have cached changed.
    Skipped,
    /// CloudFront could not be told.
    Failed,
}

const SKIPPED: InvalidationOutcome = InvalidationOutcome::Not(NotMade::Skipped);

/// Closes a deploy that is live. `state` is the execution's data, which tells of a failed invalidation.
pub(crate) async fn complete(app: &App, request: &Request, state: &Value) -> Result<(), TaskError> {
    let report = report_of(request);
    let release_id = release_of(request);
    let made = report.as_ref().and_then(|report| report.invalidation.clone());
    let failed = cause_of(state, "/invalidation_error").filter(|_| made.is_none());
    let removed = report.as_ref().map(|report| report.removed.clone()).unwrap_or_default();
    let stopped = ["/withdraw_error", "/prune_error"].iter().find_map(|at| cause_of(state, at));
    let plan = request.plan_as::<FrontendPlan>();
    let distribution = plan.and_then(|plan| plan.target.distribution_id).unwrap_or_default();
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
        release_id: release_id.clone(),
        cf_invalidation_failed: failed.is_some(),
        cf_invalidation_error: failed.as_ref().map(|cause| {
            format!(
                "{cause} The files are live. Invalidate the cache with: \
                 aws cloudfront create-invalidation --distribution-id {distribution} --paths '/*'"
            )
        }),
        cf_invalidation: match (made, &failed) {
            (Some(made), _) => InvalidationOutcome::Made(made),
            (None, Some(_)) => InvalidationOutcome::Not(NotMade::Failed),
            (None, None) => SKIPPED,
        },
        urls: urls(app, request),
        error_summary: None,
    };
    let live = release_id.map(|release| release.to_string());
    let sentence = match &failed {
        None => live,
        Some(_) => Some(format!(
            "{}; the CDN invalidation failed, so visitors may still get the old site",
            live.unwrap_or_default()
        )),
    };
    let closed = complete::close(app, request, Event::Complete, Outcome::of(&result, sentence)?).await?;
    complete::announce(app, &closed).await;
    Ok(())
}

/// Closes a deploy that did not go live, or not wholly. `state` is the execution's data when it gave up.
pub(crate) async fn fail(app: &App, request: &Request, state: &Value) -> Result<(), TaskError> {
    if is_live(app, request).await? {
        // It gave up after the pointer had moved: what visitors get decides.
        return complete(app, request, state).await;
    }
    if let Err(error) = large::abandon(app, request).await {
        tracing::warn!(request_id = %request.request_id, %error, "unfinished uploads could not be aborted");
    }
    let is_visible = request.is_marked(VISIBLE);
    let why = || {
        let cause = cause_of(state, "/error");
        let cause = cause.unwrap_or_else(|| "The deploy stopped for an unknown reason.".to_owned());
        if is_visible { cause } else { format!("{cause} The site is unchanged.") }
    };
    let report = report_of(request).filter(|report| report.deploy_status != DeployOutcome::Deployed);
    let mut report = report.unwrap_or_else(|| Report::failed(is_visible, 0, why()));
    if is_visible && !has_given_up(state) {
        // The report may be of an attempt before the one that wrote pages.
        report.deploy_status = DeployOutcome::PartialDeploy;
    }
    let error = report.error.unwrap_or_else(why);
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
        urls: urls(app, request),
        error_summary: Some(error.clone()),
    };
    let outcome =
        Outcome { partial: report.deploy_status == DeployOutcome::PartialDeploy, ..Outcome::of(&result, Some(error))? };
    let closed = complete::close(app, request, Event::Fail, outcome).await?;
    complete::announce(app, &closed).await;
    Ok(())
}

/// Tells whether the publish ended by itself, so that its report is the last word.
fn has_given_up(state: &Value) -> bool {
    let outcome = state.pointer("/publish/outcome").cloned().unwrap_or_default();
    serde_json::from_value::<SliceOutcome>(outcome).is_ok_and(|outcome| outcome == SliceOutcome::Failed)
}

/// Tells whether the project's pointer is at the release of this request.
async fn is_live(app: &App, request: &Request) -> Result<bool, TaskError> {
    let Some(project) = &request.project else { return Ok(false) };
    let project = app.store.project(project).await?;
    let pointer = project.and_then(|project| project.current_release);
    Ok(pointer.is_some() && pointer == release_of(request))
}

fn release_of(request: &Request) -> Option<ReleaseId> {
    request.plan_as::<FrontendPlan>().map(|plan| ReleaseId::derive(&plan.manifest, &request.request_id))
}

fn urls(app: &App, request: &Request) -> Vec<String> {
    match (&app.settings.public_url, &request.project) {
        (Some(public_url), Some(project)) => vec![format!("{public_url}/sites/{project}/")],
        _ => vec![],
    }
}
