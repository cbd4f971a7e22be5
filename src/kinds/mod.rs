//! The kinds of requests, one folder each. Nothing else names them. `site` and `stack` are no kinds: they hold what the
//! kinds that work on a site, or on a stack, share.

pub mod backend_deploy;
pub mod frontend_deploy;
pub mod frontend_maintenance;
pub mod infrastructure_change;
pub mod site;
pub mod stack;
pub mod upload;

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
