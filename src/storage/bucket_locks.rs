//! The lock on the list of the projects' buckets.
//!
//! Two projects in one bucket would overwrite each other's pages, and no condition on one project's row can see the
//! others. So whoever gives a project a bucket first locks the list. Every write is bound to the lock: one that comes
//! after its expiry does nothing.

use super::coordination::{CoordinationKey, KEY, OwnedRow, is_free_or_owned_by, is_owned_by};
use super::error::{Cancellation, StoreError, cancellations};
use super::store::Store;
use super::tables::Table;
use crate::domain::retry;
use crate::domain::time::Time;
use aws_sdk_dynamodb::types::TransactWriteItem;
use backon::Retryable as _;

/// The lock expires after this many seconds, because its owner may have died.
const SECONDS: u64 = 10;

/// The lock, held from before the projects are read until the last one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketLock {
    owner: String,
}

impl Store {
    /// Waits for the lock and takes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Overtaken`] when others hold it all the time.
    pub async fn lock_buckets(&self) -> Result<BucketLock, StoreError> {
        let owner = format!("turn-{:032x}", rand::random::<u128>());
        let take = || async {
            let now = Time::now();
            let row = OwnedRow::new(CoordinationKey::BucketList, owner.as_str(), now, now.plus_seconds(SECONDS));
            self.put(Table::Coordination, &row, is_free_or_owned_by(&owner, now)).await
        };
        match take.retry(retry::LOCK).when(|error| matches!(error, StoreError::Conflict)).await {
            Ok(()) => Ok(BucketLock { owner }),
            Err(StoreError::Conflict) => Err(StoreError::Overtaken),
            Err(error) => Err(error),
        }
    }

    /// Releases the lock, so that others need not wait for its expiry. One that has expired stays so.
    pub async fn unlock_buckets(&self, lock: &BucketLock) {
        let key = CoordinationKey::BucketList.to_string();
        match self.delete(Table::Coordination, (KEY, &key), is_owned_by(&lock.owner)).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => tracing::warn!(%error, "the bucket lock could not be released and will expire"),
        }
    }

    /// Writes a project's row if the lock is still held.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the row's own condition fails, [`StoreError::Overtaken`] when the lock was lost.
    pub(super) async fn write_locked(&self, lock: &BucketLock, write: TransactWriteItem) -> Result<(), StoreError> {
        let key = CoordinationKey::BucketList.to_string();
        let is_held = self.check_part(Table::Coordination, (KEY, &key), is_owned_by(&lock.owner))?;
        let request = self.client.transact_write_items().transact_items(write).transact_items(is_held);
        let Err(error) = request.send().await else { return Ok(()) };
        match cancellations(&self.table(Table::Projects), error)?.first() {
            Some(Cancellation::FailedCondition) => Err(StoreError::Conflict),
            Some(Cancellation::Passed) | None => Err(StoreError::Overtaken),
        }
    }
}
