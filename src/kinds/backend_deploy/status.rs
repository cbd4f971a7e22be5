//! The members that `bouncer_status` and `bouncer_deploy_status` have for a backend deploy only.

use super::plan::BackendFacts;
use super::result::{BackendResult, FailureEvent};
use crate::analysis::failure::FailedResource;
use crate::domain::backend::commit::CommitSha;
use crate::domain::ids::RequestId;
use crate::domain::request::{Request, Status};
use crate::kinds::stack::run::BackendRun;
use serde::Serialize;
use serde_json::{Map, Value};

/// What only a backend deploy says of itself. Read from facts, checkpoint and outcome: status polling reads no more.
#[derive(Debug, Serialize)]
struct StatusFields {
    branch: String,
    commit_short: String,
    commit_sha: CommitSha,
    commit_message: String,
    /// The execution's state in Step Functions' words, as the records have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sfn_status: Option<&'static str>,
    /// CodeBuild's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    build_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    infrastructure_request_id: Option<RequestId>,
    #[serde(flatten)]
    failure: Option<FailureFields>,
}

/// Why a deploy failed.
#[derive(Debug, Serialize)]
struct FailureFields {
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
    error_lines: Vec<String>,
    failed_resources: Vec<FailedResource>,
    cfn_failure_events: Vec<FailureEvent>,
}

/// Returns the members; none for a record without facts.
pub(crate) fn status_fields(request: &Request) -> Map<String, Value> {
    match fields(request).map(serde_json::to_value) {
        Some(Ok(Value::Object(fields))) => fields,
        _ => Map::new(),
    }
}

fn fields(request: &Request) -> Option<StatusFields> {
    let facts: BackendFacts = request.facts_as()?;
    let run: Option<BackendRun> = request.checkpoint_as();
    let outcome = request.outcome.as_ref().filter(|_| request.status == Status::Failed);
    let result: Option<BackendResult> = outcome.and_then(|outcome| serde_json::from_value(outcome.result.clone()).ok());
    Some(StatusFields {
        branch: facts.branch,
        commit_short: facts.commit_sha.short().to_owned(),
        commit_sha: facts.commit_sha,
        commit_message: facts.commit_message,
        sfn_status: sfn_status(request),
        build_status: run.as_ref().and_then(|run| run.build.as_ref()).map(|build| build.status.clone()),
        infrastructure_request_id: run.and_then(|run| run.infrastructure_request),
        failure: result.map(|result| FailureFields {
            suggestion: result.hint,
            error_lines: result.error_lines,
            failed_resources: result.failed_resources,
            cfn_failure_events: result.cfn_failure_events,
        }),
    })
}

fn sfn_status(request: &Request) -> Option<&'static str> {
    match request.status {
        Status::Running | Status::Approved | Status::PendingApproval => Some("RUNNING"),
        Status::Completed | Status::Denied | Status::Expired => Some("SUCCEEDED"),
        Status::Failed => Some("FAILED"),
        Status::Cancelled if request.cancellation.is_some() => Some("ABORTED"),
        Status::Cancelled | Status::Ready => None,
    }
}
