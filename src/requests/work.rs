//! What every task of a request begins with: the request, its plan as it was approved, and the start of the work.

use super::app::App;
use super::complete;
use super::engine::TaskError;
use super::find::load;
use super::prompts::refresh;
use crate::domain::audit::Actor;
use crate::domain::history::DeployStatus;
use crate::domain::ids::RequestId;
use crate::domain::request::{Event, Request, Status, Verdict};
use crate::domain::sealed::Sealable;
use crate::domain::time::Time;
use serde_json::{Value, json};

/// How old an approval may be when its work begins, in seconds. A server that was down for longer must not carry out at
/// its start what nobody remembers.
pub const APPROVAL_AGE_SECONDS: u64 = 24 * 3600;

/// Returns the plan, if it is the one that was approved, or one that a rule let run.
///
/// # Errors
/// Refuses a plan that is missing, undecided, or not the one that was shown.
pub fn approved_plan<P: Sealable>(request: &Request) -> Result<P, TaskError> {
    check_approved(request)?;
    request.plan_as().ok_or_else(|| TaskError::refused("The plan is not of a kind that this version can carry out"))
}

fn check_approved(request: &Request) -> Result<(), TaskError> {
    let approved = request.decision.as_ref().is_some_and(|decision| decision.verdict == Verdict::Approve);
    if !approved && request.allowed_by.is_none() {
        return Err(TaskError::refused("The plan was not approved"));
    }
    if !request.plan_is_intact() {
        return Err(TaskError::refused("The stored plan is not the one that was approved"));
    }
    Ok(())
}

/// Does the task `request.run`: begins the work of a request once, has its kind do it, and closes the request.
///
/// # Errors
/// Fails as the kind does, and for a plan that is not the one that was approved.
pub async fn run(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    let request = match request.status {
        Status::Approved => begin(app, &request, |_| {}).await?,
        Status::Running => request,
        _ => return Ok(json!({})),
    };
    check_approved(&request)?;
    let kind = app
        .kinds
        .named(&request.action)
        .ok_or_else(|| TaskError::refused(format!("This version knows no requests of the kind {}", request.action)))?;
    let outcome = kind.run(app, &request).await?;
    let closed = complete::close(app, &request, Event::Complete, outcome).await?;
    complete::announce(app, &closed).await;
    Ok(json!({}))
}

/// Marks the start of the work, once, and writes it to the project's history. `edit` sets what the kind stores with it.
///
/// # Errors
/// Refuses an approval that is too old, and a request that is no longer approved.
pub async fn begin(app: &App, request: &Request, edit: impl FnOnce(&mut Request)) -> Result<Request, TaskError> {
    let now = Time::now();
    let approved_at = request.decision.as_ref().map_or(request.created_at, |decision| decision.at);
    if now.seconds_since(approved_at) > APPROVAL_AGE_SECONDS {
        return Err(TaskError::stale_plan("The approval is older than a day"));
    }
    let running = app
        .store
        .transition(request, Event::Start, Actor::bouncer(), |row| {
            row.started_at = Some(now);
            edit(row);
        })
        .await?;
    tracing::info!(
        request_id = %running.request_id,
        project = running.project.as_ref().map(tracing::field::display),
        phase = "begin",
        action = running.action.as_str(),
        "work begins"
    );
    note_begin(app, &running).await?;
    refresh(app, &running).await;
    Ok(running)
}

/// Writes a running request to its project's history, if an earlier attempt did not.
///
/// # Errors
/// Fails when the history cannot be written yet.
pub async fn note_begin(app: &App, request: &Request) -> Result<(), TaskError> {
    let Some(kind) = app.kinds.named(&request.action) else { return Ok(()) };
    match kind.history(request, DeployStatus::Running) {
        Some(deploy) => Ok(app.store.begin_deploy(&deploy).await?),
        None => Ok(()),
    }
}
