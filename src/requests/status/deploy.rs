//! `bouncer_deploy_status`: where a deploy stands.

use super::request::status_of;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::DeployId;
use crate::domain::progress::ProgressView;
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::is_for;
use crate::storage::summary::RequestSummary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Arguments of `bouncer_deploy_status`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WhichDeploy {
    /// The deploy's id.
    pub deploy_id: String,
}

/// Where a deploy stands, in the words of `bouncer_deploy_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// The answer of `bouncer_deploy_status`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeployView {
    /// Where it stands.
    pub status: DeployState,
    /// The deploy's id, as asked.
    pub deploy_id: String,
    /// Address of the request's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Ask again after so many seconds; absent once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_after_seconds: Option<u64>,
    /// What to do about an unknown id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// The request that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the work began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Seconds since the work began, while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_seconds: Option<u64>,
    /// Seconds the work took, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Where it is right now, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_hint: Option<String>,
    /// The same in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
    /// The root cause in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What only this kind says: `changes` of a site, `commit_sha` or `failed_resources` of a backend.
    #[serde(flatten)]
    pub of_kind: Map<String, Value>,
    /// The old name of where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Says that it is the old name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_note: Option<String>,
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
    let summary =
        request.outcome.as_ref().filter(|_| state != DeployState::Success).and_then(|outcome| outcome.sentence.clone());
    let status = status_of(app, request, now);
    let phase = status.progress.as_ref().map(|progress| progress.step_name.clone());
    let has_own_fields = status.of_kind.contains_key("commit_sha");
    Ok(DeployView {
        status: state,
        deploy_id: args.deploy_id,
        url: status.url,
        poll_after_seconds: status.poll_after_seconds,
        hint: None,
        error_summary: match status.status {
            Status::Denied => Some("An approver denied it.".to_owned()),
            _ => summary,
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
        // A backend's failure is told in members of its own.
        result: status.result.filter(|_| !has_own_fields),
        of_kind: status.of_kind,
        phase_note: phase.as_ref().map(|_| "phase is deprecated; use progress_hint".to_owned()),
        phase,
    })
}

fn unknown_deploy(deploy_id: String) -> DeployView {
    DeployView {
        status: DeployState::NotFound,
        deploy_id: deploy_id.chars().take(80).collect(),
        hint: Some("List a project's deploys with bouncer_deploy_history.".to_owned()),
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
        result: None,
        of_kind: Map::new(),
        url: None,
        poll_after_seconds: None,
        phase: None,
        phase_note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::Role;
    use crate::domain::ids::{KeyId, RequestId};
    use crate::domain::kind::KindName;
    use crate::domain::request::Lifetime;

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
                Request::new(RequestId::random(), KindName::new("a_kind"), status, &caller, "a deploy", lifetime);
            let at = |seconds| DeployState::of(&request, now.plus_seconds(seconds));
            assert_eq!((at(0), at(700)), (within, later), "{status}");
            // Nothing but its own end says that what runs has ended.
            let outdated = if status == Status::Running { DeployState::Running } else { DeployState::Expired };
            assert_eq!(at(1_602), outdated, "{status}");
        }
    }
}
