//! Waiting for a decision, as the state machines do it: the tasks that ask, remind and expire, and handing a stored decision
//! to the execution that waits for it. Who decides is in [`super::decide`].

use super::app::App;
use super::engine::{EngineError, TaskError, TaskToken};
use super::prompts::{self, deliver, refresh};
use crate::domain::audit::Actor;
use crate::domain::ids::RequestId;
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use serde::Serialize;
use serde_json::{Value, json};

/// What a decision tells the execution that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are those of the request's states.
pub enum Decided {
    Approved,
    Denied,
    Expired,
    Cancelled,
}

impl Decided {
    /// The words, as `Choice` states match them.
    pub const WORDS: &'static [&'static str] = &["approved", "denied", "expired", "cancelled"];

    /// Reads it of a stored request; `None` while it is undecided.
    fn of(request: &Request) -> Option<Self> {
        match request.status {
            Status::Ready | Status::PendingApproval => None,
            Status::Approved | Status::Running | Status::Completed | Status::Failed => Some(Decided::Approved),
            Status::Denied => Some(Decided::Denied),
            Status::Expired => Some(Decided::Expired),
            Status::Cancelled => Some(Decided::Cancelled),
        }
    }
}

/// What follows from a reminder: `again` while some of the window is left.
#[derive(Debug, Serialize)]
pub struct Reminded {
    outcome: &'static str,
    window_seconds: u64,
}

/// Does the task `request.ask`: keeps the token that the decision will complete, and makes sure that approvers were asked.
///
/// # Errors
/// Fails when the records cannot be written.
pub async fn ask(app: &App, id: &RequestId, token: &TaskToken) -> Result<Value, TaskError> {
    app.store.set_task_token(id, &token.0).await?;
    // A decision that was stored before the token could not complete it, so that is done here.
    if let Some(request) = app.store.request(id).await? {
        deliver_decision(app, &request, token).await?;
        // Whoever stored the request asks, but may have died, and a question within a deploy is asked here first. If no
        // channel can be reached, other ways to decide remain, and delivery is tried again when it is time to remind.
        if request.deliveries.is_empty() && deliver(app, id).await.is_err() {
            tracing::warn!(request_id = %id, phase = "ask", "no channel could be reached to ask approvers");
        }
    }
    Ok(json!({}))
}

/// Does the task `request.remind`: part of the window is over. Reminds approvers and returns what is left of the window.
///
/// # Errors
/// Fails when the records cannot be read or written.
pub async fn remind(app: &App, id: &RequestId) -> Result<Reminded, TaskError> {
    if let Some(request) = app.store.request(id).await?
        && request.status_at(Time::now()) == Status::PendingApproval
    {
        prompts::remind(app, &request).await?;
        let left = request.expires_at.seconds_left(Time::now());
        if left > 0 {
            return Ok(Reminded { outcome: "again", window_seconds: left });
        }
    }
    Ok(Reminded { outcome: "over", window_seconds: 0 })
}

/// Does the task `request.expire`: the window is over. A decision that was stored in time still counts.
///
/// # Errors
/// Fails when the records cannot be read or written.
pub async fn expire(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let Some(request) = app.store.request(id).await? else {
        return Ok(json!({ "outcome": Decided::Expired }));
    };
    if request.status == Status::PendingApproval {
        let expired = app
            .store
            .transition(&request, Event::Expire, Actor::bouncer(), |row| row.finished_at = Some(Time::now()))
            .await?;
        tracing::info!(request_id = %id, phase = "expired", "nobody decided in time");
        refresh(app, &expired).await;
        return Ok(json!({ "outcome": Decided::Expired }));
    }
    Ok(json!({ "outcome": Decided::of(&request).unwrap_or(Decided::Expired) }))
}

/// Completes the task that waits for a request's decision. The decision is stored, so a failure here only delays what
/// follows from it.
pub async fn wake(app: &App, request: &Request) {
    let delivered = async {
        match app.store.task_token(&request.request_id).await? {
            Some(token) => deliver_decision(app, request, &TaskToken(token)).await,
            None => Ok(()),
        }
    };
    if let Err(error) = delivered.await {
        tracing::warn!(request_id = %request.request_id, %error, "the decision is stored but the workflow could not be woken yet");
    }
}

async fn deliver_decision(app: &App, request: &Request, token: &TaskToken) -> Result<(), TaskError> {
    let Some(decided) = Decided::of(request) else { return Ok(()) };
    match app.engine.complete_task(token, json!({ "outcome": decided })).await {
        // It has the decision already, or its window ended and `expire` will find what is stored.
        Ok(()) | Err(EngineError::TaskGone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
