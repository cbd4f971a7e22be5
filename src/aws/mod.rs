//! Thin adapters over the AWS SDK. They answer the questions the use cases ask, in our own types; no SDK type
//! leaves this folder or `store`.

pub mod artifacts;
pub mod builds;
pub mod call;
pub mod cdn;
pub mod logs;
pub mod objects;
pub mod roles;
pub mod secrets;
mod settings;
pub mod sites;
pub mod stacks;
pub mod workflows;

pub use settings::{
    BackendServices, Endpoints, Identity, Services, Storage, backend_from_environment, from_environment, local,
    secrets_from_environment,
};
