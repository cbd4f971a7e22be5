//! `bouncer-deploy-locks`: a lease on a project. It has one owner, and only the owner renews or releases it.

use super::items::{Condition, text};
use super::{Store, StoreError, Table};
use crate::model::ids::{ProjectId, RequestId};
use crate::model::time::Time;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The project that is held.
    pub project_id: ProjectId,
    /// The owner: the request whose deploy runs.
    pub lock_id: RequestId,
    /// When it was taken or last renewed.
    pub locked_at: Time,
    /// When it ends unless renewed: seconds since 1970.
    pub ttl: i64,
}

impl Store {
    /// Takes the lease, or renews it when it is this owner's already. A conflict means that another owner holds it.
    pub async fn hold(&self, project: &ProjectId, owner: &RequestId, seconds: u64) -> Result<(), StoreError> {
        let now = Time::now();
        let lease = Lease {
            project_id: project.clone(),
            lock_id: owner.clone(),
            locked_at: now,
            ttl: now.plus_seconds(seconds).epoch_seconds(),
        };
        let free_or_mine = Condition::new("attribute_not_exists(project_id) OR lock_id = :me OR #ttl < :now")
            .name("#ttl", "ttl")
            .value(":me", text(owner.as_str()))
            .value(":now", AttributeValue::N(now.epoch_seconds().to_string()));
        self.put(Table::Locks, &lease, free_or_mine).await
    }

    /// Gives the lease back; one that is another owner's, or gone, stays as it is.
    pub async fn release(&self, project: &ProjectId, owner: &RequestId) -> Result<(), StoreError> {
        let name = self.table(Table::Locks);
        let outcome = self
            .client
            .delete_item()
            .table_name(&name)
            .key("project_id", text(project.as_str()))
            .condition_expression("lock_id = :me")
            .expression_attribute_values(":me", text(owner.as_str()))
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&name, error));
        match outcome {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
