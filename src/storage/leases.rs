//! Leases on projects: one owner deploys at a time, and only the owner renews or releases its lease.

use super::coordination::{CoordinationKey, KEY, Lane, OwnedRow, is_free_or_owned_by, is_owned_by};
use super::error::StoreError;
use super::store::Store;
use super::tables::Table;
use crate::domain::audit::{Actor, Entry, EventKind};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::request::Request;
use crate::domain::time::Time;

impl Store {
    /// Takes the lease, or renews it for its owner.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when another owner holds it.
    pub async fn hold(
        &self,
        project: &ProjectId,
        lane: Lane,
        owner: &RequestId,
        seconds: u64,
    ) -> Result<(), StoreError> {
        let now = Time::now();
        let row = lease(project, lane, owner, now, seconds);
        self.put(Table::Coordination, &row, is_free_or_owned_by(owner.as_str(), now)).await
    }

    /// Returns the owner of the lease as it is now; `None` when it is free.
    pub async fn lease_owner(&self, project: &ProjectId, lane: Lane) -> Result<Option<RequestId>, StoreError> {
        let key = CoordinationKey::Lease(project, lane).to_string();
        let row: Option<OwnedRow<RequestId>> = self.get(Table::Coordination, (KEY, &key)).await?;
        // DynamoDB deletes expired rows with a delay.
        Ok(row.filter(|row| row.ttl >= Time::now().epoch_seconds()).map(|row| row.owner))
    }

    /// Takes the lease from an owner that can no longer use it, and records that.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when that owner does not hold it any longer.
    pub async fn take_over(
        &self,
        project: &ProjectId,
        lane: Lane,
        from: &RequestId,
        owner: &Request,
        seconds: u64,
    ) -> Result<(), StoreError> {
        let row = lease(project, lane, &owner.request_id, Time::now(), seconds);
        let entry = Entry::new(EventKind::LeaseTakenOver, Actor::bouncer(), owner).because(format!("from {from}"));
        let write = self.put_part(Table::Coordination, &row, is_owned_by(from.as_str()))?;
        Ok(self.write_recorded(&[write], entry).await?)
    }

    /// Releases the lease. One that is free or another owner's stays as it is.
    pub async fn release(&self, project: &ProjectId, lane: Lane, owner: &RequestId) -> Result<(), StoreError> {
        let key = CoordinationKey::Lease(project, lane).to_string();
        match self.delete(Table::Coordination, (KEY, &key), is_owned_by(owner.as_str())).await {
            Err(StoreError::Conflict) => Ok(()),
            outcome => outcome,
        }
    }
}

fn lease(project: &ProjectId, lane: Lane, owner: &RequestId, now: Time, seconds: u64) -> OwnedRow<RequestId> {
    OwnedRow::new(CoordinationKey::Lease(project, lane), owner.clone(), now, now.plus_seconds(seconds))
}
