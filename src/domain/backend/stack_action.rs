//! The operations that a deploy performs on a stack.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An operation on a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are CloudFormation's own.
pub enum StackAction {
    Create,
    Update,
    Import,
    Delete,
}

impl StackAction {
    /// Lists every operation.
    pub const ALL: [StackAction; 4] =
        [StackAction::Create, StackAction::Update, StackAction::Import, StackAction::Delete];
}
