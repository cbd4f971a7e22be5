//! Thin adapters over the AWS SDK. They answer the questions the use cases ask, in our own types; no SDK type
//! leaves this folder or `store`.

pub mod cdn;
pub mod objects;
pub mod secrets;
mod settings;
pub mod sites;
pub mod workflows;

pub use settings::{
    Endpoints, Identity, NoRegion, Services, Storage, StoreOptions, from_environment, local, store_from_environment,
};
