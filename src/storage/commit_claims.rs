//! Which request of a project and commit was asked for last: a row beside the project's leases. It is written in one
//! transaction with the request, so of many that are asked at one instant one is stored. Nobody takes it away: it counts
//! for as long as its request waits, and the table forgets it after that.

use super::audit::Unwritten;
use super::items::{Condition, text};
use super::requests::QuotaUpdate;
use super::{Store, StoreError, Table};
use crate::domain::audit::{Actor, Entry, EventKind};
use crate::domain::backend::commit::CommitSha;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::request::Request;
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};

const KEY: &str = "project_id";

/// The row, in the form of a lease.
#[derive(Debug, Serialize, Deserialize)]
struct CommitClaim {
    project_id: String,
    lock_id: RequestId,
    locked_at: Time,
    ttl: i64,
}

impl Store {
    /// The request that this commit was asked for with last. It may have ended, or be forgotten.
    pub async fn commit_claim(&self, project: &ProjectId, commit: &CommitSha) -> Result<Option<RequestId>, StoreError> {
        let row: Option<CommitClaim> = self.get(Table::Locks, (KEY, &key(project, commit))).await?;
        Ok(row.map(|row| row.lock_id))
    }

    /// Stores a request as the one of its commit, in the place of `before`, with its audit event and what its caller has
    /// asked. A conflict means that another was first, `Overtaken` that the caller asked for something else meanwhile.
    pub async fn create_request_for(
        &self,
        request: &Request,
        (project, commit): (&ProjectId, &CommitSha),
        before: Option<&RequestId>,
        by: Actor,
        asks: Option<&QuotaUpdate>,
    ) -> Result<(), StoreError> {
        let row = CommitClaim {
            project_id: key(project, commit),
            lock_id: request.request_id.clone(),
            locked_at: request.created_at,
            ttl: request.expires_at.epoch_seconds(),
        };
        let free = Condition::new("attribute_not_exists(project_id) OR lock_id = :before")
            .value(":before", text(before.map_or("", RequestId::as_str)));
        let new = Condition::new("attribute_not_exists(request_id)");
        let mut parts = vec![self.put_part(Table::Locks, &row, free)?, self.put_part(Table::Requests, request, new)?];
        parts.extend(asks.map(|change| self.asks_part(change)).transpose()?);
        let written = self.write_recorded(&parts, Entry::new(EventKind::Created, by, request)).await;
        written.map_err(|unwritten| match unwritten {
            Unwritten::Part(0 | 1) => StoreError::Conflict,
            Unwritten::Part(_) => StoreError::Overtaken,
            Unwritten::Store(error) => error,
        })
    }
}

/// No project's id has such a sign.
fn key(project: &ProjectId, commit: &CommitSha) -> String {
    format!("{project}#asked#{commit}")
}
