//! Reading: where a request or a deploy stands, what waits, what was. Records only; nothing is guessed or changed.

mod deploy;
mod details;
mod health;
mod history;
mod past;
mod pending;
mod request;

pub use deploy::{DeployState, DeployView, WhichDeploy, deploy_status};
pub use details::{CallerView, RequestDetails, ShowRequest, show};
pub use health::{Check, Health, health};
pub use history::{DeployHistory, DeployItem, WhichHistory, history};
pub use past::{PastRequest, PastRequests, RequestHistory, Stats, WhichStats, count, handled, past, stats};
pub use pending::{ListPending, PendingItem, PendingList, list_pending, waiting};
pub(crate) use request::{POLL_AFTER_SECONDS, hint, status_of};
pub use request::{RequestStatus, WhichRequest, status};

use crate::domain::error::UserError;

/// Rows of one answer, at most, where nothing else is said.
const ROWS: usize = 100;

/// How many rows an answer may have.
pub(crate) fn checked_limit(limit: Option<u64>, default: u64, most: usize) -> Result<usize, UserError> {
    let limit = limit.unwrap_or(default);
    match usize::try_from(limit) {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(UserError::invalid(
            "limit",
            format!("A limit of {limit} is not accepted."),
            format!("Use 1 to {most}."),
        )),
    }
}
