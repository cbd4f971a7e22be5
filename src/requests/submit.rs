//! Asking for a human's decision: the request is stored with its audit event and counted against its caller's limits, all
//! in one write.

use super::app::App;
use crate::domain::audit::Actor;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::domain::quota::{CallerQuota, QuotaExceeded, QuotaLimits};
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;
use crate::storage::StoreError;
use crate::storage::requests::{QuotaUpdate, TransitionError};
use serde_json::json;
use std::time::Duration;

/// How often a caller's row is tried for, against other calls of the same caller.
const ATTEMPTS: u64 = 20;

/// Stores a request that waits for a decision: a new one, or the one under which its files were uploaded.
pub(crate) async fn ask(
    app: &App,
    caller: &Caller,
    request: &Request,
    ready: Option<&Request>,
) -> Result<Request, UserError> {
    for attempt in 1..=ATTEMPTS {
        let asks = admitted(app, caller, request).await?;
        let by = Actor::from(caller);
        let stored = match ready {
            None => app.store.create_request(request, by, asks.as_ref()).await.map(|()| request.clone()),
            Some(ready) => match app.store.submit(ready, request, by, asks.as_ref()).await {
                Err(TransitionError::Illegal(_)) => Err(StoreError::Conflict),
                Err(TransitionError::Store(error)) => Err(error),
                Ok(stored) => Ok(stored),
            },
        };
        match stored {
            Ok(stored) => return Ok(stored),
            Err(StoreError::Conflict) => return as_stored(app, request, ready).await,
            Err(StoreError::Overtaken) => {
                tokio::time::sleep(Duration::from_millis(rand::random_range(1..=5 * attempt))).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// What is there already: a write whose answer was lost is sent again and then meets itself, and of two confirmations
/// the first one counts and both get its answer.
async fn as_stored(app: &App, request: &Request, ready: Option<&Request>) -> Result<Request, UserError> {
    let stored = app.store.request(&request.request_id).await?;
    match stored {
        Some(stored) if ready.is_some() || stored == *request => Ok(stored),
        _ => Err(StoreError::Conflict.into()),
    }
}

/// What the caller has asked, with this request; nothing when it is not counted.
pub(crate) async fn admitted(app: &App, caller: &Caller, request: &Request) -> Result<Option<QuotaUpdate>, UserError> {
    let limits = app.settings.asking;
    if limits.are_off() || request.status != Status::PendingApproval {
        return Ok(None);
    }
    let before = app.store.caller_quota(&caller.id).await?;
    let mut asks = before.clone().unwrap_or_else(|| CallerQuota::none(&caller.id));
    let with = |asks: &CallerQuota| asks.with(&request.request_id, request.created_at, request.expires_at, limits);
    let mut after = with(&asks);
    if let Err(QuotaExceeded::PendingExceeded(waiting)) = &after {
        // Some may have been decided since.
        let over = over(app, waiting).await?;
        asks.end(&over);
        after = with(&asks);
    }
    match after {
        Ok(after) => Ok(Some(QuotaUpdate { before, after })),
        Err(exceeded) => {
            tracing::warn!(caller = %caller.id, ?exceeded, "a caller asks too much");
            Err(refusal(limits, &exceeded))
        }
    }
}

async fn over(app: &App, waiting: &[RequestId]) -> Result<Vec<RequestId>, UserError> {
    let now = Time::now();
    let mut over = Vec::new();
    for id in waiting {
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
