//! What a backend's status tells beside what that of any deploy tells: the commit, and the cause of a failure.

use super::tree;
use crate::analysis::failure::FailedResource;
use crate::cli::output::{shorten, visible, write_field};
use serde::Deserialize;
use std::fmt::{self, Write};

/// The members that only a backend's status has.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BackendPart {
    commit_sha: String,
    #[serde(default)]
    branch: String,
    #[serde(default)]
    commit_message: String,
    build_status: Option<String>,
    pub infrastructure_request_id: Option<String>,
    pub suggestion: Option<String>,
    #[serde(default)]
    error_lines: Vec<String>,
    #[serde(default)]
    failed_resources: Vec<FailedResource>,
}

/// How many characters of a line of a log are shown.
const LINE_LENGTH: usize = 400;

impl BackendPart {
    /// Which commit it is.
    pub fn render_commit(&self, out: &mut dyn Write) -> fmt::Result {
        let short: String = self.commit_sha.chars().take(7).collect();
        write_field(out, "commit", Some(&format!("{short} {}", self.commit_message)))?;
        write_field(out, "branch", Some(&self.branch).filter(|branch| !branch.is_empty()).map(String::as_str))
    }

    /// What failed, the cause first.
    pub fn render_failure(&self, deploy: Option<&str>, out: &mut dyn Write) -> fmt::Result {
        if !self.failed_resources.is_empty() {
            writeln!(out)?;
            return tree::render(&self.failed_resources, out);
        }
        if self.error_lines.is_empty() {
            return Ok(());
        }
        if let Some(deploy) = deploy.filter(|_| self.build_status.is_some()) {
            write_field(out, "log", Some(&format!("bouncer deploy logs {deploy}")))?;
        }
        writeln!(out)?;
        self.error_lines.iter().try_for_each(|line| writeln!(out, "  | {}", visible(&shorten(line, LINE_LENGTH))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::StatusView;
    use crate::cli::exit::Exit;
    use crate::cli::output::text_of;
    use serde_json::{Value, json};

    fn view(members: Value) -> StatusView {
        let mut answer = json!({
            "deploy_id": "deploy-0123456789abcdef", "request_id": "req-0123456789abcdef", "project_id": "shop",
            "triggered_by": "ci", "reason": "Orders by post", "branch": "main",
            "commit_sha": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d", "commit_short": "1a2b3c4",
            "commit_message": "Take orders by post", "sfn_status": "RUNNING",
        });
        answer.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_backend_that_waits() {
        let waiting = view(json!({
            "status": "pending_approval", "request_status": "pending_approval", "progress_hint": "Waiting for approval",
            "expires_at": "2026-01-01T00:00:00Z",
        }));
        let asking = view(json!({
            "status": "RUNNING", "progress_hint": "Waiting for infrastructure approval", "elapsed_seconds": 125,
            "infrastructure_request_id": "req-fedcba9876543210",
            "progress": {"step": 5, "steps": 7, "step_name": "awaiting_approval", "done": 0, "total": 0},
        }));
        assert_eq!(
            asking.sentence(),
            "Waiting for infrastructure approval: look at it with `bouncer request show req-fedcba9876543210`"
        );
        insta::assert_snapshot!("a_backend_that_waits", text_of(&waiting) + "\n" + &text_of(&asking));
    }

    #[test]
    fn a_backend_that_is_deployed() {
        let deployed = view(json!({
            "status": "SUCCESS", "request_status": "completed", "decided_by": "alice", "duration_seconds": 200,
            "result": {"deploy_status": "deployed", "changed_resources": 7},
        }));
        assert_eq!(deployed.exit(), Exit::Done);
        let unchanged = view(json!({
            "status": "SUCCESS", "duration_seconds": 61, "result": {"deploy_status": "no_changes"},
        }));
        insta::assert_snapshot!("a_backend_that_is_deployed", text_of(&deployed) + "\n" + &text_of(&unchanged));
    }

    #[test]
    fn a_stack_that_failed() {
        let failed = view(json!({
            "status": "FAILED", "request_status": "failed", "duration_seconds": 95, "build_status": "SUCCEEDED",
            "error_summary": "Rows (AWS::DynamoDB::Table) failed to create: Table already exists: Rows.",
            "suggestion": "Something of this name exists already: delete it.",
            "error_lines": ["Rows: Table already exists: Rows"],
            "failed_resources": [
                {"resource": "Rows", "type": "AWS::DynamoDB::Table", "status": "CREATE_FAILED", "stack": "shop",
                 "reason": "Table already exists: Rows", "timestamp": "2026-01-02T03:04:05Z", "cascade": false},
            ],
            "result": {"deploy_status": "deploy_failed", "error_summary": "the same"},
        }));
        assert_eq!(failed.exit(), Exit::Failed);
        insta::assert_snapshot!(text_of(&failed));
    }

    #[test]
    fn a_build_that_failed() {
        let failed = view(json!({
            "status": "FAILED", "duration_seconds": 42, "build_status": "FAILED",
            "error_summary": "The build failed in BUILD: exit status 1.",
            "error_lines": ["Error: no such file \u{1b}]0;title\u{7}: app.py", "sam build: failed"], "failed_resources": [],
        }));
        insta::assert_snapshot!(text_of(&failed));
    }

    #[test]
    fn who_said_no_decides_the_exit() {
        let ended = |question: Value, request: &str| {
            let view = view(json!({
                "status": "CANCELLED", "request_status": request, "infrastructure_request_status": question,
                "result": {"deploy_status": "cancelled"},
            }));
            (view.exit(), text_of(&view).lines().next().unwrap_or_default().to_owned())
        };
        let of = |exit, headline: &str| (exit, format!("{headline}: deploy-0123456789abcdef"));
        assert_eq!(ended(json!("denied"), "cancelled"), of(Exit::Denied, "Denied"));
        assert_eq!(ended(json!("expired"), "cancelled"), of(Exit::Unfinished, "Expired: nobody decided in time"));
        assert_eq!(ended(json!("cancelled"), "cancelled"), of(Exit::Failed, "Cancelled"));
        assert_eq!(ended(Value::Null, "cancelled"), of(Exit::Failed, "Cancelled"));
        assert_eq!(ended(Value::Null, "denied"), of(Exit::Denied, "Denied"));
    }
}
