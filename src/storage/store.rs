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
    renamed: Vec<(Table, String)>,
    /// The end of the audit chain as this process saw it last. Whoever appends an event locks it.
    pub(super) chain_end: Arc<Mutex<Option<Link>>>,
}

impl Store {
    /// Uses a client, and a prefix for the name of every table (by default `bouncer-`).
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into(), renamed: Vec::new(), chain_end: Arc::default() }
    }

    /// Gives one table another full name.
    #[must_use]
    pub fn with_table(mut self, table: Table, name: impl Into<String>) -> Self {
        self.renamed.retain(|(renamed, _)| *renamed != table);
        self.renamed.push((table, name.into()));
        self
    }

    /// Returns the full name of a table.
    pub fn table(&self, table: Table) -> String {
        match self.renamed.iter().find(|(renamed, _)| *renamed == table) {
            Some((_, name)) => name.clone(),
            None => format!("{}{}", self.prefix, table.suffix()),
        }
    }
}
