//! From the adapters' errors to the one a user sees. What they hold for the log goes to the log here.

use super::ports::{EngineError, TaskError};
use crate::aws::objects::ObjectError;
use crate::model::error::{ErrorCode, UserError};
use crate::store::StoreError;
use crate::store::requests::TransitionError;

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => UserError::new(
                ErrorCode::Conflict,
                "This was changed by someone else at the same moment.",
                "Look at its present state and try again.",
            ),
            StoreError::Unreadable { .. } => {
                tracing::error!(%error, "a record cannot be read");
                UserError::system()
            }
            StoreError::Unavailable { .. } => {
                tracing::error!(%error, "the record store is unavailable");
                UserError::new(
                    ErrorCode::SystemError,
                    "Bouncer cannot reach its records, so nothing was done.",
                    "Try again in a moment.",
                )
            }
        }
    }
}

impl From<ObjectError> for UserError {
    fn from(error: ObjectError) -> Self {
        tracing::error!(%error, "the object store failed");
        UserError::new(
            ErrorCode::UpstreamError,
            "The object storage did not do what was asked, so nothing was started.",
            "Try again in a moment; `bouncer doctor` tells whether the storage works.",
        )
    }
}

impl From<EngineError> for UserError {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "the workflow engine failed");
        UserError::new(
            ErrorCode::SystemError,
            "The workflow engine did not take this.",
            "Try again in a moment; the request's status tells what holds.",
        )
    }
}

impl From<serde_json::Error> for UserError {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "a value could not be written as JSON");
        UserError::system()
    }
}

/// The error name that the state machines retry.
pub(super) const UNAVAILABLE: &str = "Bouncer.Unavailable";

impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreadable { .. } => TaskError { name: "Bouncer.Unreadable", cause: error.to_string() },
            // A conflict means that another run of the same task was first: the next try sees what it did.
            StoreError::Conflict | StoreError::Unavailable { .. } => {
                TaskError { name: UNAVAILABLE, cause: error.to_string() }
            }
        }
    }
}

impl From<TransitionError> for TaskError {
    fn from(error: TransitionError) -> Self {
        match error {
            TransitionError::Store(error) => error.into(),
            TransitionError::Illegal(error) => TaskError { name: "Bouncer.IllegalState", cause: error.to_string() },
        }
    }
}

impl From<ObjectError> for TaskError {
    fn from(error: ObjectError) -> Self {
        let name = if error.is_transient() { UNAVAILABLE } else { "Bouncer.Storage" };
        TaskError { name, cause: error.to_string() }
    }
}

impl From<EngineError> for TaskError {
    fn from(error: EngineError) -> Self {
        TaskError { name: UNAVAILABLE, cause: error.to_string() }
    }
}

impl From<serde_json::Error> for TaskError {
    fn from(error: serde_json::Error) -> Self {
        TaskError { name: "Bouncer.Unreadable", cause: error.to_string() }
    }
}
