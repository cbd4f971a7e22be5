//! `bouncer_deploy_status`: where a deploy stands.

use super::request::{ProgressView, StepName, status_of};
use crate::analysis::failure::FailedResource;
use crate::domain::backend::commit::CommitSha;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::{DeployId, RequestId};
use crate::domain::request::{Request, Status};
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::time::Time;
use crate::kinds::backend_deploy::{BackendResult, FailureEvent};
use crate::requests::app::App;
use crate::storage::summary::RequestSummary;
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

impl DeployState {
    /// What a record says at a time. One that is kept no longer is expired, whatever came of it: it may be gone at the
    /// next look.
    fn of(request: &Request, now: Time) -> Self {
        match request.status_at(now) {
            _ if request.is_outdated(now) => DeployState::Expired,
            Status::Ready | Status::PendingApproval => DeployState::PendingApproval,
            Status::Approved => DeployState::Pending,
            Status::Running => DeployState::Running,
            Status::Completed => DeployState::Success,
            Status::Failed => DeployState::Failed,
            Status::Denied | Status::Cancelled => DeployState::Cancelled,
            Status::Expired => DeployState::Expired,
        }
    }
}

/// What `bouncer_deploy_status` says of a backend beside all that it says of any deploy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BackendView {
    /// The branch that was asked for.
    pub branch: String,
    /// The commit that is deployed.
    pub commit_sha: CommitSha,
    /// Its first seven digits.
    pub commit_short: String,
    /// Its title.
    pub commit_message: String,
    /// The execution's own state, as the records tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sfn_status: Option<&'static str>,
    /// CodeBuild's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_status: Option<String>,
    /// The request for a decision about the infrastructure changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infrastructure_request_id: Option<RequestId>,
    /// What to do about a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// Lines that tell of a failure's cause, at most five.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_lines: Option<Vec<String>>,
    /// Resources that failed, the root cause first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_resources: Option<Vec<FailedResource>>,
    /// The stack's events of failures, as CloudFormation words them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cfn_failure_events: Option<Vec<FailureEvent>>,
}

impl BackendView {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let plan = request.backend_plan()?;
        let run = request.run.as_ref();
        let failed = request.status == Status::Failed;
        let result = request.result.clone().filter(|_| failed);
        let result = result.and_then(|result| serde_json::from_value::<BackendResult>(result).ok());
        Some(Self {
            branch: plan.branch.clone(),
            commit_sha: plan.commit.clone(),
            commit_short: plan.commit.short().to_owned(),
            commit_message: plan.commit_message.clone(),
            sfn_status: match request.status {
                Status::Running | Status::Approved | Status::PendingApproval => Some("RUNNING"),
                Status::Completed | Status::Denied | Status::Expired => Some("SUCCEEDED"),
                Status::Failed => Some("FAILED"),
                Status::Cancelled if request.cancellation.is_some() => Some("ABORTED"),
                Status::Cancelled | Status::Ready => None,
            },
            build_status: run.and_then(|run| run.build.as_ref()).map(|build| build.status.clone()),
            infrastructure_request_id: run.and_then(|run| run.infrastructure_request.clone()),
            suggestion: result.as_ref().and_then(|result| result.hint.clone()),
            error_lines: result.as_ref().map(|result| result.error_lines.clone()),
            failed_resources: result.as_ref().map(|result| result.failed_resources.clone()),
            cfn_failure_events: result.map(|result| result.cfn_failure_events),
        })
    }
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
    /// Of a backend: what is deployed.
    #[serde(flatten)]
    pub backend: Option<BackendView>,
    /// The old name of where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<StepName>,
    /// Says that it is the old name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_note: Option<&'static str>,
}

/// A deploy that this caller may see.
pub(crate) async fn find_deploy(app: &App, caller: &Caller, text: &str) -> Result<Request, UserError> {
    let request = match DeployId::parse(text) {
        Ok(id) => app.store.request(&id.request_id()).await?.filter(|request| is_for(request, &id, caller)),
        Err(_) => None,
    };
    request.ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        UserError::not_found(
            format!("There is no deploy '{shown}' that you may see."),
            "List a project's deploys with bouncer_deploy_history.",
        )
        .with_status("not_found")
    })
}

fn is_for(request: &Request, deploy: &DeployId, caller: &Caller) -> bool {
    request.deploy_id.as_ref() == Some(deploy) && request.is_visible_to(caller)
}

/// Where a deploy stands. An unknown id is an answer, not an error.
pub async fn deploy_status(app: &App, caller: &Caller, args: WhichDeploy) -> Result<DeployView, UserError> {
    let seen = match DeployId::parse(args.deploy_id.as_str()) {
        Ok(id) => app.store.request_summary(&id.request_id()).await?.filter(|request| is_for(request, &id, caller)),
        Err(_) => None,
    };
    let Some(request) = seen.map(RequestSummary::into_request) else {
        return Ok(unknown_deploy(args.deploy_id));
    };
    let triggered_by = request.source.clone().unwrap_or_else(|| request.caller_name.clone());
    let now = Time::now();
    let state = DeployState::of(&request, now);
    let status = status_of(request, now);
    let step = status.progress.as_ref().map(|progress| progress.step_name);
    let summary = status.result.as_ref().and_then(|result| result.get("error_summary")).and_then(Value::as_str);
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
        result: status.result.filter(|_| status.backend.is_none()),
        backend: status.backend,
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
        backend: None,
        phase: None,
        phase_note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::Role;
    use crate::domain::ids::KeyId;
    use crate::domain::request::{Action, Lifetime};

    #[test]
    fn a_record_past_its_time_is_expired_whatever_came_of_it() {
        let now = Time::now();
        let caller = Caller { id: KeyId::parse("key-0123456789ab").unwrap(), name: "a".into(), role: Role::Agent };
        let lifetime = Lifetime { from: now, valid: 600, kept: 1_000 };
        for (status, within, later) in [
            (Status::PendingApproval, DeployState::PendingApproval, DeployState::Expired),
            (Status::Approved, DeployState::Pending, DeployState::Pending),
            (Status::Running, DeployState::Running, DeployState::Running),
            (Status::Completed, DeployState::Success, DeployState::Success),
            (Status::Failed, DeployState::Failed, DeployState::Failed),
            (Status::Denied, DeployState::Cancelled, DeployState::Cancelled),
            (Status::Cancelled, DeployState::Cancelled, DeployState::Cancelled),
            (Status::Expired, DeployState::Expired, DeployState::Expired),
        ] {
            let request =
                Request::new(RequestId::random(), Action::BackendDeploy, status, &caller, "a deploy", lifetime);
            let at = |seconds| DeployState::of(&request, now.plus_seconds(seconds));
            assert_eq!((at(0), at(700)), (within, later), "{status}");
            // Nothing but its own end says that what runs has ended.
            let outdated = if status == Status::Running { DeployState::Running } else { DeployState::Expired };
            assert_eq!(at(1_602), outdated, "{status}");
        }
    }
}
