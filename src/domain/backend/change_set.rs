//! Whether a change set creates a stack or updates one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a change set does to its stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are CloudFormation's own.
pub enum ChangeSetKind {
    Create,
    Update,
}
