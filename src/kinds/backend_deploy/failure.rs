//! How a deploy ends that failed, was not approved, or whose execution ended without closing it.

use super::cancel::finish;
use super::explain::explain;
use super::github_status::{GithubStatus, report};
use super::outcome::{close, drop_change_set, succeed};
use super::result::{BackendResult, DeployOutcome};
use super::stop::{OrphanState, inspect_orphan};
use crate::domain::ids::RequestId;
use crate::domain::request::{Event, Request, Status};
use crate::kinds::stack::MACHINE;
use crate::requests::app::App;
use crate::requests::engine::{ErrorName, ExecutionStatus, TaskError};
use crate::requests::execution::cause_of;
use crate::requests::find::load;
use serde_json::Value;

/// Reports a deploy that was not approved in time to GitHub; its record says so already.
pub(crate) async fn not_begun(app: &App, id: &RequestId) -> Result<(), TaskError> {
    let request = load(app, id).await?;
    let why = match request.status {
        Status::Denied => "An approver denied it",
        Status::Cancelled => "It was cancelled",
        _ => "No approver decided in time",
    };
    report(app, &request, GithubStatus::Failure(why)).await;
    Ok(())
}

/// Closes a deploy that failed. `state` is the execution's data when it gave up.
pub(crate) async fn fail(app: &App, request: &Request, state: &Value) -> Result<(), TaskError> {
    if !request.status.has_ended() && request.cancellation.is_some() {
        // It failed because it is being cancelled.
        return finish(app, request).await;
    }
    let explained = match request.status.has_ended() {
        true => BackendResult::default(),
        false => explain(app, request).await,
    };
    let cause = cause_of(state, "/error").unwrap_or_else(|| "The deploy stopped for an unknown reason.".to_owned());
    give_up(app, request, explained, cause).await
}

/// Closes a deploy whose infrastructure changes were not approved. `state` says how they were decided.
pub(crate) async fn turned_down(app: &App, id: &RequestId, state: &Value) -> Result<(), TaskError> {
    let request = load(app, id).await?;
    let question = app.store.request(&id.infrastructure_request()).await?;
    let by = question.and_then(|question| question.decision).map(|decision| decision.by_name);
    let why = match (state.pointer("/infrastructure/outcome").and_then(Value::as_str), by) {
        (Some("denied"), Some(by)) => format!("{by} denied the infrastructure changes; the stack is unchanged."),
        (Some("denied"), None) => "The infrastructure changes were denied; the stack is unchanged.".to_owned(),
        (Some("cancelled"), _) => {
            "The request to approve the infrastructure changes was withdrawn; the stack is unchanged.".to_owned()
        }
        _ => "No approver decided about the infrastructure changes in time; the stack is unchanged.".to_owned(),
    };
    drop_change_set(app, &request).await;
    close(app, &request, Event::Cancel, BackendResult::cancelled(why), None).await
}

/// Closes a deploy whose execution ended without closing it. One that is being cancelled is stopped; one whose stack became
/// what the template says is a success, however its execution ended.
pub(crate) async fn close_orphan(app: &App, request: &Request) -> Result<(), TaskError> {
    if request.cancellation.is_some() {
        return finish(app, request).await;
    }
    // Before anything of it is stopped, which would look like a failure of its own.
    let explained = explain(app, request).await;
    let cause = match inspect_orphan(app, request).await {
        Ok(OrphanState::Done) => return succeed(app, request, false).await,
        Ok(OrphanState::Nothing) => format!("{} without recording why.", how_it_ended(app, request).await),
        Err(error) if error.name == ErrorName::Unavailable => return Err(error),
        Err(_) => format!(
            "{} without recording why, and the state of the stack could not be read.",
            how_it_ended(app, request).await
        ),
        Ok(OrphanState::GoesOn) => format!(
            "{} while CloudFormation was changing the stack, which continues. Check the stack before the next deploy.",
            how_it_ended(app, request).await
        ),
    };
    give_up(app, request, explained, cause).await
}

/// Says how the execution of a deploy ended, as the start of a sentence.
async fn how_it_ended(app: &App, request: &Request) -> &'static str {
    match app.engine.describe(MACHINE, request.request_id.as_str()).await {
        Ok(ExecutionStatus::Aborted) => "The workflow was stopped",
        Ok(ExecutionStatus::Failed) => "The workflow failed",
        Ok(ExecutionStatus::TimedOut) => "The workflow timed out",
        Ok(ExecutionStatus::Running | ExecutionStatus::Succeeded) | Err(_) => "The workflow ended",
    }
}

/// Closes a deploy as a failure; `cause` counts where builds and stacks do not explain it.
async fn give_up(app: &App, request: &Request, explained: BackendResult, cause: String) -> Result<(), TaskError> {
    let result = BackendResult {
        deploy_status: DeployOutcome::DeployFailed,
        error_summary: explained.error_summary.clone().or(Some(cause)),
        ..explained
    };
    drop_change_set(app, request).await;
    close(app, request, Event::Fail, result, None).await
}
