//! The one error a user sees: a code, a sentence, and what to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An error and what caused it, as one line for the log. Only what the errors say of themselves: their debug form may
/// hold whole answers of other services.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text.chars().take(1000).collect()
}

/// The codes of the tools' contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are the contract's own words.
pub enum ErrorCode {
    MissingParam,
    InvalidParam,
    ValidationError,
    UnknownProject,
    ProjectDisabled,
    Conflict,
    NotFound,
    Forbidden,
    RateLimited,
    PendingLimitExceeded,
    NotificationFailed,
    PreflightFailed,
    UpstreamError,
    SystemError,
}

/// What went wrong, in words for the person or agent who asked. Never holds internal error text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct UserError {
    /// The kind, for programs.
    pub code: ErrorCode,
    /// One sentence that names the thing.
    pub message: String,
    /// The way out.
    pub suggestion: String,
    /// `status` of the answer where the contract gives another word than "error".
    pub status: &'static str,
    /// Further members of the answer, such as `available_projects`.
    pub details: Map<String, Value>,
}

impl UserError {
    /// An error of a kind with its sentence and the way out.
    pub fn new(code: ErrorCode, message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self { code, message: message.into(), suggestion: suggestion.into(), status: "error", details: Map::new() }
    }

    /// An argument that has a value, but not one that is accepted.
    pub fn invalid(parameter: &str, message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParam, message, suggestion).with("parameter", json!(parameter))
    }

    /// A required argument that is absent or blank.
    pub fn missing(parameter: &str) -> Self {
        Self::new(
            ErrorCode::MissingParam,
            format!("The argument '{parameter}' is required and must not be blank."),
            format!("Call again with '{parameter}'."),
        )
        .with("parameter", json!(parameter))
    }

    /// Content that breaks a rule.
    pub fn validation(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationError, message, suggestion)
    }

    /// Something that does not exist, or that this caller may not see.
    pub fn not_found(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message, suggestion)
    }

    /// A failure of Bouncer itself; the cause is in its log.
    pub fn system() -> Self {
        Self::new(
            ErrorCode::SystemError,
            "Bouncer could not finish this because of a fault of its own.",
            "Try again; if it stays, look into the server's log.",
        )
    }

    /// Adds a member to the answer.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    /// Uses another word than "error" as the answer's `status`.
    #[must_use]
    pub fn with_status(mut self, status: &'static str) -> Self {
        self.status = status;
        self
    }

    /// The answer object.
    pub fn to_json(&self) -> Value {
        let mut answer = Map::new();
        answer.insert("status".into(), json!(self.status));
        answer.insert("error_code".into(), json!(self.code));
        answer.insert("error".into(), json!(self.message));
        answer.insert("suggestion".into(), json!(self.suggestion));
        answer.extend(self.details.clone());
        Value::Object(answer)
    }
}
