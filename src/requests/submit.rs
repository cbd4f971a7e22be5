//! The one door: every request that leads to work comes in here. Policy decides whether it runs, is asked about, or is
//! refused; the request, its audit event and its caller's quota are stored in one transaction; then approvers are asked and
//! the execution is started.

use super::app::App;
use super::execution::ensure_started;
use super::prompts::deliver;
use super::quota::admitted;
use crate::domain::audit::Actor;
use crate::domain::backend::commit::CommitSha;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::request::{Event, Request, Status};
use crate::domain::retry::CONTENTION;
use crate::domain::time::Time;
use crate::policy::rules::{Ruling, Subject, evaluate};
use crate::storage::StoreError;
use crate::storage::requests::TransitionError;
use backon::BackoffBuilder as _;
use serde_json::json;

/// What is submitted.
pub struct Submission {
    /// The request, with its plan. Policy sets its status.
    pub request: Request,
    /// What policy looks at.
    pub subject: Subject,
    /// The stored request under which the files were uploaded, if there is one.
    pub ready: Option<Request>,
    /// The commit it is about: one request of a project and commit waits at a time.
    pub commit: Option<CommitSha>,
}

/// What came of a submission.
pub enum Submitted {
    /// The request was stored, or had been by an earlier try of the same call.
    Stored(Request),
    /// Another request for the same commit waits already; this one was not stored.
    Waiting(Request),
}

/// Submits a request. When it returns, approvers were asked or the work was started.
///
/// # Errors
/// Refuses over quota, when no approver could be asked, and when the workflow engine cannot be reached; the request is
/// withdrawn in the last two cases.
pub async fn submit(app: &App, caller: &Caller, submission: Submission) -> Result<Submitted, UserError> {
    let Submission { mut request, subject, ready, commit } = submission;
    match evaluate(&subject) {
        Ruling::Ask => request.status = Status::PendingApproval,
        Ruling::Run(rule) => {
            request.status = Status::Approved;
            request.allowed_by = Some(rule);
        }
    }
    let request = match store(app, caller, &request, ready.as_ref(), commit.as_ref()).await? {
        Submitted::Stored(request) => request,
        waiting @ Submitted::Waiting(_) => return Ok(waiting),
    };
    if request.status == Status::PendingApproval && deliver(app, &request.request_id).await.is_err() {
        let error = UserError::new(
            ErrorCode::NotificationFailed,
            "No approver could be asked on any channel, so the request was withdrawn.",
            "Try again in a moment; if the problem persists, have the operator check the server's log.",
        );
        return Err(withdraw(app, &request, error).await);
    }
    // An approver may press before the execution is there; the press starts it then.
    if let Err(error) = ensure_started(app, &request).await {
        return Err(withdraw(app, &request, error).await);
    }
    tracing::info!(
        request_id = %request.request_id,
        project = request.project.as_ref().map(tracing::field::display),
        phase = "submit",
        action = request.action.as_str(),
        status = request.status.as_str(),
        "request submitted"
    );
    Ok(Submitted::Stored(request))
}

/// Stores a request that hands out upload addresses and needs no decision yet.
///
/// # Errors
/// Fails when it cannot be stored.
pub async fn open(app: &App, caller: &Caller, request: &Request) -> Result<(), UserError> {
    Ok(app.store.create_request(request, Actor::from(caller), None).await?)
}

/// Finds the request for a project's commit that still waits.
///
/// # Errors
/// Fails when the records cannot be read.
pub async fn waiting_for(app: &App, project: &ProjectId, commit: &CommitSha) -> Result<Option<Request>, UserError> {
    let claimed = app.store.commit_claim(project, commit).await?;
    still_waits(app, claimed.as_ref()).await
}

async fn still_waits(app: &App, id: Option<&RequestId>) -> Result<Option<Request>, UserError> {
    let Some(id) = id else { return Ok(None) };
    let request = app.store.request(id).await?;
    Ok(request.filter(|request| request.status_at(Time::now()) == Status::PendingApproval))
}

async fn store(
    app: &App,
    caller: &Caller,
    request: &Request,
    ready: Option<&Request>,
    commit: Option<&CommitSha>,
) -> Result<Submitted, UserError> {
    for pause in CONTENTION.build() {
        let stored = match (ready, commit.zip(request.project.as_ref())) {
            (Some(ready), _) => store_ready(app, caller, request, ready).await?,
            (None, Some((commit, project))) => match claim(app, caller, request, (project, commit)).await? {
                Ok(Submitted::Waiting(waiting)) => return Ok(Submitted::Waiting(waiting)),
                Ok(Submitted::Stored(request)) => Ok(request),
                Err(StoreError::Conflict) => Err(StoreError::Overtaken),
                Err(error) => Err(error),
            },
            (None, None) => store_new(app, caller, request).await?,
        };
        match stored {
            Ok(stored) => return Ok(Submitted::Stored(stored)),
            Err(StoreError::Conflict) => return as_stored(app, request, ready).await.map(Submitted::Stored),
            Err(StoreError::Overtaken) => {
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(UserError::new(
        ErrorCode::Conflict,
        "Too many concurrent requests of this key or for this commit.",
        "Try again in a moment.",
    ))
}

type Stored<T> = Result<Result<T, StoreError>, UserError>;

async fn store_new(app: &App, caller: &Caller, request: &Request) -> Stored<Request> {
    let quota = admitted(app, caller, request).await?;
    let stored = app.store.create_request(request, Actor::from(caller), quota.as_ref()).await;
    Ok(stored.map(|()| request.clone()))
}

async fn store_ready(app: &App, caller: &Caller, request: &Request, ready: &Request) -> Stored<Request> {
    let quota = admitted(app, caller, request).await?;
    Ok(match app.store.submit(ready, request, Actor::from(caller), quota.as_ref()).await {
        Err(TransitionError::Illegal(_)) => Err(StoreError::Conflict),
        Err(TransitionError::Store(error)) => Err(error),
        Ok(stored) => Ok(stored),
    })
}

/// Of many requests for one commit at one instant one is stored.
async fn claim(app: &App, caller: &Caller, request: &Request, work: (&ProjectId, &CommitSha)) -> Stored<Submitted> {
    let before = app.store.commit_claim(work.0, work.1).await?;
    if before.as_ref() == Some(&request.request_id) {
        // The write whose answer was lost.
        return Ok(Ok(Submitted::Stored(request.clone())));
    }
    if let Some(waiting) = still_waits(app, before.as_ref()).await? {
        return Ok(Ok(Submitted::Waiting(waiting)));
    }
    let quota = admitted(app, caller, request).await?;
    let by = Actor::from(caller);
    let stored = app.store.create_request_for(request, work, before.as_ref(), by, quota.as_ref()).await;
    Ok(stored.map(|()| Submitted::Stored(request.clone())))
}

/// Returns what is there already: a write whose answer was lost is sent again and then meets itself, and of two
/// confirmations the first one counts and both get its answer.
async fn as_stored(app: &App, request: &Request, ready: Option<&Request>) -> Result<Request, UserError> {
    let stored = app.store.request(&request.request_id).await?;
    match stored {
        Some(stored) if ready.is_some() || stored == *request => Ok(stored),
        _ => Err(StoreError::Conflict.into()),
    }
}

/// Withdraws a request whose caller is told that it failed. If that cannot be stored either, the caller learns its id.
async fn withdraw(app: &App, request: &Request, error: UserError) -> UserError {
    let event = if request.status == Status::Approved { Event::Cancel } else { Event::Withdraw };
    let withdrawn = app.store.transition(request, event, Actor::bouncer(), |row| row.finished_at = Some(Time::now()));
    match withdrawn.await {
        Ok(withdrawn) => {
            super::prompts::refresh(app, &withdrawn).await;
            error
        }
        Err(failure) => {
            tracing::error!(request_id = %request.request_id, %failure, "a request that could not be started could not be withdrawn either");
            error.with("request_id", json!(request.request_id))
        }
    }
}
