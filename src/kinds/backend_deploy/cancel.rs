//! `bouncer_deploy_cancel`: the wish is stored, the execution is stopped, then the build or the stack's update, and only
//! then the record says CANCELLED. Said again it does what is left.

use super::outcome::{BackendResult, close, complete};
use super::stop::{StopOutcome, stop_work};
use crate::domain::audit::Actor;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::request::{Action, Cancellation, Event, Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::approval;
use crate::requests::engine::{EngineError, ExecutionStatus, TaskError};
use crate::requests::execution;
use crate::requests::execution::Execution;
use crate::requests::status::find_deploy;
use crate::requests::transition::transition;
use crate::storage::StoreError;
use crate::storage::requests::TransitionError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// How long the engine may take to say that an execution has ended.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(200);

/// Arguments of `bouncer_deploy_cancel`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CancelDeploy {
    /// The deploy's id.
    pub deploy_id: String,
}

/// The answer of `bouncer_deploy_cancel`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cancelled {
    /// "cancelled".
    pub status: &'static str,
    /// The deploy.
    pub deploy_id: String,
    /// What was stopped.
    pub message: String,
}

/// Cancels a deploy that waits or runs.
pub async fn cancel(app: &App, caller: &Caller, args: CancelDeploy) -> Result<Cancelled, UserError> {
    let request = find_deploy(app, caller, &args.deploy_id).await?;
    if !caller.may_see(&request.caller) {
        return Err(UserError::new(
            ErrorCode::Forbidden,
            "Somebody else asked for this deploy first, so it is not yours to cancel.",
            "Ask them, an approver or an admin to.",
        ));
    }
    let message = match request.status_at(Time::now()) {
        Status::PendingApproval => withdraw(app, caller, &request).await?,
        Status::Approved | Status::Running => stop(app, caller, &request).await?,
        // It was stopped before; what may be left of that is done.
        Status::Cancelled if request.cancellation.is_some() => {
            finish(app, &request).await.map_err(|error| half_stopped(&error))?;
            "The deploy was stopped.".to_owned()
        }
        status => {
            return Err(UserError::new(
                ErrorCode::Conflict,
                format!("The deploy {} is {status} and cannot be cancelled any more.", args.deploy_id),
                "Look at it with bouncer_deploy_status.",
            ));
        }
    };
    Ok(Cancelled { status: "cancelled", deploy_id: args.deploy_id, message })
}

/// Takes back what nobody has decided yet.
async fn withdraw(app: &App, caller: &Caller, request: &Request) -> Result<String, UserError> {
    match transition(app, request, Event::Withdraw, Actor::from(caller), |row| row.finished_at = Some(Time::now()))
        .await
    {
        Ok(_) => {}
        Err(TransitionError::Store(StoreError::Conflict) | TransitionError::Illegal(_)) => {
            return Err(UserError::new(
                ErrorCode::Conflict,
                "The deploy was decided at this very moment.",
                "Look at it with bouncer_deploy_status, and cancel it again if it runs.",
            ));
        }
        Err(TransitionError::Store(error)) => return Err(error.into()),
    }
    // The execution ends by itself once it is told, and GitHub with it.
    if let Some(fresh) = app.store.request(&request.request_id).await? {
        approval::wake(app, &fresh).await;
    }
    Ok("The request was withdrawn; nothing had begun.".to_owned())
}

async fn stop(app: &App, caller: &Caller, request: &Request) -> Result<String, UserError> {
    if request.action != Action::BackendDeploy {
        return Err(match request.maintenance_plan() {
            Some(_) => UserError::new(
                ErrorCode::Conflict,
                "This changes nothing that visitors get, and cannot be stopped.",
                "Wait until it has ended; bouncer_status tells.",
            ),
            None => UserError::new(
                ErrorCode::Conflict,
                "A site that is being published cannot be stopped half-way: visitors would get a mixture.",
                "Wait the moments it takes, then deploy what should be there.",
            ),
        });
    }
    let wish = Cancellation { by: caller.id.clone(), by_name: caller.name.clone(), at: Time::now() };
    let stored = app.store.set_cancellation(&request.request_id, &wish).await;
    let fresh = app.store.request(&request.request_id).await?.ok_or_else(UserError::system)?;
    match stored {
        Ok(()) => {}
        // Someone wished it before: this call does what is left of it.
        Err(StoreError::Conflict) if fresh.cancellation.is_some() => {}
        Err(StoreError::Conflict) => return Err(too_late(&fresh)),
        Err(error) => return Err(error.into()),
    }
    tracing::warn!(request_id = %request.request_id, by = %caller.id, phase = "cancel", "a deploy is to be stopped");
    halt(app, request).await?;
    // No task writes down anything after the wish, so this is all that was started.
    let fresh = app.store.request(&request.request_id).await?.ok_or_else(UserError::system)?;
    finish(app, &fresh).await.map_err(|error| half_stopped(&error))?;
    let ended = app.store.request(&request.request_id).await?.ok_or_else(UserError::system)?;
    if ended.status == Status::Cancelled { Ok("The deploy was stopped.".to_owned()) } else { Err(too_late(&ended)) }
}

fn half_stopped(error: &TaskError) -> UserError {
    UserError::new(
        ErrorCode::UpstreamError,
        format!("The deploy's execution is stopped, but not all that it had started: {}", error.cause),
        "Cancel it again in a moment.",
    )
}

/// Why a deploy cannot be stopped. CloudFormation can take back an update, but not the making of a stack.
fn too_late(request: &Request) -> UserError {
    if request.status.has_ended() {
        return UserError::new(
            ErrorCode::Conflict,
            format!("The deploy ended at this very moment: it is {}.", request.status),
            "Look at it with bouncer_deploy_status.",
        );
    }
    UserError::new(
        ErrorCode::Conflict,
        "The stack is being created, and CloudFormation cannot cancel a creation.",
        "Wait until it has ended; a failed creation is rolled back by itself.",
    )
}

/// Stops the execution and waits until the engine says that it has ended.
async fn halt(app: &App, request: &Request) -> Result<(), UserError> {
    let Some(Execution { machine, name }) = execution::of(request) else { return Ok(()) };
    match app.engine.stop(machine, name.as_str(), "cancelled").await {
        Ok(()) | Err(EngineError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match app.engine.describe(machine, name.as_str()).await {
            Ok(ExecutionStatus::Running) => {}
            Ok(_) | Err(EngineError::NotFound(_)) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            // Not to be had at the moment says nothing about the execution.
            Err(_) => {}
        }
        if Instant::now() > deadline {
            return Err(UserError::new(
                ErrorCode::UpstreamError,
                "The workflow engine was told to stop the deploy and has not yet.",
                "Cancel it again in a moment.",
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Stops what the execution had started, and closes the record as it turned out.
pub(crate) async fn finish(app: &App, request: &Request) -> Result<(), TaskError> {
    if !request.status.has_ended() && stop_work(app, request).await? == StopOutcome::TooLate {
        return complete(app, &request.request_id, &Value::Null).await.map(|_| ());
    }
    let by = request.cancellation.as_ref().map_or("Somebody", |wish| wish.by_name.as_str());
    let result = BackendResult {
        deploy_status: "cancelled".into(),
        error_summary: Some(format!("{by} cancelled it.")),
        ..BackendResult::default()
    };
    close(app, request, Event::Cancel, result).await.map(|_| ())
}
