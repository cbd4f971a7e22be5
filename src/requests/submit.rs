//! Submits a request for a decision: stores it with its audit event, and counts it against its caller's quota, in one
//! write.

use super::app::App;
use crate::domain::audit::Actor;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::domain::quota::{CallerQuota, QuotaExceeded, QuotaLimits};
use crate::domain::request::{Request, Status};
use crate::domain::retry;
use crate::domain::time::Time;
use crate::storage::StoreError;
use crate::storage::requests::{QuotaUpdate, TransitionError};
use backon::Retryable as _;
use serde_json::json;

/// Stores a request that waits for a decision: a new one, or the one under which its files were uploaded.
pub(crate) async fn ask(
    app: &App,
    caller: &Caller,
    request: &Request,
    ready: Option<&Request>,
) -> Result<Request, UserError> {
    let store = || async {
        let quota = admitted(app, caller, request).await?;
        let by = Actor::from(caller);
        Ok(match ready {
            None => app.store.create_request(request, by, quota.as_ref()).await.map(|()| request.clone()),
            Some(ready) => match app.store.submit(ready, request, by, quota.as_ref()).await {
                Err(TransitionError::Illegal(_)) => Err(StoreError::Conflict),
                Err(TransitionError::Store(error)) => Err(error),
                Ok(stored) => Ok(stored),
            },
        }?)
    };
    // Other calls of the same caller compete for its quota.
    let is_overtaken = |error: &SubmitError| matches!(error, SubmitError::Store(StoreError::Overtaken));
    match store.retry(retry::CONTENTION).when(is_overtaken).await {
        Ok(stored) => Ok(stored),
        Err(SubmitError::Store(StoreError::Conflict)) => as_stored(app, request, ready).await,
        Err(SubmitError::Store(error)) => Err(error.into()),
        Err(SubmitError::User(error)) => Err(error),
    }
}

/// Why an attempt to store a request failed.
enum SubmitError {
    Store(StoreError),
    User(UserError),
}

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> Self {
        SubmitError::Store(error)
    }
}

impl From<UserError> for SubmitError {
    fn from(error: UserError) -> Self {
        SubmitError::User(error)
    }
}

/// Returns the request as it is stored already: a retry of a write whose answer was lost meets itself, and of two
/// confirmations the first one counts and both get its answer.
async fn as_stored(app: &App, request: &Request, ready: Option<&Request>) -> Result<Request, UserError> {
    let stored = app.store.request(&request.request_id).await?;
    match stored {
        Some(stored) if ready.is_some() || stored == *request => Ok(stored),
        _ => Err(StoreError::Conflict.into()),
    }
}

/// Returns the caller's quota with this request; `None` when the request does not count.
pub(crate) async fn admitted(app: &App, caller: &Caller, request: &Request) -> Result<Option<QuotaUpdate>, UserError> {
    let limits = app.settings.asking;
    if limits.are_off() || request.status != Status::PendingApproval {
        return Ok(None);
    }
    let before = app.store.caller_quota(&caller.id).await?;
    let mut quota = before.clone().unwrap_or_default();
    let with = |quota: &CallerQuota| quota.with(&request.request_id, request.created_at, request.expires_at, limits);
    let mut after = with(&quota);
    if let Err(QuotaExceeded::PendingExceeded(waiting)) = &after {
        // Some may have been decided since.
        quota.end(&no_longer_pending(app, waiting).await?);
        after = with(&quota);
    }
    match after {
        Ok(after) => Ok(Some(QuotaUpdate { caller: caller.id.clone(), before, after })),
        Err(exceeded) => {
            tracing::warn!(caller = %caller.id, ?exceeded, "a caller exceeds its quota");
            Err(refusal(limits, &exceeded))
        }
    }
}

async fn no_longer_pending(app: &App, pending: &[RequestId]) -> Result<Vec<RequestId>, UserError> {
    let now = Time::now();
    let mut over = Vec::new();
    for id in pending {
        let request = app.store.request(id).await?;
        if request.is_none_or(|request| request.status_at(now) != Status::PendingApproval) {
            over.push(id.clone());
        }
    }
    Ok(over)
}

fn refusal(limits: QuotaLimits, exceeded: &QuotaExceeded) -> UserError {
    match exceeded {
        QuotaExceeded::RateExceeded { retry_after } => UserError::new(
            ErrorCode::RateLimited,
            format!("You asked for {} decisions within a minute, which is the limit.", limits.per_minute),
            format!("Ask again in {retry_after} seconds."),
        )
        .with("retry_after", json!(retry_after)),
        QuotaExceeded::PendingExceeded(waiting) => UserError::new(
            ErrorCode::PendingLimitExceeded,
            format!("{} of your requests wait for a decision, which is the limit.", waiting.len()),
            "Wait until some are decided, or withdraw one with bouncer_deploy_cancel.",
        )
        .with("pending", json!(waiting.iter().take(20).collect::<Vec<_>>())),
    }
}
