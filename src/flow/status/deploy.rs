//! `bouncer_deploy_status`: where a deploy stands.

use super::request::{ProgressView, status_of};
use crate::flow::app::App;
use crate::model::caller::Caller;
use crate::model::error::UserError;
use crate::model::ids::DeployId;
use crate::model::manifest::ChangeCounts;
use crate::model::progress::Step;
use crate::model::request::Status;
use crate::model::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Arguments of `bouncer_deploy_status`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WhichDeploy {
    /// The deploy's id.
    pub deploy_id: String,
}

/// Where a deploy stands, in the words of `bouncer_deploy_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[allow(missing_docs)] // The names are the contract's own words.
pub enum DeployState {
    #[serde(rename = "pending_approval")]
    PendingApproval,
    #[serde(rename = "PENDING")]
    Pending,
    #[serde(rename = "RUNNING")]
    Running,
    #[serde(rename = "SUCCESS")]
    Success,
    #[serde(rename = "FAILED")]
    Failed,
    #[serde(rename = "CANCELLED")]
    Cancelled,
    #[serde(rename = "expired")]
    Expired,
    #[serde(rename = "not_found")]
    NotFound,
}

/// The answer of `bouncer_deploy_status`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeployView {
    /// Where it stands.
    pub status: DeployState,
    /// The deploy's id, as asked.
    pub deploy_id: String,
    /// What to do about an unknown id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// The project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// The request that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
    /// The root cause in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
    /// What it would change, or has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeCounts>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The old name of where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Step>,
    /// Says that it is the old name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_note: Option<&'static str>,
}

/// Where a deploy stands. An unknown id is an answer, not an error.
pub async fn deploy_status(app: &App, caller: &Caller, args: WhichDeploy) -> Result<DeployView, UserError> {
    let request = match DeployId::parse(args.deploy_id.as_str()) {
        Ok(id) => app.store.request(&id.request_id()).await?.filter(|request| request.deploy_id.as_ref() == Some(&id)),
        Err(_) => None,
    };
    let Some(request) = request.filter(|request| caller.may_see(&request.caller)) else {
        return Ok(unknown_deploy(args.deploy_id));
    };
    let triggered_by = request.source.clone().unwrap_or_else(|| request.caller_name.clone());
    let step = request.progress.as_ref().map(|progress| progress.step);
    let status = status_of(request, Time::now());
    let summary = status.result.as_ref().and_then(|result| result.get("error_summary")).and_then(Value::as_str);
    let state = match status.status {
        Status::Ready | Status::PendingApproval => DeployState::PendingApproval,
        Status::Approved => DeployState::Pending,
        Status::Running => DeployState::Running,
        Status::Completed => DeployState::Success,
        Status::Failed => DeployState::Failed,
        Status::Denied | Status::Cancelled => DeployState::Cancelled,
        Status::Expired => DeployState::Expired,
    };
    let phase = step.filter(|_| state == DeployState::Running);
    Ok(DeployView {
        status: state,
        deploy_id: args.deploy_id,
        hint: None,
        error_summary: match status.status {
            Status::Denied => Some("An approver denied it.".to_owned()),
            _ => summary.map(str::to_owned),
        },
        project_id: status.project,
        request_id: Some(status.request_id),
        triggered_by: Some(triggered_by),
        reason: status.reason,
        started_at: status.started_at,
        finished_at: status.finished_at,
        elapsed_seconds: status.elapsed_seconds,
        duration_seconds: status.duration_seconds,
        progress_hint: status.progress_hint,
        progress: status.progress,
        changes: status.changes,
        result: status.result,
        phase,
        phase_note: phase.map(|_| "phase is deprecated; use progress_hint"),
    })
}

fn unknown_deploy(deploy_id: String) -> DeployView {
    DeployView {
        status: DeployState::NotFound,
        deploy_id: deploy_id.chars().take(80).collect(),
        hint: Some("List a project's deploys with bouncer_deploy_history."),
        project_id: None,
        request_id: None,
        triggered_by: None,
        reason: None,
        started_at: None,
        finished_at: None,
        elapsed_seconds: None,
        duration_seconds: None,
        progress_hint: None,
        progress: None,
        error_summary: None,
        changes: None,
        result: None,
        phase: None,
        phase_note: None,
    }
}
