//! `bouncer_deploy_cancel`: withdraws what nobody has decided yet, or has the kind stop what runs. Said again it does what is
//! left.

use super::app::App;
use super::find::find_deploy;
use super::prompts::refresh;
use super::waiting::wake;
use crate::domain::audit::Actor;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use crate::storage::StoreError;
use crate::storage::requests::TransitionError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arguments of `bouncer_deploy_cancel`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct CancelDeploy {
    /// The deploy's id.
    pub deploy_id: String,
}

/// The answer of `bouncer_deploy_cancel`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {
    /// "cancelled".
    pub status: Status,
    /// The deploy.
    pub deploy_id: String,
    /// What was stopped.
    pub message: String,
}

/// Cancels a deploy that waits or runs.
///
/// # Errors
/// Refuses a deploy of somebody else, one that has ended, and one that its kind cannot stop.
pub async fn cancel(app: &App, caller: &Caller, args: CancelDeploy) -> Result<Cancelled, UserError> {
    let request = find_deploy(app, caller, &args.deploy_id).await?;
    if !caller.may_see(&request.caller) {
        return Err(UserError::new(
            ErrorCode::Forbidden,
            "Another key asked for this deploy first, so you cannot cancel it.",
            "Ask its owner, an approver or an admin to cancel it.",
        ));
    }
    let message = match request.status_at(Time::now()) {
        Status::PendingApproval => withdraw(app, caller, &request).await?,
        Status::Approved | Status::Running => app.kinds.of(&request)?.stop(app, caller, &request).await?,
        // It was stopped before; what may be left of that is done.
        Status::Cancelled if request.cancellation.is_some() => {
            app.kinds.of(&request)?.stop(app, caller, &request).await?
        }
        status => {
            return Err(UserError::new(
                ErrorCode::Conflict,
                format!("The deploy {} is {status} and can no longer be cancelled.", args.deploy_id),
                "Check it with bouncer_deploy_status.",
            ));
        }
    };
    Ok(Cancelled { status: Status::Cancelled, deploy_id: args.deploy_id, message })
}

async fn withdraw(app: &App, caller: &Caller, request: &Request) -> Result<String, UserError> {
    let withdrawn =
        app.store.transition(request, Event::Withdraw, Actor::from(caller), |row| row.finished_at = Some(Time::now()));
    let withdrawn = match withdrawn.await {
        Ok(withdrawn) => withdrawn,
        Err(TransitionError::Store(StoreError::Conflict) | TransitionError::Illegal(_)) => {
            return Err(UserError::new(
                ErrorCode::Conflict,
                "The deploy was decided at this very moment.",
                "Check it with bouncer_deploy_status, and cancel it again if it runs.",
            ));
        }
        Err(TransitionError::Store(error)) => return Err(error.into()),
    };
    // The execution ends by itself once it is told.
    wake(app, &withdrawn).await;
    refresh(app, &withdrawn).await;
    Ok("The request was withdrawn; nothing had begun.".to_owned())
}
