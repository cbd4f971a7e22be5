//! `bouncer-executions`: the executions of the local engine.
//!
//! A row holds a snapshot. Every write is conditional on the revision that was read, so of two writers that change an
//! execution at the same time, one has to read it again.

use super::error::StoreError;
use super::store::Store;
use super::tables::Table;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The status of an execution that has not ended.
pub const RUNNING: &str = "RUNNING";

/// How long ended executions are kept, in seconds: 90 days, as in Step Functions.
const KEPT_SECONDS: i64 = 90 * 24 * 60 * 60;

const SCHEMA_VERSION: u32 = 1;

/// A row of the executions table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRow {
    /// The key: the machine's name, a colon, and the execution's name.
    pub name: String,
    /// `RUNNING`, or how it ended, as Step Functions calls it.
    pub status: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The SHA-256 of its input as canonical JSON.
    pub input_hash: String,
    /// Its state, as JSON that only the engine interprets.
    pub snapshot: String,
    /// The state machine that it was started with, and that it keeps when Bouncer is updated.
    pub definition: String,
    /// Counts the writes.
    pub revision: u64,
    /// When the row expires, in seconds since 1970. Absent until the execution has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ttl: Option<i64>,
    schema_version: u32,
}

impl ExecutionRow {
    /// Makes the first row of an execution.
    pub fn new(name: String, started_at: Timestamp, input_hash: String, snapshot: String, definition: String) -> Self {
        Self {
            name,
            status: RUNNING.to_owned(),
            started_at,
            input_hash,
            snapshot,
            definition,
            revision: 1,
            ttl: None,
            schema_version: SCHEMA_VERSION,
        }
    }

    /// Makes the row that follows a step. Once the execution has ended, the row expires.
    #[must_use]
    pub fn followed_by(&self, status: &str, snapshot: String, now: Timestamp) -> Self {
        let ttl = (status != RUNNING).then(|| now.as_second() + KEPT_SECONDS);
        Self { status: status.to_owned(), snapshot, revision: self.revision + 1, ttl, ..self.clone() }
    }
}

impl Store {
    /// Stores the first row of an execution.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn create_execution(&self, row: &ExecutionRow) -> Result<(), StoreError> {
        let table = self.table(Table::Executions);
        let item: HashMap<String, AttributeValue> =
            serde_dynamo::to_item(row).map_err(|error| StoreError::invalid_request(&table, error))?;
        self.client
            .put_item()
            .table_name(&table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#name)")
            .expression_attribute_names("#name", "name")
            .send()
            .await
            .map_err(|error| StoreError::of_write(&table, error))?;
        Ok(())
    }

    /// Stores the next row of an execution.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] unless the stored revision is the one before.
    pub async fn update_execution(&self, row: &ExecutionRow) -> Result<(), StoreError> {
        let table = self.table(Table::Executions);
        let mut update = self
            .client
            .update_item()
            .table_name(&table)
            .key("name", AttributeValue::S(row.name.clone()))
            .condition_expression("#revision = :previous")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#snapshot", "snapshot")
            .expression_attribute_values(":previous", number(row.revision.saturating_sub(1)))
            .expression_attribute_values(":revision", number(row.revision))
            .expression_attribute_values(":status", AttributeValue::S(row.status.clone()))
            .expression_attribute_values(":snapshot", AttributeValue::S(row.snapshot.clone()));
        let mut change = "SET #revision = :revision, #status = :status, #snapshot = :snapshot".to_owned();
        if let Some(ttl) = row.ttl {
            change.push_str(", #ttl = :ttl");
            update = update.expression_attribute_names("#ttl", "ttl").expression_attribute_values(":ttl", number(ttl));
        }
        update.update_expression(change).send().await.map_err(|error| StoreError::of_write(&table, error))?;
        Ok(())
    }

    /// Reads the row of an execution, consistently.
    pub async fn execution(&self, name: &str) -> Result<Option<ExecutionRow>, StoreError> {
        let table = self.table(Table::Executions);
        let answer = self
            .client
            .get_item()
            .table_name(&table)
            .key("name", AttributeValue::S(name.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_read(&table, error))?;
        let row = answer.item.map(serde_dynamo::from_item::<_, ExecutionRow>).transpose();
        row.map_err(|error| StoreError::unreadable(&table, error))
    }

    /// Returns the names of the executions that have not ended, oldest first.
    pub async fn running_executions(&self) -> Result<Vec<String>, StoreError> {
        let table = self.table(Table::Executions);
        let mut pages = self
            .client
            .query()
            .table_name(&table)
            .index_name("status-index")
            .key_condition_expression("#status = :running")
            .projection_expression("#name")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":running", AttributeValue::S(RUNNING.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut names = Vec::new();
        while let Some(item) = pages.next().await {
            let mut item = item.map_err(|error| StoreError::of_read(&table, error))?;
            match item.remove("name") {
                Some(AttributeValue::S(name)) => names.push(name),
                _ => return Err(StoreError::unreadable(&table, "a row has no name")),
            }
        }
        Ok(names)
    }
}

fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
