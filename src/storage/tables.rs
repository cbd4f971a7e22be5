//! The tables' names, keys and indexes, for the local profile, which makes them itself.
//! On AWS `infra/template.yaml` makes the same ones.

use super::{Store, StoreError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};

/// A table of Bouncer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Projects and the pointer to each one's current release. Key `project_id`.
    Projects,
    /// Requests for approvals and uploads. Key `request_id`; index `status-index` by `status`, `created_at`.
    Requests,
    /// Deploys. Key `deploy_id`; index `project-time-index` by `project_id`, `started_at`.
    History,
    /// Leases on projects. Key `project_id`.
    Locks,
    /// API keys by the hash of their secret. Key `key_hash`.
    Keys,
    /// The chain of audit events. Key `chain_id`, `sequence`.
    Audit,
    /// Executions of the local engine. Key `name`; index `status-index` by `status`, `started_at`.
    Executions,
}

impl Table {
    /// Every table.
    pub const ALL: [Table; 7] =
        [Table::Projects, Table::Requests, Table::History, Table::Locks, Table::Keys, Table::Audit, Table::Executions];

    /// The tables that a profile uses; those of the local engine are not on AWS.
    pub fn used(with_local_engine: bool) -> impl Iterator<Item = Table> {
        Self::ALL.into_iter().filter(move |table| with_local_engine || *table != Table::Executions)
    }

    /// The table's name without the prefix.
    pub fn suffix(self) -> &'static str {
        match self {
            Table::Projects => "projects",
            Table::Requests => "requests",
            Table::History => "deploy-history",
            Table::Locks => "deploy-locks",
            Table::Keys => "keys",
            Table::Audit => "audit",
            Table::Executions => "executions",
        }
    }

    /// The partition key, a text.
    pub fn key(self) -> &'static str {
        match self {
            Table::Projects | Table::Locks => "project_id",
            Table::Requests => "request_id",
            Table::History => "deploy_id",
            Table::Keys => "key_hash",
            Table::Audit => "chain_id",
            Table::Executions => "name",
        }
    }

    /// The sort key, a number, where the table has one.
    pub fn sort_key(self) -> Option<&'static str> {
        (self == Table::Audit).then_some("sequence")
    }

    /// Name, partition key and sort key of the table's index. The keys are texts.
    pub fn index(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Table::Requests => Some(("status-index", "status", "created_at")),
            Table::History => Some(("project-time-index", "project_id", "started_at")),
            Table::Executions => Some(("status-index", "status", "started_at")),
            Table::Projects | Table::Locks | Table::Keys | Table::Audit => None,
        }
    }
}

impl Store {
    /// Makes the tables that are not there yet. For the local profile.
    pub async fn create_missing_tables(&self) -> Result<(), StoreError> {
        for table in Table::ALL {
            if !self.is_there(table).await? {
                self.create(table, &self.table(table)).await?;
            }
        }
        Ok(())
    }

    /// Whether a table is there and can be asked about.
    pub async fn is_there(&self, table: Table) -> Result<bool, StoreError> {
        let name = &self.table(table);
        match self.client.describe_table().table_name(name).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(false),
            Err(error) => Err(StoreError::from_sdk(name, error)),
        }
    }

    async fn create(&self, table: Table, name: &str) -> Result<(), StoreError> {
        let bad = |error: aws_sdk_dynamodb::error::BuildError| StoreError::unreadable(name, error);
        let key = |attribute: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build().map_err(bad)
        };
        let attribute = |attribute: &str, kind: ScalarAttributeType| {
            AttributeDefinition::builder().attribute_name(attribute).attribute_type(kind).build().map_err(bad)
        };
        let text = |name: &str| attribute(name, ScalarAttributeType::S);
        let mut request = self
            .client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(text(table.key())?)
            .key_schema(key(table.key(), KeyType::Hash)?);
        if let Some(sort) = table.sort_key() {
            request = request
                .attribute_definitions(attribute(sort, ScalarAttributeType::N)?)
                .key_schema(key(sort, KeyType::Range)?);
        }
        if let Some((index, partition, sort)) = table.index() {
            request = request
                .attribute_definitions(text(partition)?)
                .attribute_definitions(text(sort)?)
                .global_secondary_indexes(
                    GlobalSecondaryIndex::builder()
                        .index_name(index)
                        .key_schema(key(partition, KeyType::Hash)?)
                        .key_schema(key(sort, KeyType::Range)?)
                        .projection(Projection::builder().projection_type(ProjectionType::All).build())
                        .build()
                        .map_err(bad)?,
                );
        }
        match request.send().await {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {}
            Err(error) => return Err(StoreError::from_sdk(name, error)),
        }
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl").build().map_err(bad)?;
        self.client
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(name, error))?;
        Ok(())
    }
}
