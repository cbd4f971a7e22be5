//! Thin adapters over the AWS SDK, in Bouncer's own types: no type of the SDK leaves this folder or `storage`.

pub mod builds;
pub mod cdn;
pub mod error;
pub mod logs;
pub mod objects;
pub mod roles;
pub mod secrets;
mod settings;
pub mod sites;
pub mod stacks;
pub mod workflows;

pub use settings::{
    BackendServices, CallerIdentity, Endpoints, NoRegion, Services, Storage, backend_from_environment,
    from_environment, local, records_from_environment, secrets_from_environment,
};
