//! What the kinds that work on a site's bucket share: plans, the lease, moving and removing files, and the report.

pub(crate) mod delete_files;
pub(crate) mod large;
pub mod plan;
pub(crate) mod progress;
pub(crate) mod prune;
pub(crate) mod report;
pub(crate) mod sweep;
pub(crate) mod transfer;
pub(crate) mod work;

use crate::requests::engine::Machine;

/// The state machine of every kind that works on a site.
pub const MACHINE: Machine =
    Machine { name: "frontend_deploy", definition: include_str!("../../../statemachines/frontend_deploy.asl.json") };
