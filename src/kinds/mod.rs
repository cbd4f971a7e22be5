//! The kinds of requests, one folder each.

pub mod backend_deploy;
pub mod frontend_deploy;
pub mod frontend_maintenance;
pub mod infrastructure_change;
pub mod upload;
