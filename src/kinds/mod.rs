//! The kinds of requests, one folder each. Nothing else names them.

mod backend_deploy;
mod frontend_deploy;
mod frontend_maintenance;
mod infrastructure_change;
mod upload;

use crate::requests::kind::Kinds;

/// Every kind of the program: a new kind is one line here.
pub const KINDS: Kinds = Kinds::new(&[
    &frontend_deploy::FrontendDeploy,
    &frontend_maintenance::FrontendAdopt,
    &frontend_maintenance::FrontendPrune,
    &backend_deploy::BackendDeploy,
    &infrastructure_change::InfrastructureChange,
    &upload::Upload,
]);
