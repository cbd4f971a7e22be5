//! The DynamoDB tables as typed repositories. Conditional writes live here and nowhere else.

pub mod audit;
pub mod bucket_locks;
pub mod commit_claims;
pub mod coordination;
pub mod error;
pub mod executions;
pub mod history;
mod items;
pub mod keys;
pub mod passes;
pub mod projects;
mod releases;
pub mod requests;
pub mod summary;
pub mod tables;

use aws_sdk_dynamodb::Client;
pub use error::StoreError;
use std::sync::Arc;
pub use tables::Table;

/// The tables behind one DynamoDB endpoint. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    prefix: String,
    renamed: Vec<(Table, String)>,
    /// Whoever of this process writes an audit event holds the chain's end.
    end: Arc<audit::End>,
}

impl Store {
    /// Over a client, with the prefix of every table's name (default `bouncer-`).
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into(), renamed: Vec::new(), end: Arc::default() }
    }

    /// Gives one table a full name of its own.
    #[must_use]
    pub fn with_table(mut self, table: Table, name: impl Into<String>) -> Self {
        self.renamed.retain(|(renamed, _)| *renamed != table);
        self.renamed.push((table, name.into()));
        self
    }

    /// The full name of a table.
    pub fn table(&self, table: Table) -> String {
        match self.renamed.iter().find(|(renamed, _)| *renamed == table) {
            Some((_, name)) => name.clone(),
            None => format!("{}{}", self.prefix, table.suffix()),
        }
    }
}
