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

#[cfg(test)]
mod tests {
    use super::super::plan::NAME;
    use super::super::result::DeployOutcome;
    use super::*;
    use crate::domain::caller::{Caller, Role};
    use crate::domain::ids::KeyId;
    use crate::domain::outcome::Outcome;
    use crate::domain::request::Lifetime;
    use crate::domain::sealed::Sealed;
    use crate::domain::time::Time;
    use serde_json::json;

    fn request(status: Status) -> Request {
        let caller = Caller { id: KeyId::parse("key-0123456789ab").unwrap(), name: "a".into(), role: Role::Agent };
        let lifetime = Lifetime { from: Time::now(), valid: 600, kept: 600 };
        let facts = BackendFacts {
            branch: "main".into(),
            commit_sha: CommitSha::parse("0123456789abcdef0123456789abcdef01234567").unwrap(),
            commit_message: "Add the news".into(),
        };
        let request = Request::new(RequestId::random(), NAME, status, &caller, "a deploy", lifetime);
        request.with_facts(&facts).unwrap()
    }

    #[test]
    fn a_waiting_deploy_names_its_commit_only() {
        let expected = json!({
            "branch": "main", "commit_sha": "0123456789abcdef0123456789abcdef01234567", "commit_short": "0123456",
            "commit_message": "Add the news", "sfn_status": "RUNNING",
        });
        assert_eq!(Value::Object(status_fields(&request(Status::PendingApproval))), expected);
    }

    #[test]
    fn a_failed_deploy_says_why_and_a_successful_one_does_not() {
        let result = BackendResult {
            deploy_status: DeployOutcome::DeployFailed,
            hint: Some("Grant the action.".into()),
            error_lines: vec!["Orders: denied".into()],
            ..BackendResult::default()
        };
        let outcome = Outcome::of(&result, None).unwrap();
        let run = BackendRun { infrastructure_request: Some(RequestId::random()), ..BackendRun::starting(Time::now()) };
        let ended = |status| Request {
            outcome: Some(outcome.clone()),
            checkpoint: Some(Sealed::of(&run).unwrap()),
            ..request(status)
        };
        let failed = status_fields(&ended(Status::Failed));
        assert_eq!(failed["suggestion"], "Grant the action.");
        assert_eq!(failed["error_lines"], json!(["Orders: denied"]));
        assert_eq!((&failed["failed_resources"], &failed["cfn_failure_events"]), (&json!([]), &json!([])));
        assert_eq!(failed["infrastructure_request_id"], json!(run.infrastructure_request));
        let completed = status_fields(&ended(Status::Completed));
        assert!(["suggestion", "error_lines", "failed_resources"].iter().all(|name| !completed.contains_key(*name)));
    }
}
