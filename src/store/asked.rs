//! Which request of a project and commit was asked for last: a row beside the project's leases. It is written in one
//! transaction with the request, so of many that are asked at one instant one is stored. Nobody takes it away: it counts
//! for as long as its request waits, and the table forgets it after that.

use super::items::{Condition, text};
use super::{Store, StoreError, Table};
use crate::model::commit::CommitSha;
use crate::model::ids::{ProjectId, RequestId};
use crate::model::request::Request;
use crate::model::time::Time;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use serde::{Deserialize, Serialize};

const KEY: &str = "project_id";

/// The row, in the form of a lease.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    project_id: String,
    lock_id: RequestId,
    locked_at: Time,
    ttl: i64,
}

impl Store {
    /// The request that this commit was asked for with last. It may have ended, or be forgotten.
    pub async fn asked(&self, project: &ProjectId, commit: &CommitSha) -> Result<Option<RequestId>, StoreError> {
        let row: Option<Asked> = self.get(Table::Locks, (KEY, &key(project, commit))).await?;
        Ok(row.map(|row| row.lock_id))
    }

    /// Stores a request as the one of its commit, in the place of `before`. A conflict means that another was first.
    pub async fn create_request_for(
        &self,
        request: &Request,
        (project, commit): (&ProjectId, &CommitSha),
        before: Option<&RequestId>,
    ) -> Result<(), StoreError> {
        let row = Asked {
            project_id: key(project, commit),
            lock_id: request.request_id.clone(),
            locked_at: request.created_at,
            ttl: request.expires_at.epoch_seconds(),
        };
        let free = Condition::new("attribute_not_exists(project_id) OR lock_id = :before")
            .value(":before", text(before.map_or("", RequestId::as_str)));
        let new = Condition::new("attribute_not_exists(request_id)");
        let parts = [self.put_part(Table::Locks, &row, free)?, self.put_part(Table::Requests, request, new)?];
        match self.client.transact_write_items().set_transact_items(Some(parts.into())).send().await {
            Ok(_) => Ok(()),
            Err(error) if was_overtaken(&error) => Err(StoreError::Conflict),
            Err(error) => Err(StoreError::from_sdk(&self.table(Table::Requests), error)),
        }
    }
}

/// No project's id has such a sign.
fn key(project: &ProjectId, commit: &CommitSha) -> String {
    format!("{project}#asked#{commit}")
}

/// Whether another write was first, or is being made at this moment.
fn was_overtaken<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return false;
    };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}
