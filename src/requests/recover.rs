//! Recovery: what a crash left open is carried on, or closed as the records say.

use super::app::App;
use super::engine::{ErrorName, TaskError};
use super::execution::{ensure_started, is_running};
use super::waiting::wake;
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::request::{Request, Status};
use serde_json::{Value, json};

/// Most requests of one state that are recovered at a start.
const MOST: usize = 10_000;

/// Recovers every open request after a start: starts executions that were never started, hands over decisions that a
/// process took to its grave, and closes requests whose execution has ended.
///
/// # Errors
/// Fails when the records cannot be read. One request that cannot be recovered does not keep the others from it.
pub async fn recover(app: &App) -> Result<(), UserError> {
    for status in [Status::PendingApproval, Status::Approved, Status::Running] {
        for request in app.store.requests_in(status, MOST).await? {
            if let Err(error) = resume_request(app, &request).await {
                tracing::error!(request_id = %request.request_id, %error, "a request could not be recovered");
            }
        }
    }
    Ok(())
}

async fn resume_request(app: &App, request: &Request) -> Result<(), TaskError> {
    ensure_started(app, request)
        .await
        .map_err(|error| TaskError { name: ErrorName::NotStarted, cause: error.message })?;
    if is_running(app, request).await? || request.status == Status::PendingApproval {
        wake(app, request).await;
        return Ok(());
    }
    close_orphan(app, request).await
}

/// Does the task `request.settle`: an execution has ended by itself or by force. If its request is still open, it is closed
/// as the records and AWS say.
///
/// # Errors
/// Fails with `Unavailable` while the engine still says that the execution runs: its answers may lag behind the event.
pub async fn settle(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let Some(request) = app.store.request(id).await?.filter(|request| !request.status.has_ended()) else {
        return Ok(json!({}));
    };
    if is_running(app, &request).await? {
        return Err(TaskError::unavailable("The workflow engine still reports the execution as running."));
    }
    tracing::warn!(request_id = %id, phase = "settle", "an execution ended without closing its request");
    close_orphan(app, &request).await?;
    Ok(json!({}))
}

async fn close_orphan(app: &App, request: &Request) -> Result<(), TaskError> {
    match app.kinds.named(&request.action) {
        Some(kind) => kind.close_orphan(app, request).await,
        None => Err(TaskError::refused(format!("This version knows no requests of the kind {}", request.action))),
    }
}
