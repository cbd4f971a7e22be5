//! `bouncer_request_show`: what an approver needs to decide.

use super::request::{RequestStatus, status_of};
use crate::domain::caller::Caller;
use crate::domain::card::Card;
use crate::domain::error::UserError;
use crate::domain::request::Verdict;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::find;
use crate::requests::kind::CardView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arguments of `bouncer_request_show`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShowRequest {
    /// The request's id.
    pub request_id: String,
    /// Page of long lists, from 1.
    pub page: Option<usize>,
}

/// The answer of `bouncer_request_show`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestDetails {
    /// Where the request stands, as `bouncer_status` says it.
    #[serde(flatten)]
    pub status: RequestStatus,
    /// The key that asks.
    pub caller: CallerView,
    /// What it would do.
    pub card: Card,
    /// What an approval is bound to.
    pub plan_hash: Option<String>,
    /// Seconds until the window is over, as "600 seconds".
    pub expires_in: String,
    /// What can be decided.
    pub offered: Vec<Verdict>,
}

/// A key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct CallerView {
    /// The key's id.
    pub key_id: String,
    /// The key's name.
    pub name: String,
}

/// Shows what a request would do.
///
/// # Errors
/// Answers NOT_FOUND for one that does not exist or that the caller may not see.
pub async fn show(app: &App, caller: &Caller, args: ShowRequest) -> Result<RequestDetails, UserError> {
    let request = find(app, caller, &args.request_id).await?;
    let now = Time::now();
    let view = CardView { role: caller.role, whole: true, page: args.page.unwrap_or(1).max(1) };
    Ok(RequestDetails {
        card: app.kinds.of(&request)?.card(app, &request, view).await?,
        caller: CallerView { key_id: request.caller.to_string(), name: request.caller_name.clone() },
        plan_hash: request.plan_hash.map(|hash| hash.to_string()),
        expires_in: format!("{} seconds", request.expires_at.seconds_left(now)),
        offered: request.offered.clone(),
        status: status_of(app, request, now),
    })
}
