//! What the kinds that work on a CloudFormation stack share: their plans, the record of a running deploy, and the state
//! machine that both wait in. No kind itself.

pub(crate) mod assessment;
pub(crate) mod budget;
pub(crate) mod card;
pub mod plan;
pub(crate) mod question;
pub(crate) mod review;
pub mod run;
pub(crate) mod task;

use crate::requests::engine::Machine;

/// The state machine of a backend deploy, which also asks about infrastructure changes.
pub const MACHINE: Machine =
    Machine { name: "deploy", definition: include_str!("../../../statemachines/deploy.asl.json") };
