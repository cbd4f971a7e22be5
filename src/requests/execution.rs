//! From a request to the execution that carries it out.

use super::app::App;
use super::engine::{EngineError, ExecutionStatus};
use crate::domain::error::UserError;
use crate::domain::request::{Request, first_wait};
use serde_json::{Value, json};

/// Starts the request's execution; one that runs already is left alone, and so is one that another request started.
///
/// # Errors
/// Fails when the engine cannot be reached.
pub async fn ensure_started(app: &App, request: &Request) -> Result<(), UserError> {
    let Some(execution) = app.kinds.of(request)?.execution(request) else { return Ok(()) };
    let Some(mut input) = execution.input else { return Ok(()) };
    input.insert("request_id".to_owned(), json!(request.request_id));
    let window = request.expires_at.seconds_since(request.created_at);
    input.insert("window_seconds".to_owned(), json!(first_wait(window)));
    input.insert("ask".to_owned(), json!(request.allowed_by.is_none()));
    match app.engine.start(execution.machine, execution.name.as_str(), Value::Object(input)).await {
        // The name is the request's own, so whatever input an earlier version gave it, it is this request's execution.
        Ok(()) | Err(EngineError::AlreadyExists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells whether the execution that would carry a request out still runs.
///
/// # Errors
/// Fails when the engine cannot say.
pub async fn is_running(app: &App, request: &Request) -> Result<bool, EngineError> {
    let kind = app.kinds.named(&request.action);
    let Some(execution) = kind.and_then(|kind| kind.execution(request)) else { return Ok(false) };
    match app.engine.describe(execution.machine, execution.name.as_str()).await {
        Ok(status) => Ok(status == ExecutionStatus::Running),
        Err(EngineError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says in a sentence for users why an execution took the way it took; `at` is where its `Catch` put the error.
pub fn cause_of(state: &Value, at: &str) -> Option<String> {
    let error = state.pointer(at)?;
    let (name, cause) = (error.get("Error").and_then(Value::as_str), error.get("Cause")?.as_str()?);
    tracing::warn!(name, cause, "an execution took the way of failure");
    // A task's own cause arrives as the JSON text that a function's failure is. Its sentences are written for users;
    // what engine and runtime say of themselves is not.
    let said = serde_json::from_str::<Value>(cause).ok();
    let said = said.as_ref().and_then(|said| said.get("errorMessage")?.as_str());
    let sentence = match (name, said) {
        (Some("States.Timeout"), _) => "A step timed out.",
        (Some(name), Some(said)) if name.starts_with("Bouncer.") && name != "Bouncer.Panic" => said,
        _ => "The work stopped because of an internal error; the server's log has the details.",
    };
    Some(sentence.chars().take(500).collect())
}
