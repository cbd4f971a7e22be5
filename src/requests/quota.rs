//! The quota of a caller: how much it may ask of humans.

use super::app::App;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::domain::quota::{CallerQuota, QuotaExceeded, QuotaLimits};
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;
use crate::storage::requests::QuotaUpdate;
use serde_json::json;

/// Counts a request against its caller's quota; `None` when it is not counted.
///
/// # Errors
/// Refuses with RATE_LIMITED or PENDING_LIMIT_EXCEEDED.
pub(crate) async fn admitted(app: &App, caller: &Caller, request: &Request) -> Result<Option<QuotaUpdate>, UserError> {
    let limits = app.settings.asking;
    if limits.are_off() || request.status != Status::PendingApproval {
        return Ok(None);
    }
    let before = app.store.caller_quota(&caller.id).await?;
    let mut asks = before.clone().unwrap_or_default();
    let with = |asks: &CallerQuota| asks.with(&request.request_id, request.created_at, request.expires_at, limits);
    let mut after = with(&asks);
    if let Err(QuotaExceeded::PendingExceeded(waiting)) = &after {
        // Some may have been decided since.
        let over = over(app, waiting).await?;
        asks.end(&over);
        after = with(&asks);
    }
    match after {
        Ok(after) => Ok(Some(QuotaUpdate { caller: caller.id.clone(), before, after })),
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
