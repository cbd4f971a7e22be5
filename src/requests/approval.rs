//! The decision as the state machines see it: asked for, reminded of, handed over, closed by expiry. Who decides is in
//! [`super::decide`].

use super::app::App;
pub use super::decide::{Decide, Decided, decide};
use super::engine::{EngineError, TaskError, TaskToken};
use super::execution;
use super::prompts;
use super::prompts::deliver;
use super::transition::transition;
use crate::domain::audit::Actor;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use serde_json::{Value, json};

/// How old an approval may be when its work begins. A server that was down for longer must not carry out at its start
/// what nobody remembers.
pub(crate) const APPROVAL_AGE_SECONDS: u64 = 24 * 3600;

/// The task `request.ask`: keeps the token that the decision will complete.
pub async fn ask(app: &App, id: &RequestId, token: &TaskToken) -> Result<Value, TaskError> {
    app.store.set_task_token(id, &token.0).await?;
    // A decision that was stored before the token could not complete it, so that is done here.
    if let Some(request) = app.store.request(id).await? {
        deliver_decision(app, &request, token).await?;
        // Whoever stored the request asks, but may have died, and a question within a deploy is asked here first. If no
        // channel can be reached, other ways to decide remain, and they are tried again when it is time to remind.
        if request.deliveries.is_empty() && deliver(app, id).await.is_err() {
            tracing::warn!(request_id = %id, phase = "ask", "approvers could not be asked on any channel yet");
        }
    }
    Ok(json!({}))
}

/// The task `request.remind`: a part of the window is over. Approvers are reminded, and what is left of the window is told.
pub async fn remind(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    if let Some(request) = app.store.request(id).await?
        && request.status_at(Time::now()) == Status::PendingApproval
    {
        prompts::remind(app, &request).await?;
        let left = request.expires_at.seconds_left(Time::now());
        if left > 0 {
            return Ok(json!({ "outcome": "again", "window_seconds": left }));
        }
    }
    Ok(json!({ "outcome": "over", "window_seconds": 0 }))
}

/// The task `request.expire`: the window is over. What was decided in time still counts.
pub async fn expire(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let Some(request) = app.store.request(id).await? else {
        return Ok(json!({ "outcome": "expired" }));
    };
    if request.status == Status::PendingApproval {
        transition(app, &request, Event::Expire, Actor::bouncer(), |row| row.finished_at = Some(Time::now())).await?;
        tracing::info!(request_id = %id, phase = "expired", "nobody decided in time");
        return Ok(json!({ "outcome": "expired" }));
    }
    Ok(json!({ "outcome": outcome(&request).unwrap_or("expired") }))
}

/// What a stored request tells its execution; nothing while it is undecided.
fn outcome(request: &Request) -> Option<&'static str> {
    match request.status {
        Status::Ready | Status::PendingApproval => None,
        Status::Approved | Status::Running | Status::Completed | Status::Failed => Some("approved"),
        Status::Denied => Some("denied"),
        Status::Expired => Some("expired"),
        Status::Cancelled => Some("cancelled"),
    }
}

/// Completes the waiting task. The decision is stored, so a failure here only delays what follows from it.
pub(crate) async fn wake(app: &App, request: &Request) {
    let outcome = async {
        match app.store.task_token(&request.request_id).await? {
            Some(token) => deliver_decision(app, request, &TaskToken(token)).await,
            None => Ok(()),
        }
    };
    if let Err(error) = outcome.await {
        tracing::warn!(request_id = %request.request_id, %error, "the decision is stored but could not be handed over yet");
    }
}

async fn deliver_decision(app: &App, request: &Request, token: &TaskToken) -> Result<(), TaskError> {
    let Some(outcome) = outcome(request) else { return Ok(()) };
    match app.engine.complete_task(token, json!({ "outcome": outcome })).await {
        // It has the decision already, or its window ended and `expire` will find what is stored.
        Ok(()) | Err(EngineError::TaskGone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// After a start: hands over decisions that a process took to its grave, and starts executions it never started.
pub async fn recover(app: &App) -> Result<(), UserError> {
    const AT_ONCE: usize = 10_000;
    for status in [Status::PendingApproval, Status::Approved, Status::Running] {
        for request in app.store.requests_in(status, AT_ONCE).await? {
            // One request that cannot be taken up must not keep the others, and the server, from starting.
            if let Err(error) = resume_request(app, &request).await {
                tracing::error!(request_id = %request.request_id, %error, "a request could not be taken up again");
            }
        }
    }
    Ok(())
}

async fn resume_request(app: &App, request: &Request) -> Result<(), TaskError> {
    execution::ensure_started(app, request)
        .await
        .map_err(|error| TaskError { name: "Bouncer.NotStarted", cause: error.message })?;
    if execution::is_running(app, request).await? || request.status == Status::PendingApproval {
        wake(app, request).await;
        return Ok(());
    }
    execution::close_orphan(app, request).await
}

/// A request that this caller may see.
pub(crate) async fn find(app: &App, caller: &Caller, text: &str) -> Result<Request, UserError> {
    let request = find_any(app, text).await?;
    if request.is_visible_to(caller) { Ok(request) } else { Err(unknown(text)) }
}

pub(crate) async fn find_any(app: &App, text: &str) -> Result<Request, UserError> {
    let id = RequestId::parse(text).map_err(|_| unknown(text))?;
    app.store.request(&id).await?.ok_or_else(|| unknown(text))
}

/// The answer about a request that does not exist, or that a caller may not see.
pub(crate) fn unknown(text: &str) -> UserError {
    let shown: String = text.chars().take(80).collect();
    UserError::not_found(
        format!("There is no request '{shown}' that you may see."),
        "Check the id; bouncer_list_pending lists what waits.",
    )
}
