//! What an approver is asked, in parts. A channel turns it into its own form; no part of it is markup.

use super::card::Card;
use super::channel::ChannelName;
use super::hint::Hint;
use super::ids::{DeployId, ProjectId, RequestId};
use super::kind::KindName;
use super::phrase::Phrase;
use super::request::Verdict;
use super::time::Time;
use serde::{Deserialize, Serialize};

/// What an approver is shown of a request, as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The request.
    pub request_id: RequestId,
    /// The kind of the request.
    pub action: KindName,
    /// One word for it: "Site".
    pub label: Phrase,
    /// Who asks, in their own words.
    pub source: Option<String>,
    /// The name of the key that asks.
    pub caller: String,
    /// The project.
    pub project: Option<ProjectId>,
    /// The deploy it leads to.
    pub deploy_id: Option<DeployId>,
    /// What would be done.
    pub card: Card,
    /// Why.
    pub reason: Option<String>,
    /// When it was asked.
    pub created_at: Time,
    /// Until when it can be decided.
    pub expires_at: Time,
    /// The address of the request's page, where there is one.
    pub page: Option<String>,
    /// Where the request stands.
    pub stage: Stage,
}

/// Where a request stands, as far as a prompt tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Waits. The verdicts are the buttons.
    Asking {
        /// What can be decided; a decision that is not among these is refused.
        offered: Vec<Verdict>,
        /// Who has approved so far, where more than one must.
        approved_by: Vec<String>,
        /// How many must approve.
        approvals_required: u32,
    },
    /// Decided or running: the buttons are gone.
    Running {
        /// Who decided.
        decided_by: Option<String>,
        /// The sentence of `progress_hint`.
        hint: Option<Hint>,
    },
    /// Over.
    Ended {
        /// How.
        outcome: Outcome,
        /// Who decided, or withdrew it.
        decided_by: Option<String>,
        /// The root cause, the release, or what else there is to say, in a sentence.
        detail: Option<String>,
    },
}

/// How a request ended, for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names are those of the request's states.
pub enum Outcome {
    Completed,
    Failed,
    PartlyDeployed,
    Denied,
    Expired,
    Cancelled,
}

/// Where a prompt was delivered, so that it can be changed later. Kept with the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The channel's name.
    pub channel: ChannelName,
    /// What the channel needs to find the message again: for Telegram "CHAT/MESSAGE".
    pub message: String,
}
