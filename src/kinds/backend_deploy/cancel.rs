//! Cancelling a deploy: the cancellation is stored, the execution is stopped, then the build or the stack's update, and only
//! then does the record say CANCELLED. A repeated call does what is left.

use super::outcome::{close, succeed};
use super::result::BackendResult;
use super::stop::{StopOutcome, stop_work};
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::domain::request::{Cancellation, Event, Request, Status};
use crate::domain::time::Time;
use crate::kinds::stack::MACHINE;
use crate::requests::app::App;
use crate::requests::engine::{EngineError, ExecutionStatus, TaskError};
use crate::storage::StoreError;
use std::time::Duration;
use tokio::time::Instant;

/// How long the engine may take to end an execution.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(200);
/// What the canceller reads.
const STOPPED: &str = "The deploy was stopped.";

/// Stops a deploy that is approved or running.
///
/// # Errors
/// Refuses one that has ended or whose stack is being created; fails when not everything could be stopped yet.
pub(crate) async fn stop(app: &App, caller: &Caller, request: &Request) -> Result<String, UserError> {
    let id = &request.request_id;
    if request.status == Status::Cancelled {
        // It was stopped before; an earlier call may have left something undone.
        finish(app, request).await.map_err(|error| half_stopped(&error))?;
        return Ok(STOPPED.to_owned());
    }
    let wish = Cancellation { by: caller.id.clone(), by_name: caller.name.clone(), at: Time::now() };
    let stored = app.store.set_cancellation(id, &wish).await;
    let current = reload(app, id).await?;
    match stored {
        Ok(()) => {}
        // It is being cancelled already: this call does what is left.
        Err(StoreError::Conflict) if current.cancellation.is_some() => {}
        Err(StoreError::Conflict) => return Err(too_late(&current)),
        Err(error) => return Err(error.into()),
    }
    tracing::warn!(request_id = %id, by = %caller.id, phase = "cancel", "a deploy is to be stopped");
    halt(app, id).await?;
    // No task records anything after the cancellation, so this is everything that was started.
    let current = reload(app, id).await?;
    finish(app, &current).await.map_err(|error| half_stopped(&error))?;
    let ended = reload(app, id).await?;
    if ended.status == Status::Cancelled { Ok(STOPPED.to_owned()) } else { Err(too_late(&ended)) }
}

async fn reload(app: &App, id: &RequestId) -> Result<Request, UserError> {
    app.store.request(id).await?.ok_or_else(UserError::system)
}

fn half_stopped(error: &TaskError) -> UserError {
    UserError::new(
        ErrorCode::UpstreamError,
        format!("The deploy's workflow was stopped, but not everything it had started: {}", error.cause),
        "Cancel it again in a moment.",
    )
}

/// Says why a deploy cannot be stopped. CloudFormation can cancel an update, but not the creation of a stack.
fn too_late(request: &Request) -> UserError {
    if request.status.has_ended() {
        return UserError::new(
            ErrorCode::Conflict,
            format!("The deploy ended before it could be cancelled: it is {}.", request.status),
            "Check it with bouncer_deploy_status.",
        );
    }
    UserError::new(
        ErrorCode::Conflict,
        "The stack is being created, and CloudFormation cannot cancel a creation.",
        "Wait until it has ended; CloudFormation rolls a failed creation back.",
    )
}

/// Stops the execution and waits until the engine says that it has ended.
async fn halt(app: &App, id: &RequestId) -> Result<(), UserError> {
    match app.engine.stop(MACHINE, id.as_str(), "cancelled").await {
        Ok(()) | Err(EngineError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match app.engine.describe(MACHINE, id.as_str()).await {
            Ok(ExecutionStatus::Running) => {}
            Ok(_) | Err(EngineError::NotFound(_)) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            // An engine that cannot be reached says nothing about the execution.
            Err(_) => {}
        }
        if Instant::now() > deadline {
            return Err(UserError::new(
                ErrorCode::UpstreamError,
                "The workflow engine was asked to stop the deploy and has not done so yet.",
                "Cancel it again in a moment.",
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Stops what the execution had started, and closes the record as it turned out.
///
/// # Errors
/// Fails when something could not be stopped or stored yet.
pub(crate) async fn finish(app: &App, request: &Request) -> Result<(), TaskError> {
    if !request.status.has_ended() && stop_work(app, request).await? == StopOutcome::TooLate {
        return succeed(app, request, false).await;
    }
    let by = request.cancellation.as_ref().map_or("Somebody", |wish| wish.by_name.as_str());
    close(app, request, Event::Cancel, BackendResult::cancelled(format!("{by} cancelled it.")), None).await
}
