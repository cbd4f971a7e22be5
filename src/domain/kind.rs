//! The name of a kind of request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Names a kind of request, as records and answers do: `frontend_deploy`. Which kinds there are, only the registry says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct KindName(Cow<'static, str>);

impl KindName {
    /// Makes the name of a kind of this program.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Returns the word in records and answers.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for KindName {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
