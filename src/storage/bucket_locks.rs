//! Giving buckets to projects. Two projects in one bucket would overwrite each other's pages, and no condition on one
//! project's row can see the others. So whoever gives a project a bucket does it in a turn: a lease like that on a project,
//! during which nobody else gives any. Each write is bound to it, so one that comes after its end does nothing.

use super::items::{Condition, text};
use super::{Store, StoreError, Table};
use crate::domain::time::Time;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// The row of the lease; no project's id has a slash.
const ROW: (&str, &str) = ("project_id", "/buckets");
/// After so many seconds somebody else may take the turn, because its owner has died.
const SECONDS: u64 = 10;
/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A turn, from before the projects are read until the last is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketLock(Option<String>);

#[derive(Serialize)]
struct Lease<'a> {
    project_id: &'a str,
    lock_id: &'a str,
    locked_at: Time,
    ttl: i64,
}

impl Store {
    /// Waits for a turn and takes it. [`StoreError::Overtaken`] when others take turns all the time.
    pub async fn take_bucket_turn(&self) -> Result<BucketLock, StoreError> {
        let owner = format!("turn-{:032x}", rand::random::<u128>());
        let end = Instant::now() + PATIENCE;
        loop {
            let now = Time::now();
            let ttl = now.plus_seconds(SECONDS).epoch_seconds();
            let lease = Lease { project_id: ROW.1, lock_id: &owner, locked_at: now, ttl };
            let is_free = Condition::new("attribute_not_exists(project_id) OR lock_id = :me OR #ttl < :now")
                .name("#ttl", "ttl")
                .value(":me", text(owner.as_str()))
                .value(":now", AttributeValue::N(now.epoch_seconds().to_string()));
            match self.put(Table::Locks, &lease, is_free).await {
                Ok(()) => return Ok(BucketLock(Some(owner))),
                // A projects table without the other tables: no server uses it, and whoever fills it is alone.
                Err(StoreError::Unavailable { code, .. }) if code == "ResourceNotFoundException" => {
                    return Ok(BucketLock(None));
                }
                Err(StoreError::Conflict) if Instant::now() >= end => return Err(StoreError::Overtaken),
                // Not all who wait should come back at once.
                Err(StoreError::Conflict) => {
                    tokio::time::sleep(Duration::from_millis(rand::random_range(5..60))).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends a turn before its time, so that others need not wait. One that is over already stays so.
    pub async fn end_bucket_turn(&self, turn: &BucketLock) {
        let Some(owner) = &turn.0 else { return };
        let name = self.table(Table::Locks);
        let request = self.client.delete_item().table_name(&name).key(ROW.0, text(ROW.1));
        let request = request.condition_expression("lock_id = :me");
        let outcome = request.expression_attribute_values(":me", text(owner.as_str())).send().await;
        match outcome.map_err(|error| StoreError::from_sdk(&name, error)) {
            Ok(_) | Err(StoreError::Conflict) => {}
            Err(error) => tracing::warn!(%error, "a turn ends by itself only in some seconds"),
        }
    }

    /// Writes a project's row if the turn is still its owner's.
    pub(super) async fn write_in_turn(&self, turn: &BucketLock, write: TransactWriteItem) -> Result<(), StoreError> {
        let mut request = self.client.transact_write_items().transact_items(write);
        if let Some(owner) = &turn.0 {
            let name = self.table(Table::Locks);
            let is_mine = ConditionCheck::builder()
                .table_name(&name)
                .key(ROW.0, text(ROW.1))
                .condition_expression("lock_id = :me")
                .expression_attribute_values(":me", text(owner.as_str()))
                .build()
                .map_err(|error| StoreError::unreadable(&name, error))?;
            request = request.transact_items(TransactWriteItem::builder().condition_check(is_mine).build());
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(classify(&self.table(Table::Projects), error)),
        }
    }
}

/// The project's own condition is a conflict as with any write; anything else that cancels is another one's turn.
fn classify<R>(table: &str, error: SdkError<TransactWriteItemsError, R>) -> StoreError
where
    R: std::fmt::Debug + 'static,
{
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return StoreError::from_sdk(table, error);
    };
    let mut codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
    match codes.next() {
        Some("ConditionalCheckFailed") => StoreError::Conflict,
        Some("" | "None" | "TransactionConflict") | None => StoreError::Overtaken,
        Some(_) => StoreError::from_sdk(table, error),
    }
}
