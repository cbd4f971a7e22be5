//! Records and documents as typed repositories: the DynamoDB tables, and the staging bucket.
//!
//! Conditional writes live here and nowhere else.

pub mod audit;
pub mod bucket_locks;
pub mod commit_claims;
pub mod coordination;
pub mod documents;
pub mod error;
pub mod executions;
pub mod history;
mod items;
pub mod keys;
mod leases;
pub mod passes;
pub mod projects;
mod releases;
pub mod requests;
mod store;
pub mod summary;
mod table_setup;
pub mod tables;

pub use documents::Documents;
pub use error::StoreError;
pub use store::Store;
pub use tables::Table;
