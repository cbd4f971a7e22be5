//! The handle on the tables that every repository extends.

use super::tables::Table;
use crate::domain::audit::Link;
use aws_sdk_dynamodb::Client;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The tables behind one DynamoDB endpoint. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(super) client: Client,
    prefix: String,
    /// The end of the audit chain as this process saw it last. Whoever appends an event locks it.
    pub(super) chain_end: Arc<Mutex<Option<Link>>>,
}

impl Store {
    /// Uses a client, and a prefix for the name of every table (by default `bouncer-`).
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into(), chain_end: Arc::default() }
    }

    /// Returns the full name of a table.
    pub fn table(&self, table: Table) -> String {
        format!("{}{}", self.prefix, table.suffix())
    }
}
