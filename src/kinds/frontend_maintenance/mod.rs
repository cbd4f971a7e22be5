//! What is done for a site without a deploy: a bucket that was filled without Bouncer is adopted, or what nothing needs is
//! removed. Nothing of it changes what visitors get, so nobody is asked; otherwise it is a request like any other, carried
//! out by an execution, because only the tasks of one may assume a project's role.

pub(crate) mod adopt;
mod reader;
pub mod request;

use super::frontend_deploy::large;
use super::frontend_deploy::outcome::{close, is_zero, report_of};
use super::frontend_deploy::publish::{history_row, refused};
use super::frontend_deploy::report::FailedFile;
use crate::domain::audit::Actor;
use crate::domain::history::DeployStatus;
use crate::domain::ids::ReleaseId;
use crate::domain::maintenance::{Maintenance, MaintenancePlan};
use crate::domain::plan::Plan;
use crate::domain::progress::{Progress, Step};
use crate::domain::project::Project;
use crate::domain::request::{Event, Request, Status};
use crate::domain::site::adoption::{LeftOut, LeftOuts};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::approval::APPROVAL_AGE_SECONDS;
use crate::requests::engine::TaskError;
use crate::requests::execution::cause_of;
use crate::requests::transition::transition;
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

impl AdoptionResult {
    fn new(files: usize, bytes: u64, left: LeftOuts) -> Self {
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

/// The request at work, begun by this call or an earlier one; `None` when it has ended.
pub(crate) async fn begin(app: &App, request: Request, step: Step) -> Result<Option<Request>, TaskError> {
    let request = match request.status {
        Status::Running => request,
        Status::Approved => start(app, &request, step).await?,
        _ => return Ok(None),
    };
    if let Some(deploy) = history_row(&request, DeployStatus::Running) {
        app.store.begin_deploy(&deploy).await?;
    }
    Ok(Some(request))
}

async fn start(app: &App, request: &Request, step: Step) -> Result<Request, TaskError> {
    let now = Time::now();
    if now.seconds_since(request.created_at) > APPROVAL_AGE_SECONDS {
        return Err(refused("This was asked for more than a day ago; ask for it anew."));
    }
    if request.plan.as_ref().map(Plan::hash).transpose()? != request.plan_hash {
        return Err(refused("The stored plan is not the one that was asked for; ask for it anew."));
    }
    let running = transition(app, request, Event::Start, Actor::bouncer(), |row| {
        row.started_at = Some(now);
        row.progress = Some(Progress::at(step));
    })
    .await?;
    tracing::info!(
        request_id = %request.request_id,
        project = request.project.as_ref().map(tracing::field::display),
        phase = request.action.as_str(),
        "the work begins"
    );
    Ok(running)
}

/// Whether a project's current release is the one that this request adopted.
fn has_adopted(project: &Project, request: &Request) -> bool {
    let of_request = project.releases.iter().find(|release| release.request_id == request.request_id);
    of_request.is_some_and(|release| project.current_release.as_ref() == Some(&release.release_id))
}

/// Closes a request that has done its work.
pub(crate) async fn close_done(app: &App, request: &Request, plan: &MaintenancePlan) -> Result<Value, TaskError> {
    match plan.maintenance {
        Maintenance::Adopt => close(app, request, Event::Complete, DeployStatus::Success, &adoption_of(request)).await,
        Maintenance::Prune => {
            close(app, request, Event::Complete, DeployStatus::Success, &prune_of(request, None)).await
        }
    }
}

/// Closes one that has not. `state` is the execution's data when it gave up.
pub(crate) async fn close_undone(
    app: &App,
    request: &Request,
    plan: &MaintenancePlan,
    state: &Value,
) -> Result<Value, TaskError> {
    let cause = cause_of(state, "/error").or_else(|| cause_of(state, "/prune_error"));
    let cause = cause.unwrap_or_else(|| "It stopped for an unknown reason.".to_owned());
    match plan.maintenance {
        Maintenance::Adopt => {
            forget(app, request).await;
            let project = app.store.project(&plan.project).await?;
            if project.is_some_and(|project| has_adopted(&project, request)) {
                // It gave up after the pointer had moved.
                return close_done(app, request, plan).await;
            }
            let why = Some(format!("{cause} Nothing was changed."));
            let result = AdoptionResult { error_summary: why, ..AdoptionResult::default() };
            close(app, request, Event::Fail, DeployStatus::Failed, &result).await
        }
        Maintenance::Prune => {
            close(app, request, Event::Fail, DeployStatus::Failed, &prune_of(request, Some(cause))).await
        }
    }
}

fn adoption_of(request: &Request) -> AdoptionResult {
    request.result.clone().and_then(|result| serde_json::from_value(result).ok()).unwrap_or_default()
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
async fn forget(app: &App, request: &Request) {
    let uploads = large::abandon(app, request).await;
    if let Err(error) = uploads.and(adopt::forget_progress(app, &request.request_id).await) {
        tracing::warn!(request_id = %request.request_id, %error, "what an adoption noted on its way could not be removed");
    }
}
