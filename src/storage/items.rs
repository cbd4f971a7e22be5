//! Typed access to rows: the few DynamoDB calls that every repository is made of.

use super::error::StoreError;
use super::store::Store;
use super::tables::Table;
use crate::domain::error::chain;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeSet, HashMap};

/// A row in the form of DynamoDB.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The condition of a write: an expression over names (`#x`) and values (`:x`) of its own.
#[derive(Default)]
pub(super) struct Condition {
    expression: String,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    pub(super) fn new(expression: impl Into<String>) -> Self {
        Self { expression: expression.into(), ..Self::default() }
    }

    pub(super) fn name(mut self, placeholder: &str, attribute: &str) -> Self {
        self.names.push((placeholder.into(), attribute.into()));
        self
    }

    pub(super) fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.push((placeholder.into(), value));
        self
    }
}

/// Makes a string attribute.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// The expressions of a write, in the form that a single request and a part of a transaction share.
struct Expressions {
    update: Option<String>,
    condition: String,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Expressions {
    fn new(attributes: &[(&String, Option<&AttributeValue>)], condition: Condition) -> Self {
        let (mut names, mut values): (HashMap<_, _>, HashMap<_, _>) =
            (condition.names.into_iter().collect(), condition.values.into_iter().collect());
        let (mut sets, mut removes) = (Vec::new(), Vec::new());
        for (index, (attribute, value)) in attributes.iter().enumerate() {
            names.insert(format!("#a{index}"), (*attribute).clone());
            match value {
                Some(value) => {
                    sets.push(format!("#a{index} = :a{index}"));
                    values.insert(format!(":a{index}"), (*value).clone());
                }
                None => removes.push(format!("#a{index}")),
            }
        }
        let mut update = String::new();
        if !sets.is_empty() {
            update.push_str(&format!("SET {} ", sets.join(", ")));
        }
        if !removes.is_empty() {
            update.push_str(&format!("REMOVE {}", removes.join(", ")));
        }
        Self {
            update: (!update.is_empty()).then_some(update),
            condition: condition.expression,
            // An empty map is not accepted.
            names: (!names.is_empty()).then_some(names),
            values: (!values.is_empty()).then_some(values),
        }
    }
}

impl Store {
    pub(super) fn encode<T: Serialize>(&self, table: Table, row: &T) -> Result<Item, StoreError> {
        serde_dynamo::to_item(row).map_err(|error| StoreError::invalid_request(&self.table(table), error))
    }

    pub(super) fn encode_value<T: Serialize + ?Sized>(
        &self,
        table: Table,
        value: &T,
    ) -> Result<AttributeValue, StoreError> {
        serde_dynamo::to_attribute_value(value).map_err(|error| StoreError::invalid_request(&self.table(table), error))
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, table: Table, item: Item) -> Result<T, StoreError> {
        serde_dynamo::from_item(item).map_err(|error| StoreError::unreadable(&self.table(table), error))
    }

    /// Decodes a row of a list. An unreadable one is logged and left out: it must not hide all the others.
    pub(super) fn decode_listed<T: DeserializeOwned>(&self, table: Table, item: Item) -> Option<T> {
        let decoded = self.decode(table, item);
        decoded
            .inspect_err(|error| tracing::error!(error = chain(error), "an unreadable row is left out of a list"))
            .ok()
    }

    /// Reads one row, consistently.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        table: Table,
        key: (&str, &str),
    ) -> Result<Option<T>, StoreError> {
        self.get_item(table, key).await?.map(|item| self.decode(table, item)).transpose()
    }

    /// Reads one row, consistently, without decoding it.
    pub(super) async fn get_item(&self, table: Table, key: (&str, &str)) -> Result<Option<Item>, StoreError> {
        self.read(table, key, None, None).await
    }

    /// Reads some attributes of one row, consistently; `names` resolves the placeholders of the expression.
    pub(super) async fn get_part(
        &self,
        table: Table,
        key: (&str, &str),
        expression: &str,
        names: Option<HashMap<String, String>>,
    ) -> Result<Option<Item>, StoreError> {
        self.read(table, key, Some(expression.to_owned()), names).await
    }

    async fn read(
        &self,
        table: Table,
        key: (&str, &str),
        expression: Option<String>,
        names: Option<HashMap<String, String>>,
    ) -> Result<Option<Item>, StoreError> {
        let name = self.table(table);
        let answer = self
            .client
            .get_item()
            .table_name(&name)
            .key(key.0, text(key.1))
            .set_projection_expression(expression)
            .set_expression_attribute_names(names)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_read(&name, error))?;
        Ok(answer.item)
    }

    /// Writes a whole row if the condition holds.
    pub(super) async fn put<T: Serialize>(
        &self,
        table: Table,
        row: &T,
        condition: Condition,
    ) -> Result<(), StoreError> {
        let name = self.table(table);
        let item = self.encode(table, row)?;
        let Expressions { condition, names, values, .. } = Expressions::new(&[], condition);
        self.client
            .put_item()
            .table_name(&name)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of_write(&name, error))
    }

    /// Makes [`Store::put`] a part of a transaction.
    pub(super) fn put_part<T: Serialize>(
        &self,
        table: Table,
        row: &T,
        condition: Condition,
    ) -> Result<TransactWriteItem, StoreError> {
        let name = self.table(table);
        let Expressions { condition, names, values, .. } = Expressions::new(&[], condition);
        let put = Put::builder()
            .table_name(&name)
            .set_item(Some(self.encode(table, row)?))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
            .map_err(|error| StoreError::invalid_request(&name, error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Writes the attributes in which two versions of a row differ, if the condition holds. Attributes that neither version
    /// has stay as they are.
    pub(super) async fn update<T: Serialize>(
        &self,
        table: Table,
        key: (&str, &str),
        before: &T,
        after: &T,
        condition: Condition,
    ) -> Result<(), StoreError> {
        let (before, after) = (self.encode(table, before)?, self.encode(table, after)?);
        self.set(table, key, &difference(&before, &after), condition).await
    }

    /// Sets attributes of a row, and removes those without a value, if the condition holds.
    pub(super) async fn set(
        &self,
        table: Table,
        key: (&str, &str),
        attributes: &[(&String, Option<&AttributeValue>)],
        condition: Condition,
    ) -> Result<(), StoreError> {
        let name = self.table(table);
        let Expressions { update, condition, names, values } = Expressions::new(attributes, condition);
        self.client
            .update_item()
            .table_name(&name)
            .key(key.0, text(key.1))
            .set_update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of_write(&name, error))
    }

    /// Makes [`Store::set`] a part of a transaction.
    pub(super) fn set_part(
        &self,
        table: Table,
        key: (&str, &str),
        attributes: &[(&String, Option<&AttributeValue>)],
        condition: Condition,
    ) -> Result<TransactWriteItem, StoreError> {
        let name = self.table(table);
        let Expressions { update, condition, names, values } = Expressions::new(attributes, condition);
        let update = Update::builder()
            .table_name(&name)
            .key(key.0, text(key.1))
            .set_update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
            .map_err(|error| StoreError::invalid_request(&name, error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Deletes a row if the condition holds.
    pub(super) async fn delete(&self, table: Table, key: (&str, &str), condition: Condition) -> Result<(), StoreError> {
        let name = self.table(table);
        let Expressions { condition, names, values, .. } = Expressions::new(&[], condition);
        self.client
            .delete_item()
            .table_name(&name)
            .key(key.0, text(key.1))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of_write(&name, error))
    }

    /// Makes a condition on a row a part of a transaction.
    pub(super) fn check_part(
        &self,
        table: Table,
        key: (&str, &str),
        condition: Condition,
    ) -> Result<TransactWriteItem, StoreError> {
        let name = self.table(table);
        let Expressions { condition, names, values, .. } = Expressions::new(&[], condition);
        let check = ConditionCheck::builder()
            .table_name(&name)
            .key(key.0, text(key.1))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
            .map_err(|error| StoreError::invalid_request(&name, error))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Returns rows of an index partition in the order of its sort key, at most `limit`.
    pub(super) async fn query_index<T: DeserializeOwned>(
        &self,
        table: Table,
        index: &str,
        partition: (&str, &str),
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let name = self.table(table);
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let page_size = i32::try_from((limit - rows.len()).min(1000)).unwrap_or(1000);
            let page = self
                .client
                .query()
                .table_name(&name)
                .index_name(index)
                .key_condition_expression("#p = :p")
                .expression_attribute_names("#p", partition.0)
                .expression_attribute_values(":p", text(partition.1))
                .scan_index_forward(!newest_first)
                .limit(page_size)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::of_read(&name, error))?;
            rows.extend(page.items.unwrap_or_default().into_iter().filter_map(|item| self.decode_listed(table, item)));
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }

    /// Returns rows of an index partition within a range of its sort key, the last first, at most `limit` and one page.
    pub(super) async fn query_span<T: DeserializeOwned>(
        &self,
        table: Table,
        index: &str,
        partition: (&str, &str),
        span: (&str, String, String),
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let name = self.table(table);
        let page = self
            .client
            .query()
            .table_name(&name)
            .index_name(index)
            .key_condition_expression("#p = :p AND #s BETWEEN :from AND :until")
            .expression_attribute_names("#p", partition.0)
            .expression_attribute_names("#s", span.0)
            .expression_attribute_values(":p", text(partition.1))
            .expression_attribute_values(":from", text(span.1))
            .expression_attribute_values(":until", text(span.2))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.min(1000)).unwrap_or(1000))
            .send()
            .await
            .map_err(|error| StoreError::of_read(&name, error))?;
        let rows = page.items.unwrap_or_default().into_iter();
        Ok(rows.filter_map(|item| self.decode_listed(table, item)).collect())
    }

    /// Returns all rows of a small table.
    pub(super) async fn scan<T: DeserializeOwned>(&self, table: Table) -> Result<Vec<T>, StoreError> {
        Ok(self.scan_items(table).await?.into_iter().filter_map(|item| self.decode_listed(table, item)).collect())
    }

    /// Returns all rows of a small table without decoding them.
    pub(super) async fn scan_items(&self, table: Table) -> Result<Vec<Item>, StoreError> {
        let name = self.table(table);
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&name)
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::of_read(&name, error))?;
            rows.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(rows);
            }
        }
    }
}

/// Returns the attributes in which two versions of a row differ, with their later values.
pub(super) fn difference<'a>(before: &'a Item, after: &'a Item) -> Vec<(&'a String, Option<&'a AttributeValue>)> {
    let attributes: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    attributes
        .into_iter()
        .filter(|attribute| before.get(*attribute) != after.get(*attribute))
        .map(|attribute| (attribute, after.get(attribute)))
        .collect()
}
