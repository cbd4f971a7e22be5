//! Where the log of a build is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stream of CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // The names say it.
pub struct LogPlace {
    pub group: String,
    pub stream: String,
}
