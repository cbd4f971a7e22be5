//! Claims on commits: the latest request for a project's commit, in a row beside the project's leases.
//!
//! The claim is written in one transaction with its request, so of several requests for one commit at the same instant
//! one is stored. It is never deleted: it counts as long as its request waits, and then expires.

use super::audit::Unwritten;
use super::coordination::{CoordinationKey, KEY, OwnedRow};
use super::error::StoreError;
use super::items::{Condition, text};
use super::requests::QuotaUpdate;
use super::store::Store;
use super::tables::Table;
use crate::domain::audit::{Actor, Entry, EventKind};
use crate::domain::backend::commit::CommitSha;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::request::Request;

impl Store {
    /// Returns the latest request for a commit. It may have ended, or be deleted.
    pub async fn commit_claim(&self, project: &ProjectId, commit: &CommitSha) -> Result<Option<RequestId>, StoreError> {
        let key = CoordinationKey::CommitClaim(project, commit).to_string();
        let row: Option<OwnedRow<RequestId>> = self.get(Table::Coordination, (KEY, &key)).await?;
        Ok(row.map(|row| row.owner))
    }

    /// Stores a request as the latest one for its commit, in place of `before`, with its audit event and its caller's
    /// quota.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when another request was first, [`StoreError::Overtaken`] when the quota changed.
    pub async fn create_request_for(
        &self,
        request: &Request,
        (project, commit): (&ProjectId, &CommitSha),
        before: Option<&RequestId>,
        by: Actor,
        quota: Option<&QuotaUpdate>,
    ) -> Result<(), StoreError> {
        let key = CoordinationKey::CommitClaim(project, commit);
        let claim = OwnedRow::new(key, request.request_id.clone(), request.created_at, request.expires_at);
        let is_current = Condition::new("attribute_not_exists(project_id) OR lock_id = :before")
            .value(":before", text(before.map_or("", RequestId::as_str)));
        let is_new = Condition::new("attribute_not_exists(request_id)");
        let mut parts = vec![
            self.put_part(Table::Coordination, &claim, is_current)?,
            self.put_part(Table::Requests, request, is_new)?,
        ];
        parts.extend(quota.map(|update| self.quota_part(update)).transpose()?);
        let written = self.write_recorded(&parts, Entry::new(EventKind::Created, by, request)).await;
        written.map_err(|unwritten| match unwritten {
            Unwritten::Part(0 | 1) => StoreError::Conflict,
            Unwritten::Part(_) => StoreError::Overtaken,
            Unwritten::Store(error) => error,
        })
    }
}
