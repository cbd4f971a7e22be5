//! The rules that let a request run without a decision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What let a request run although nobody was asked. Stored with the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The work changes nothing that anybody gets.
    Maintenance,
    /// The project's `auto_code`: the template has no change that a human must see.
    AutoCode,
    /// The project's `auto_all`.
    AutoAll,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Maintenance => "maintenance",
            Rule::AutoCode => "deploy_mode auto_code",
            Rule::AutoAll => "deploy_mode auto_all",
        })
    }
}
