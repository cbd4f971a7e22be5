//! The surfaces on which approvers are asked and decide.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a surface, and so how it was verified who decided there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelName {
    /// A call with an API key.
    Http,
    /// The web page, with a session of an API key.
    Web,
    /// A Telegram account.
    Telegram,
}

impl ChannelName {
    /// Returns the word in records and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelName::Http => "http",
            ChannelName::Web => "web",
            ChannelName::Telegram => "telegram",
        }
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
