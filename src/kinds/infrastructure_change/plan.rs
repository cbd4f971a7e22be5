//! The kind's name and its plan, which it shares with the other kinds of a stack.

use crate::domain::kind::KindName;

pub use crate::kinds::stack::plan::InfrastructurePlan;

/// The kind's name in records and answers.
pub const NAME: KindName = KindName::new("infrastructure_change");
