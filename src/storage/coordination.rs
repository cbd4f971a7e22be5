//! `bouncer-deploy-locks`: a lease on a project. It has one owner, and only the owner renews or releases it.

use super::items::{Condition, text};
use super::{Store, StoreError, Table};
use crate::domain::audit::{Actor, Entry, EventKind};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::request::Request;
use crate::domain::time::Time;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

/// What of a project is held. A site and a stack do not touch each other, so neither waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Its bucket.
    Frontend,
    /// Its stack.
    Backend,
}

impl Lane {
    /// The row's key.
    fn key(self, project: &ProjectId) -> String {
        match self {
            Lane::Frontend => format!("{project}#frontend"),
            Lane::Backend => project.to_string(),
        }
    }
}

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// What is held: the project, and `#frontend` behind it for its bucket.
    pub project_id: String,
    /// The owner: the request whose deploy runs.
    pub lock_id: RequestId,
    /// When it was taken or last renewed.
    pub locked_at: Time,
    /// When it ends unless renewed: seconds since 1970.
    pub ttl: i64,
}

impl Store {
    /// Takes the lease, or renews it when it is this owner's already. A conflict means that another owner holds it.
    pub async fn hold(
        &self,
        project: &ProjectId,
        lane: Lane,
        owner: &RequestId,
        seconds: u64,
    ) -> Result<(), StoreError> {
        let now = Time::now();
        let free_or_mine = Condition::new("attribute_not_exists(project_id) OR lock_id = :me OR #ttl < :now")
            .name("#ttl", "ttl")
            .value(":me", text(owner.as_str()))
            .value(":now", AttributeValue::N(now.epoch_seconds().to_string()));
        self.put(Table::Locks, &lease(project, lane, owner, now, seconds), free_or_mine).await
    }

    /// The lease as it is now; `None` when nobody holds it.
    pub async fn lease(&self, project: &ProjectId, lane: Lane) -> Result<Option<Lease>, StoreError> {
        let lease: Option<Lease> = self.get(Table::Locks, ("project_id", &lane.key(project))).await?;
        // Expired rows stay until the table's TTL takes them.
        Ok(lease.filter(|lease| lease.ttl >= Time::now().epoch_seconds()))
    }

    /// Takes the lease from an owner who cannot use it any more. A conflict means that it is not that owner's.
    pub async fn take_over(
        &self,
        project: &ProjectId,
        lane: Lane,
        from: &RequestId,
        owner: &Request,
        seconds: u64,
    ) -> Result<(), StoreError> {
        let still_theirs = Condition::new("lock_id = :from").value(":from", text(from.as_str()));
        let lease = lease(project, lane, &owner.request_id, Time::now(), seconds);
        let entry = Entry::new(EventKind::LeaseTakenOver, Actor::bouncer(), owner).because(format!("from {from}"));
        Ok(self.write_recorded(&[self.put_part(Table::Locks, &lease, still_theirs)?], entry).await?)
    }

    /// Gives the lease back; one that is another owner's, or gone, stays as it is.
    pub async fn release(&self, project: &ProjectId, lane: Lane, owner: &RequestId) -> Result<(), StoreError> {
        let name = self.table(Table::Locks);
        let outcome = self
            .client
            .delete_item()
            .table_name(&name)
            .key("project_id", text(lane.key(project)))
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

fn lease(project: &ProjectId, lane: Lane, owner: &RequestId, now: Time, seconds: u64) -> Lease {
    Lease {
        project_id: lane.key(project),
        lock_id: owner.clone(),
        locked_at: now,
        ttl: now.plus_seconds(seconds).epoch_seconds(),
    }
}
