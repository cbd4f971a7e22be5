//! Connects to the tables of an installation from outside of it.

use super::store::Store;
use super::tables::Table;
use crate::aws::{NoRegion, records_from_environment};

/// The location of the tables, beyond the standard AWS settings.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// The DynamoDB endpoint, instead of the environment's or AWS's own.
    pub endpoint_url: Option<String>,
    /// The region, instead of the environment's or the AWS profile's.
    pub region: Option<String>,
    /// The full name of the projects table.
    pub projects_table: String,
}

impl Store {
    /// Connects with the credentials, region and endpoint of the standard AWS settings (environment and shared files).
    ///
    /// # Errors
    ///
    /// [`NoRegion`] when no region is set anywhere.
    pub async fn from_environment(options: &StoreOptions) -> Result<Self, NoRegion> {
        let client = records_from_environment(options.endpoint_url.as_deref(), options.region.as_deref()).await?;
        // The tables of an installation share a prefix.
        let prefix = options.projects_table.strip_suffix(Table::Projects.suffix()).unwrap_or("bouncer-");
        Ok(Store::new(client, prefix).with_table(Table::Projects, &options.projects_table))
    }
}
