//! From a request to the execution that carries it out.

use super::app::App;
use super::engine::{EngineError, ExecutionStatus, Machine, TaskError};
use super::prompts::deliver;
use super::transition::transition;
use crate::domain::audit::Actor;
use crate::domain::backend::target::Gate;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::domain::request::{Action, Event, Request, Status, first_wait};
use crate::domain::time::Time;
use crate::kinds::{backend_deploy as backend, frontend_deploy as frontend};
use serde_json::{Value, json};

/// The execution that a request waits in or is carried out by.
pub(crate) struct Execution<'a> {
    pub machine: Machine,
    pub name: &'a RequestId,
}

/// Where a request's execution is; `None` for what needs none.
pub(crate) fn of(request: &Request) -> Option<Execution<'_>> {
    match request.action {
        Action::FrontendDeploy | Action::FrontendAdopt | Action::FrontendPrune => {
            Some(Execution { machine: Machine::FrontendDeploy, name: &request.request_id })
        }
        Action::BackendDeploy => Some(Execution { machine: Machine::Deploy, name: &request.request_id }),
        // The deploy that stops for it goes on when it is decided.
        Action::InfrastructureChange => {
            request.infrastructure_plan().map(|plan| Execution { machine: Machine::Deploy, name: &plan.parent })
        }
        Action::Upload => None,
    }
}

/// Starts the request's execution; one that runs already is left alone.
pub(crate) async fn ensure_started(app: &App, request: &Request) -> Result<(), UserError> {
    let Some(Execution { machine, .. }) = of(request).filter(|_| request.action != Action::InfrastructureChange) else {
        return Ok(());
    };
    let mut input = json!({
        "request_id": request.request_id,
        "window_seconds": first_wait(request.expires_at.seconds_since(request.created_at)),
    });
    if request.action == Action::BackendDeploy {
        input["ask"] = json!(request.backend_plan().is_none_or(|plan| plan.gate == Gate::Ask));
    }
    if let Some(plan) = request.maintenance_plan() {
        input["work"] = json!(plan.maintenance);
    }
    match app.engine.start(machine, request.request_id.as_str(), input).await {
        // The name is the request's own, so whatever input an earlier version gave it, it is this request's execution.
        Ok(()) | Err(EngineError::AlreadyExists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Asks the approvers of a request that was just stored, and starts its execution. Where nobody can be asked, or nothing
/// would carry the decision out, the request is withdrawn. An approver may press before the execution is there; the
/// press starts it.
pub(crate) async fn ask_and_start(app: &App, request: &Request) -> Result<(), UserError> {
    if deliver(app, &request.request_id).await.is_err() {
        let error = UserError::new(
            ErrorCode::NotificationFailed,
            "No approver could be asked on any channel, so the request was withdrawn.",
            "Try again in a moment; if it stays, have the operator look into the server's log.",
        );
        return Err(withdraw(app, request, error).await);
    }
    match ensure_started(app, request).await {
        Ok(()) => Ok(()),
        Err(error) => Err(withdraw(app, request, error).await),
    }
}

/// Whether the execution that would carry a request out still runs.
pub(crate) async fn is_running(app: &App, request: &Request) -> Result<bool, EngineError> {
    let Some(Execution { machine, name }) = of(request) else { return Ok(false) };
    match app.engine.describe(machine, name.as_str()).await {
        Ok(status) => Ok(status == ExecutionStatus::Running),
        Err(EngineError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The task `request.settle`: an execution has ended by itself or by somebody's hand. If its request is still open, it
/// is closed as the records and the world say.
pub async fn settle(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    if let Some(request) = app.store.request(id).await?
        && !request.status.has_ended()
        && !is_running(app, &request).await?
    {
        tracing::warn!(request_id = %id, phase = "settle", "an execution ended without closing its request");
        close_orphan(app, &request).await?;
    }
    Ok(json!({}))
}

/// Closes a request whose execution has ended without closing it.
pub(crate) async fn close_orphan(app: &App, request: &Request) -> Result<(), TaskError> {
    match request.action {
        Action::FrontendDeploy | Action::FrontendAdopt | Action::FrontendPrune => {
            frontend::close_orphan(app, request).await
        }
        Action::BackendDeploy => backend::close_orphan(app, request).await,
        // The deploy that waits for it closes it, or has.
        Action::InfrastructureChange | Action::Upload => Ok(()),
    }
}

/// A request must not wait for a decision when its caller was told that it failed. If it cannot be withdrawn either,
/// the caller learns its id.
async fn withdraw(app: &App, request: &Request, error: UserError) -> UserError {
    let event = if request.status == Status::Approved { Event::Cancel } else { Event::Withdraw };
    match transition(app, request, event, Actor::bouncer(), |row| row.finished_at = Some(Time::now())).await {
        Ok(_) => error,
        Err(failure) => {
            tracing::error!(request_id = %request.request_id, %failure, "a request without execution could not be withdrawn");
            error.with("request_id", json!(request.request_id))
        }
    }
}

/// Why the execution took the way it took, in a sentence for users; `at` is where its `Catch` put the error.
pub(crate) fn cause_of(state: &Value, at: &str) -> Option<String> {
    let error = state.pointer(at)?;
    let (name, cause) = (error.get("Error").and_then(Value::as_str), error.get("Cause")?.as_str()?);
    tracing::warn!(name, cause, "an execution took the way of failure");
    // A task's own cause arrives as the JSON text that a function's failure is. Its sentences are written for users;
    // what engine and runtime say of themselves is not.
    let said = serde_json::from_str::<Value>(cause).ok();
    let said = said.as_ref().and_then(|said| said.get("errorMessage")?.as_str());
    let sentence = match (name, said) {
        (Some("States.Timeout"), _) => "A step took too long and was given up.",
        (Some(name), Some(said)) if name.starts_with("Bouncer.") && name != "Bouncer.Panic" => said,
        _ => "The deploy stopped because of an internal error; the server's log says more.",
    };
    Some(sentence.chars().take(500).collect())
}
