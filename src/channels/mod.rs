//! Where approvers are asked. A channel delivers a prompt and changes it as the request goes on; it decides nothing and
//! knows no records.

pub mod telegram;

use crate::domain::channel::ChannelName;
use crate::domain::prompt::{Delivery, Prompt};
use async_trait::async_trait;

/// Why a channel did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It could not be reached, or wants to be left alone for a while; the same call may succeed later.
    #[error("{channel} cannot be reached: {reason}")]
    Unavailable {
        /// The channel's name.
        channel: ChannelName,
        /// What it said. Never holds a token or an address with one.
        reason: String,
    },
    /// It refuses, and would again.
    #[error("{channel} refused: {reason}")]
    Refused {
        /// The channel's name.
        channel: ChannelName,
        /// What it said.
        reason: String,
    },
}

/// One way to ask approvers. Calls are bounded in time, and each retries what is worth retrying by itself.
#[async_trait]
pub trait Channel: Send + Sync {
    /// The channel's name in records: "telegram".
    fn name(&self) -> ChannelName;

    /// Whether it works, in a sentence for whoever runs the installation.
    async fn check(&self) -> Result<String, ChannelError>;

    /// Asks the approvers. Returns one delivery for each place that was reached.
    ///
    /// # Errors
    /// Fails when none was reached.
    async fn deliver(&self, prompt: &Prompt) -> Result<Vec<Delivery>, ChannelError>;

    /// Makes a delivered prompt say how the request stands now. A prompt that says so already is left alone.
    async fn update(&self, delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError>;

    /// Reminds of a prompt that nobody has decided, naming its true expiry.
    async fn remind(&self, delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError>;
}
