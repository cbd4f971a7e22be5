//! From the adapters' errors to the one a user sees. What they hold for the log goes to the log here.

use super::engine::{EngineError, ErrorName, TaskError};
use crate::aws::objects::ObjectError;
use crate::domain::error::{ErrorCode, UserError};
use crate::storage::StoreError;
use crate::storage::requests::TransitionError;

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict | StoreError::Overtaken => UserError::new(
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

/// A task's error: what it holds for the log goes there, what a user may read goes on.
fn task_error(name: ErrorName, sentence: &str, detail: &dyn std::error::Error) -> TaskError {
    tracing::warn!(error = %detail, %name, "a task failed");
    TaskError { name, cause: sentence.to_owned() }
}

impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreadable { .. } => task_error(ErrorName::Unreadable, "A record cannot be read.", &error),
            // A conflict means that another run of the same task was first: the next try sees what it did.
            StoreError::Conflict | StoreError::Overtaken | StoreError::Unavailable { .. } => {
                task_error(ErrorName::Unavailable, "The records cannot be reached.", &error)
            }
        }
    }
}

impl From<TransitionError> for TaskError {
    fn from(error: TransitionError) -> Self {
        match error {
            TransitionError::Store(error) => error.into(),
            TransitionError::Illegal(error) => {
                task_error(ErrorName::IllegalState, "The request is in another state by now.", &error)
            }
        }
    }
}

impl From<ObjectError> for TaskError {
    fn from(error: ObjectError) -> Self {
        match &error {
            ObjectError::Expired { bucket } => task_error(
                ErrorName::Unavailable,
                &format!("The credentials for the bucket '{bucket}' have expired."),
                &error,
            ),
            _ if error.is_transient() => {
                task_error(ErrorName::Unavailable, "The object storage cannot be reached.", &error)
            }
            _ => task_error(ErrorName::Storage, "A document in the staging bucket cannot be used.", &error),
        }
    }
}

impl From<EngineError> for TaskError {
    fn from(error: EngineError) -> Self {
        task_error(ErrorName::Unavailable, "The workflow engine cannot be reached.", &error)
    }
}

impl From<serde_json::Error> for TaskError {
    fn from(error: serde_json::Error) -> Self {
        task_error(ErrorName::Unreadable, "A record cannot be read.", &error)
    }
}
