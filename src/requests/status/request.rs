//! `bouncer_status`: where a request stands.

use super::deploy::BackendView;
use crate::analysis::stack_progress::ResourceLine;
use crate::domain::activity::{Activity, Hint};
use crate::domain::backend::run::{BackendRun, BackendStep};
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::{DeployId, RequestId};
use crate::domain::progress::{Progress, Step};
use crate::domain::request::{Action, Request, Status};
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::approval::unknown;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Arguments of `bouncer_status` and `bouncer_request_show`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WhichRequest {
    /// The request's id.
    pub request_id: String,
}

/// The answer of `bouncer_status`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RequestStatus {
    /// The request's id.
    pub request_id: String,
    /// Where it stands.
    pub status: Status,
    /// What was asked.
    pub action: Action,
    /// One line.
    pub summary: String,
    /// The project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Who asked, in their own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked.
    pub created_at: Time,
    /// Until when it could be decided.
    pub expires_at: Time,
    /// Who has approved, where two must and one has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// How many different people must approve, where it is not one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals_required: Option<u32>,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
    /// What it would change, or has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeCounts>,
    /// For a deploy: what bouncer_deploy_status says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_id: Option<DeployId>,
    /// When the work began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Seconds since the work began, while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_seconds: Option<u64>,
    /// Seconds the work took, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Where it is right now, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_hint: Option<String>,
    /// The same in numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Of a backend deploy: what is deployed, and why it failed.
    #[serde(flatten)]
    pub backend: Option<BackendView>,
}

/// Progress in numbers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProgressView {
    /// The step's number.
    pub step: u32,
    /// How many steps there are.
    pub steps: u32,
    /// The step's name.
    pub step_name: StepName,
    /// Of the step: files written, or resources changed.
    pub done: u64,
    /// Of the step: files to write, or resources to change; 0 while that is not known.
    pub total: u64,
    /// Files written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_done: Option<u64>,
    /// Files to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_total: Option<u64>,
    /// Bytes written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_done: Option<u64>,
    /// Bytes to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    /// Resources that are being changed at this moment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_progress: Vec<ResourceLine>,
    /// Resources that have failed so far.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<ResourceLine>,
}

/// A step of either kind of deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StepName {
    /// Of a site.
    Frontend(Step),
    /// Of a stack.
    Backend(BackendStep),
}

impl From<&BackendRun> for ProgressView {
    fn from(run: &BackendRun) -> Self {
        let stack = run.stack.as_ref().filter(|_| run.step == BackendStep::ChangingStack);
        Self {
            step: run.step.number(),
            steps: BackendStep::COUNT,
            step_name: StepName::Backend(run.step),
            done: stack.map_or(0, |stack| stack.done),
            total: stack.map_or(0, |stack| stack.total),
            files_done: None,
            files_total: None,
            bytes_done: None,
            bytes_total: None,
            in_progress: stack.map(|stack| stack.in_progress.clone()).unwrap_or_default(),
            failed: stack.map(|stack| stack.failed.clone()).unwrap_or_default(),
        }
    }
}

impl From<&Progress> for ProgressView {
    fn from(progress: &Progress) -> Self {
        Self {
            step: progress.step_number(),
            steps: progress.steps(),
            step_name: StepName::Frontend(progress.step),
            done: progress.files_done,
            total: progress.files_total,
            files_done: Some(progress.files_done),
            files_total: Some(progress.files_total),
            bytes_done: Some(progress.bytes_done),
            bytes_total: Some(progress.bytes_total),
            in_progress: vec![],
            failed: vec![],
        }
    }
}

/// Where a request stands.
pub async fn status(app: &App, caller: &Caller, args: WhichRequest) -> Result<RequestStatus, UserError> {
    let unknown = || unknown(&args.request_id);
    let id = RequestId::parse(args.request_id.as_str()).map_err(|_| unknown())?;
    let request =
        app.store.request_summary(&id).await?.filter(|request| request.is_visible_to(caller)).ok_or_else(unknown)?;
    Ok(status_of(request.into_request(), Time::now()))
}

/// Where a request is right now, in the sentence of `progress_hint`.
pub(crate) fn hint(request: &Request, now: Time) -> Option<Hint> {
    match request.status_at(now) {
        Status::PendingApproval => Some(Activity::AwaitingApproval.into()),
        Status::Approved if request.maintenance_plan().is_some() => Some(Activity::StartingMaintenance.into()),
        Status::Approved => Some(Progress::starting().hint()),
        Status::Running => {
            let run = request.run.as_ref().map(BackendRun::hint);
            run.or_else(|| request.progress.as_ref().map(Progress::hint))
        }
        _ => None,
    }
}

pub(crate) fn status_of(request: Request, now: Time) -> RequestStatus {
    let status = request.status_at(now);
    let hint = hint(&request, now).map(|hint| hint.to_string());
    let running = status == Status::Running;
    let progress = request.run.as_ref().map(ProgressView::from);
    let progress = progress.or_else(|| request.progress.as_ref().map(ProgressView::from));
    let decided_by = request.decided_by();
    let backend = BackendView::of(&request);
    let approved_by = request.approved_by();
    let approvals_required = Some(request.approvals_required).filter(|required| *required > 1);
    RequestStatus {
        backend,
        status,
        action: request.action,
        summary: request.summary,
        project: request.project.map(String::from),
        source: request.source,
        reason: request.reason,
        created_at: request.created_at,
        expires_at: request.expires_at,
        approved_by,
        approvals_required,
        decided_by,
        decided_at: request.decision.map(|decision| decision.at),
        changes: request.changes,
        deploy_id: request.deploy_id,
        elapsed_seconds: request.started_at.filter(|_| running).map(|at| now.seconds_since(at)),
        duration_seconds: request.finished_at.zip(request.started_at).map(|(end, start)| end.seconds_since(start)),
        started_at: request.started_at,
        finished_at: request.finished_at,
        progress_hint: hint,
        progress: progress.filter(|_| running),
        // While the work goes on the attribute holds a report between tasks, which is not the result yet.
        result: request.result.filter(|_| status.has_ended()),
        request_id: request.request_id.into(),
    }
}
