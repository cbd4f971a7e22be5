//! `bouncer_deploy_cancel`: the wish is stored, the execution is stopped, then the build or the stack's update, and only
//! then the record says CANCELLED. Said again it does what is left.

use super::outcome::{BackendResult, close};
use super::work::services;
use crate::aws::call::CallError;
use crate::flow::app::App;
use crate::flow::execution::{self, Execution};
use crate::flow::ports::{EngineError, ExecutionStatus, TaskError};
use crate::flow::status::find_deploy;
use crate::model::backend_run::ChangeSetKind;
use crate::model::caller::Caller;
use crate::model::error::{ErrorCode, UserError};
use crate::model::request::{Action, Cancellation, Event, Request, Status};
use crate::model::time::Time;
use crate::store::StoreError;
use crate::store::requests::TransitionError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
    let message = match request.status_at(Time::now()) {
        Status::PendingApproval => withdraw(app, &request).await?,
        Status::Approved | Status::Running => stop(app, caller, &request).await?,
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
async fn withdraw(app: &App, request: &Request) -> Result<String, UserError> {
    match app.store.transition(request, Event::Withdraw, |row| row.finished_at = Some(Time::now())).await {
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
    // The record holds; an execution that still waits finds nobody who could wake it, and ends with its window.
    if let Err(error) = halt(app, request).await {
        tracing::warn!(request_id = %request.request_id, error = %error.message, "an execution goes on waiting");
    }
    Ok("The request was withdrawn; nothing had begun.".to_owned())
}

async fn stop(app: &App, caller: &Caller, request: &Request) -> Result<String, UserError> {
    if request.action != Action::BackendDeploy {
        return Err(UserError::new(
            ErrorCode::Conflict,
            "A site that is being published cannot be stopped half-way: visitors would get a mixture.",
            "Wait the moments it takes, then deploy what should be there.",
        ));
    }
    refuse_creation(request)?;
    let wish = Cancellation { by: caller.id.clone(), by_name: caller.name.clone(), at: Time::now() };
    match app.store.set_cancellation(&request.request_id, &wish).await {
        // Someone wished it before: this call does what is left of it.
        Ok(()) | Err(StoreError::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    tracing::warn!(request_id = %request.request_id, by = %caller.id, phase = "cancel", "a deploy is to be stopped");
    halt(app, request).await?;
    let fresh = app.store.request(&request.request_id).await?.ok_or_else(UserError::system)?;
    if fresh.status.has_ended() && fresh.status != Status::Cancelled {
        return Err(UserError::new(
            ErrorCode::Conflict,
            format!("The deploy ended at this very moment: it is {}.", fresh.status),
            "Look at it with bouncer_deploy_status.",
        ));
    }
    refuse_creation(&fresh)?;
    finish(app, &fresh, &caller.name).await.map_err(|error| {
        UserError::new(
            ErrorCode::UpstreamError,
            format!("The deploy's execution is stopped, but not all that it had started: {}", error.cause),
            "Cancel it again in a moment.",
        )
    })?;
    Ok("The deploy was stopped.".to_owned())
}

/// CloudFormation can take back an update, but not the making of a stack.
fn refuse_creation(request: &Request) -> Result<(), UserError> {
    let Some(run) = request.run.as_ref().filter(|run| run.executed_at.is_some()) else { return Ok(()) };
    match run.change_set.as_ref().map(|set| set.kind) {
        Some(ChangeSetKind::Create) => Err(UserError::new(
            ErrorCode::Conflict,
            "The stack is being created, and CloudFormation cannot cancel a creation.",
            "Wait until it has ended; a failed creation is rolled back by itself.",
        )),
        _ => Ok(()),
    }
}

/// Stops the execution and waits until the engine says that it has ended.
async fn halt(app: &App, request: &Request) -> Result<(), UserError> {
    let Some(Execution { machine, name }) = execution::of(request) else { return Ok(()) };
    match app.engine.stop(machine, name.as_str(), "cancelled").await {
        Ok(()) | Err(EngineError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let deadline = Instant::now() + PATIENCE;
    while app.engine.describe(machine, name.as_str()).await.is_ok_and(|status| status == ExecutionStatus::Running) {
        if Instant::now() > deadline {
            return Err(UserError::new(
                ErrorCode::UpstreamError,
                "The workflow engine was told to stop the deploy and has not yet.",
                "Cancel it again in a moment.",
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Stops what the execution had started, and closes the record.
pub(super) async fn finish(app: &App, request: &Request, by: &str) -> Result<(), TaskError> {
    if let Some(run) = &request.run {
        let backend = services(app)?;
        if let Some(build) = run.build.as_ref().filter(|build| build.status == "IN_PROGRESS") {
            backend.builds.stop(&build.id).await?;
        }
        if let (Some(set), Some(plan), Some(deploy_id)) = (&run.change_set, request.backend_plan(), &request.deploy_id)
        {
            let account = backend.account_of_call(&plan.target, deploy_id).await?;
            // First of all it must not be executed any more by a task that is still on its way.
            match account.delete_change_set(&set.id).await {
                Ok(()) | Err(CallError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let is_updating = account.stack().await?.is_some_and(|stack| stack.status == "UPDATE_IN_PROGRESS");
            if run.executed_at.is_some() && is_updating {
                account.cancel_update(deploy_id).await?;
            }
        }
    }
    let result = BackendResult {
        deploy_status: "cancelled".into(),
        error_summary: Some(format!("{by} cancelled it.")),
        ..BackendResult::default()
    };
    close(app, request, Event::Cancel, result).await.map(|_| ())
}
