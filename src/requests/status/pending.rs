//! `bouncer_list_pending`: what waits for a decision.

use super::{ROWS, checked_limit};
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::request::{Action, Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Arguments of `bouncer_list_pending`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListPending {
    /// Only requests of exactly this source.
    pub source: Option<String>,
    /// At most so many: 1 to 100 (20).
    pub limit: Option<u64>,
}

/// The answer of `bouncer_list_pending`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PendingList {
    /// Undecided and unexpired, soonest expiry first.
    pub requests: Vec<PendingItem>,
    /// How many are listed.
    pub count: usize,
}

/// One of them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PendingItem {
    /// The request's id.
    pub request_id: String,
    /// What is asked.
    pub action: Action,
    /// One line of at most 100 characters.
    pub summary: String,
    /// Who asks, in their own words.
    pub source: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Seconds since it was asked.
    pub age_seconds: u64,
    /// Until when it can be decided.
    pub expires_at: Time,
}

/// Lists what waits for a decision: a caller's own requests, or all for an approver.
pub async fn list_pending(app: &App, caller: &Caller, args: ListPending) -> Result<PendingList, UserError> {
    let limit = checked_limit(args.limit, 20, ROWS)?;
    let now = Time::now();
    let requests: Vec<PendingItem> = waiting(app)
        .await?
        .iter()
        .filter(|request| request.is_visible_to(caller))
        .filter(|request| args.source.is_none() || args.source == request.source)
        .take(limit)
        .map(|request| PendingItem {
            action: request.action,
            summary: request.summary.clone(),
            source: request.source.clone(),
            project: request.project.as_ref().map(ToString::to_string),
            reason: request.reason.clone(),
            age_seconds: now.seconds_since(request.created_at),
            expires_at: request.expires_at,
            request_id: request.request_id.to_string(),
        })
        .collect();
    Ok(PendingList { count: requests.len(), requests })
}

/// All that waits for a decision: undecided and unexpired, soonest expiry first.
pub async fn waiting(app: &App) -> Result<Arc<Vec<Request>>, UserError> {
    const CONSIDERED: usize = 10_000;
    let look = async || {
        let now = Time::now();
        let mut waiting = app.store.requests_in(Status::PendingApproval, CONSIDERED).await?;
        waiting.retain(|request| request.status_at(now) == Status::PendingApproval);
        waiting.sort_by(|a, b| (a.expires_at, &a.request_id).cmp(&(b.expires_at, &b.request_id)));
        Ok(waiting)
    };
    app.waiting.run(look).await
}
