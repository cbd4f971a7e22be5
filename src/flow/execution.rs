//! From a request to the execution that carries it out.

use super::app::App;
use super::ports::{EngineError, ExecutionStatus, Machine, TaskError};
use super::{backend, frontend};
use crate::model::backend::Gate;
use crate::model::error::UserError;
use crate::model::ids::RequestId;
use crate::model::request::{Action, Request};
use serde_json::json;

/// The execution that a request waits in or is carried out by.
pub(super) struct Execution<'a> {
    pub machine: Machine,
    pub name: &'a RequestId,
}

/// Where a request's execution is; `None` for what needs none.
pub(super) fn of(request: &Request) -> Option<Execution<'_>> {
    match request.action {
        Action::FrontendDeploy => Some(Execution { machine: Machine::FrontendDeploy, name: &request.request_id }),
        Action::BackendDeploy => Some(Execution { machine: Machine::Deploy, name: &request.request_id }),
        // The deploy that stops for it goes on when it is decided.
        Action::InfrastructureChange => request
            .infrastructure_plan()
            .map(|plan| Execution { machine: Machine::Deploy, name: &plan.parent }),
        Action::Upload => None,
    }
}

/// Starts the request's execution; one that runs already is left alone.
pub(super) async fn ensure_started(app: &App, request: &Request) -> Result<(), UserError> {
    let (machine, ask) = match request.action {
        Action::FrontendDeploy => (Machine::FrontendDeploy, None),
        Action::BackendDeploy => (Machine::Deploy, Some(request.backend_plan().is_none_or(|plan| plan.gate == Gate::Ask))),
        Action::InfrastructureChange | Action::Upload => return Ok(()),
    };
    let mut input = json!({
        "request_id": request.request_id,
        "window_seconds": request.expires_at.seconds_since(request.created_at).max(1),
    });
    if let Some(ask) = ask {
        input["ask"] = json!(ask);
    }
    match app.engine.start(machine, request.request_id.as_str(), input).await {
        // The name is the request's own, so whatever input an earlier version gave it, it is this request's execution.
        Ok(()) | Err(EngineError::AlreadyExists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the execution that would carry a request out still runs.
pub(super) async fn is_running(app: &App, request: &Request) -> Result<bool, EngineError> {
    let Some(Execution { machine, name }) = of(request) else { return Ok(false) };
    match app.engine.describe(machine, name.as_str()).await {
        Ok(status) => Ok(status == ExecutionStatus::Running),
        Err(EngineError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Closes a request whose execution has ended without closing it.
pub(super) async fn close_orphan(app: &App, request: &Request) -> Result<(), TaskError> {
    match request.action {
        Action::FrontendDeploy => frontend::close_orphan(app, request).await,
        Action::BackendDeploy => backend::close_orphan(app, request).await,
        // The deploy that waits for it closes it, or has.
        Action::InfrastructureChange | Action::Upload => Ok(()),
    }
}
