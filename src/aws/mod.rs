//! Thin adapters over the AWS SDK. They answer the questions the use cases ask, in our own types; no SDK type
//! leaves this folder or `store`.

pub mod objects;
mod settings;

pub use settings::{Endpoints, NoRegion, StoreOptions, local, store_from_environment};
