//! The decision: asked for by a task, made once by an approver, closed by expiry.

use super::app::App;
use super::execution;
use super::ports::{EngineError, TaskError, TaskToken};
use super::prompts::{self, deliver};
use super::transition::transition;
use crate::model::approver::Approver;
use crate::model::caller::Caller;
use crate::model::error::{ErrorCode, UserError};
use crate::model::ids::RequestId;
use crate::model::request::{Decision, Event, Request, Status, Verdict};
use crate::model::time::Time;
use crate::store::StoreError;
use crate::store::requests::TransitionError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How old an approval may be when its work begins. A server that was down for longer must not carry out at its start
/// what nobody remembers.
pub(super) const APPROVAL_AGE_SECONDS: u64 = 24 * 3600;

/// The task `request.ask`: keeps the token that the decision will complete.
pub async fn ask(app: &App, id: &RequestId, token: &TaskToken) -> Result<Value, TaskError> {
    app.store.set_task_token(id, &token.0).await?;
    // A decision that was stored before the token could not complete it, so that is done here.
    if let Some(request) = app.store.request(id).await? {
        hand_over(app, &request, token).await?;
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
        transition(app, &request, Event::Expire, |row| row.finished_at = Some(Time::now())).await?;
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

/// Arguments of a decision.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Decide {
    /// approve or deny.
    pub decision: Verdict,
}

/// The answer to a decision that counts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Decided {
    /// "approved" or "denied".
    pub status: Status,
    /// The request.
    pub request_id: String,
    /// Whose decision it is.
    pub decided_by: String,
}

/// Decides a request. The first decision counts; it is stored before anything follows from it.
pub async fn decide(
    app: &App,
    approver: &Approver,
    id: &str,
    verdict: Verdict,
    channel: &str,
) -> Result<Decided, UserError> {
    if !approver.may_decide {
        tracing::warn!(by = %approver.id, channel, "somebody who is no approver tried to decide a request");
        return Err(UserError::new(
            ErrorCode::Forbidden,
            "Only an approver decides.",
            "Have an approver decide it, or an admin make you one.",
        ));
    }
    let request = find_any(app, id).await?;
    if approver.is_holder_of(&request.caller) {
        tracing::warn!(request_id = %request.request_id, by = %approver.id, "a requester tried to decide its own request");
        return Err(UserError::new(
            ErrorCode::Forbidden,
            "Nobody decides a request of their own.",
            "Have another approver decide it.",
        ));
    }
    let now = Time::now();
    match request.status_at(now) {
        Status::PendingApproval => {}
        Status::Ready => {
            return Err(UserError::new(
                ErrorCode::Conflict,
                "This request waits for its files and cannot be decided yet.",
                "Wait until it is confirmed.",
            ));
        }
        _ => return repeat_or_refuse(app, approver, &request, verdict, now).await,
    }
    if let Some(plan) = request.infrastructure_plan() {
        let deploy = app.store.request(&plan.parent).await?;
        let goes_on = deploy.is_some_and(|deploy| deploy.status == Status::Running && deploy.cancellation.is_none());
        if !goes_on {
            return Err(UserError::new(
                ErrorCode::Conflict,
                "The deploy that asks this has ended; nothing will be done.",
                "Look at it with bouncer_deploy_status.",
            ));
        }
    }
    // Nobody would carry the decision out without an execution; starting one that runs changes nothing.
    execution::ensure_started(app, &request).await?;
    let decision = Decision {
        verdict,
        by: approver.id.clone(),
        by_name: approver.name.clone(),
        channel: channel.to_owned(),
        at: now,
        press: rand::random(),
    };
    let event = match verdict {
        Verdict::Approve => Event::Approve,
        Verdict::Deny => Event::Deny,
    };
    let decided = transition(app, &request, event, |row| {
        row.finished_at = (verdict == Verdict::Deny).then_some(now);
        row.decision = Some(decision.clone());
    })
    .await;
    let decided = match decided {
        Ok(decided) => decided,
        Err(TransitionError::Store(StoreError::Conflict) | TransitionError::Illegal(_)) => {
            let stored = app.store.request(&request.request_id).await?.ok_or_else(UserError::system)?;
            // A write whose answer was lost is sent again and then meets itself.
            if stored.decision.as_ref() != Some(&decision) {
                return Err(already_handled(&stored, Time::now()));
            }
            stored
        }
        Err(TransitionError::Store(error)) => return Err(error.into()),
    };
    tracing::info!(request_id = %decided.request_id, by = %approver.id, channel, phase = "decided", verdict = ?verdict, "a decision counts");
    wake(app, &decided).await;
    Ok(answer(&decided, approver))
}

/// A second press. From the same approver with the same word it makes sure that the first one is carried out; the
/// process may have died between storing the decision and handing it over.
async fn repeat_or_refuse(
    app: &App,
    approver: &Approver,
    request: &Request,
    verdict: Verdict,
    now: Time,
) -> Result<Decided, UserError> {
    let same =
        request.decision.as_ref().is_some_and(|decision| decision.by == approver.id && decision.verdict == verdict);
    if same && matches!(request.status, Status::Approved | Status::Denied) {
        wake(app, request).await;
    }
    Err(already_handled(request, now))
}

fn answer(request: &Request, approver: &Approver) -> Decided {
    Decided { status: request.status, request_id: request.request_id.to_string(), decided_by: approver.name.clone() }
}

fn already_handled(request: &Request, now: Time) -> UserError {
    let status = request.status_at(now);
    let by = request.decision.as_ref().map(|decision| decision.by_name.clone());
    let sentence = match (&by, status) {
        (_, Status::Expired) => "This request has expired; nothing will be done.".to_owned(),
        (Some(by), status) => format!("This request was already handled by {by}: it is {status}."),
        (None, status) => format!("This request was already handled: it is {status}."),
    };
    UserError::new(ErrorCode::Conflict, sentence, "Look at it with bouncer_status.")
        .with("request_status", json!(status))
        .with("decided_by", json!(by))
}

/// Completes the waiting task. The decision is stored, so a failure here only delays what follows from it.
pub(super) async fn wake(app: &App, request: &Request) {
    let outcome = async {
        match app.store.task_token(&request.request_id).await? {
            Some(token) => hand_over(app, request, &TaskToken(token)).await,
            None => Ok(()),
        }
    };
    if let Err(error) = outcome.await {
        tracing::warn!(request_id = %request.request_id, %error, "the decision is stored but could not be handed over yet");
    }
}

async fn hand_over(app: &App, request: &Request, token: &TaskToken) -> Result<(), TaskError> {
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
            if let Err(error) = take_up(app, &request).await {
                tracing::error!(request_id = %request.request_id, %error, "a request could not be taken up again");
            }
        }
    }
    Ok(())
}

async fn take_up(app: &App, request: &Request) -> Result<(), TaskError> {
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
pub(super) async fn find(app: &App, caller: &Caller, text: &str) -> Result<Request, UserError> {
    let request = find_any(app, text).await?;
    if request.is_visible_to(caller) { Ok(request) } else { Err(unknown(text)) }
}

async fn find_any(app: &App, text: &str) -> Result<Request, UserError> {
    let id = RequestId::parse(text).map_err(|_| unknown(text))?;
    app.store.request(&id).await?.ok_or_else(|| unknown(text))
}

/// The answer about a request that does not exist, or that a caller may not see.
pub(super) fn unknown(text: &str) -> UserError {
    let shown: String = text.chars().take(80).collect();
    UserError::not_found(
        format!("There is no request '{shown}' that you may see."),
        "Check the id; bouncer_list_pending lists what waits.",
    )
}
