//! How a request ended.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a request ended: what every surface shows, and the result that its kind defines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether part of the work took effect although the request failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// One sentence: why it failed, or what is in effect now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// The `result` of `bouncer_status`, in the shape that the kind documents.
    pub result: Value,
}

impl Outcome {
    /// Makes the outcome of work that was done.
    ///
    /// # Errors
    /// Fails when the result cannot be written as JSON.
    pub fn of<R: Serialize>(result: &R, sentence: Option<String>) -> Result<Self, serde_json::Error> {
        Ok(Self { partial: false, sentence, result: serde_json::to_value(result)? })
    }
}
