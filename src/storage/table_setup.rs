//! Looks for tables, and creates them for the local profile. On AWS `infra/template.yaml` does.

use super::error::StoreError;
use super::store::Store;
use super::tables::Table;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};

impl Store {
    /// Creates the tables that do not exist yet.
    pub async fn create_missing_tables(&self) -> Result<(), StoreError> {
        for table in Table::ALL {
            if !self.has_table(table).await? {
                self.create(table, &self.table(table)).await?;
            }
        }
        Ok(())
    }

    /// Returns whether a table exists.
    pub async fn has_table(&self, table: Table) -> Result<bool, StoreError> {
        let name = &self.table(table);
        match self.client.describe_table().table_name(name).send().await {
            Ok(_) => Ok(true),
            Err(error) => match StoreError::of_read(name, error) {
                error if error.is_missing_table() => Ok(false),
                error => Err(error),
            },
        }
    }

    async fn create(&self, table: Table, name: &str) -> Result<(), StoreError> {
        let invalid = |error: BuildError| StoreError::invalid_request(name, error);
        let key = |attribute: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build().map_err(invalid)
        };
        let attribute = |attribute: &str, kind: ScalarAttributeType| {
            AttributeDefinition::builder().attribute_name(attribute).attribute_type(kind).build().map_err(invalid)
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
                        .map_err(invalid)?,
                );
        }
        match request.send().await {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {}
            Err(error) => return Err(StoreError::of_write(name, error)),
        }
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl").build().map_err(invalid)?;
        self.client
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map_err(|error| StoreError::of_write(name, error))?;
        Ok(())
    }
}
