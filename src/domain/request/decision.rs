//! What approvers and askers have said about a request.

use crate::domain::approver::Approver;
use crate::domain::channel::ChannelName;
use crate::domain::ids::{ApproverId, KeyId};
use crate::domain::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An approver's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Do it.
    Approve,
    /// Do not.
    Deny,
}

/// A decision as it is recorded: the first one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// Who decided.
    pub by: ApproverId,
    /// Their name at the time.
    pub by_name: String,
    /// Where, and so how it was verified who it is.
    pub channel: ChannelName,
    /// When.
    pub at: Time,
    /// The key of the same person, where it is known: two approvals need two people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_key: Option<KeyId>,
    /// Why, in the approver's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Tells presses of one approver in one millisecond apart: a number made up for each.
    #[serde(default)]
    pub press: u32,
}

impl Decision {
    /// Whether it is this person's.
    pub fn is_by(&self, approver: &Approver) -> bool {
        self.by == approver.id || self.by_key.as_ref().is_some_and(|key| approver.is_holder_of(key))
    }
}

/// The wish to stop a deploy, stored before anything is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Whose key asked.
    pub by: KeyId,
    /// That key's name at the time.
    pub by_name: String,
    /// When.
    pub at: Time,
}
