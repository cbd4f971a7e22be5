//! How a request ends, in one order for all kinds: the request, its project's history, the lease; then whoever is outside is
//! told. A repeated call does what is left.

use super::app::App;
use super::engine::TaskError;
use super::find::load;
use super::prompts::refresh;
use crate::domain::audit::Actor;
use crate::domain::history::DeployStatus;
use crate::domain::ids::RequestId;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use serde_json::{Value, json};

/// Does the tasks `request.complete` and `request.fail`: has the kind close the request. `state` is the execution's data.
///
/// # Errors
/// Fails when the end cannot be stored yet; the same call then does what is left.
pub async fn finish(app: &App, id: &RequestId, state: &Value, failed: bool) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    match app.kinds.named(&request.action) {
        Some(kind) => kind.finish(app, &request, state, failed).await?,
        None => {
            return Err(TaskError::refused(format!("This version knows no requests of the kind {}", request.action)));
        }
    }
    Ok(json!({}))
}

/// Closes a running request with its outcome, writes the history, and releases the lease. Of two calls the first counts,
/// and both do the rest. The caller tells the outside next, and the prompts last, with [`announce`].
///
/// # Errors
/// Fails when something cannot be stored yet; the same call then does what is left.
pub async fn close(app: &App, request: &Request, event: Event, outcome: Outcome) -> Result<Request, TaskError> {
    let closed = if request.status.has_ended() { request.clone() } else { end(app, request, event, outcome).await? };
    write_history(app, &closed).await?;
    if let (Some(project), Some(lane)) = (&closed.project, app.kinds.named(&closed.action).and_then(|kind| kind.lane()))
    {
        app.store.release(project, lane, &closed.request_id).await?;
    }
    tracing::info!(
        request_id = %closed.request_id,
        project = closed.project.as_ref().map(tracing::field::display),
        phase = "end",
        status = closed.status.as_str(),
        "the request ended"
    );
    Ok(closed)
}

/// Updates the prompts of a request that has ended. Last, because a channel that is slow must not hold anything up.
pub async fn announce(app: &App, closed: &Request) {
    refresh(app, closed).await;
}

async fn end(app: &App, request: &Request, event: Event, outcome: Outcome) -> Result<Request, TaskError> {
    let by = if event == Event::Cancel { Actor::canceller(request) } else { Actor::bouncer() };
    let ended = app.store.transition(request, event, by, |row| {
        row.finished_at = Some(Time::now());
        row.progress = None;
        row.outcome = Some(outcome);
    });
    match ended.await {
        Ok(closed) => Ok(closed),
        // Two may close it, as when a cancelled execution ends.
        Err(error) => match load(app, &request.request_id).await? {
            now if now.status.has_ended() => Ok(now),
            _ => Err(error.into()),
        },
    }
}

/// The stored outcome counts, not this call's: a repeated call may know less of why.
async fn write_history(app: &App, closed: &Request) -> Result<(), TaskError> {
    let status = match closed.status {
        Status::Completed => DeployStatus::Success,
        Status::Failed => DeployStatus::Failed,
        Status::Cancelled => DeployStatus::Cancelled,
        _ => return Ok(()),
    };
    let kind = app.kinds.named(&closed.action).filter(|_| closed.started_at.is_some());
    if let Some(mut deploy) = kind.and_then(|kind| kind.history(closed, status)) {
        deploy.finished_at = closed.finished_at;
        app.store.end_deploy(&deploy).await?;
    }
    Ok(())
}
