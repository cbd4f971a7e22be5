//! From the adapters' errors to the one a user sees. What they hold for the log goes to the log here.

use super::engine::{EngineError, TaskError};
use crate::aws::error::{AwsError, Resource};
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

impl From<AwsError> for UserError {
    fn from(error: AwsError) -> Self {
        tracing::error!(%error, "a call to AWS failed");
        if error.is_transient() {
            return UserError::new(
                ErrorCode::UpstreamError,
                format!("{} cannot be reached.", service(&error)),
                "Try again in a moment; `bouncer doctor` checks whether the storage works.",
            );
        }
        UserError::new(
            ErrorCode::UpstreamError,
            format!("{} refused a call.", service(&error)),
            "Have an admin run `bouncer doctor` and look into Bouncer's log.",
        )
    }
}

impl From<EngineError> for UserError {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "the workflow engine failed");
        if let EngineError::Refused(_) = error {
            return UserError::new(
                ErrorCode::SystemError,
                "The workflow engine refused a call.",
                "Have an admin run `bouncer doctor` and look into Bouncer's log.",
            );
        }
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
pub(crate) const UNAVAILABLE: &str = "Bouncer.Unavailable";
/// The error name of a refusal that no retry can mend.
const REFUSED: &str = "Bouncer.Refused";
/// Bounds the characters of a cause that quotes a service.
const MAX_CAUSE: usize = 600;

/// Names the service that a call went to, for users.
fn service(error: &AwsError) -> &'static str {
    if error.bucket().is_some() { "The object storage" } else { "AWS" }
}

/// Says that a role cannot be assumed, and why.
pub(crate) fn role_denied(error: &AwsError) -> String {
    let code = if error.code().is_empty() { "no code" } else { error.code() };
    format!("{} could not be assumed ({code}).", capitalized(error.resource()))
}

/// Says that a role cannot be assumed at the moment.
pub(crate) fn role_unavailable(error: &AwsError) -> String {
    format!("{} cannot be assumed yet.", capitalized(error.resource()))
}

fn capitalized(resource: &Resource) -> String {
    let text = resource.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A task's error: what it holds for the log goes there, what a user may read goes on.
fn task_error(name: &'static str, sentence: &str, detail: &dyn std::error::Error) -> TaskError {
    tracing::warn!(error = %detail, name, "a task failed");
    TaskError { name, cause: sentence.to_owned() }
}

impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreadable { .. } => task_error("Bouncer.Unreadable", "A record cannot be read.", &error),
            // A conflict means that another run of the same task was first: the next try sees what it did.
            StoreError::Conflict | StoreError::Overtaken | StoreError::Unavailable { .. } => {
                task_error(UNAVAILABLE, "The records cannot be reached.", &error)
            }
        }
    }
}

impl From<TransitionError> for TaskError {
    fn from(error: TransitionError) -> Self {
        match error {
            TransitionError::Store(error) => error.into(),
            TransitionError::Illegal(error) => {
                task_error("Bouncer.IllegalState", "The request is in another state by now.", &error)
            }
        }
    }
}

impl From<AwsError> for TaskError {
    fn from(error: AwsError) -> Self {
        let (what, message) = (error.resource(), error.message());
        let (name, sentence) = match (what, error.bucket()) {
            (Resource::Role(_), _) if error.is_transient() => (UNAVAILABLE, role_unavailable(&error)),
            (Resource::Role(_), _) => (REFUSED, role_denied(&error)),
            (_, Some(bucket)) if error.is_expired() => {
                (UNAVAILABLE, format!("The credentials for the bucket '{bucket}' have expired."))
            }
            (_, Some(_)) if error.is_transient() => (UNAVAILABLE, format!("{} cannot be reached.", service(&error))),
            (_, Some(bucket)) => ("Bouncer.Storage", format!("A document in the bucket '{bucket}' cannot be used.")),
            (_, None) if error.is_transient() => (UNAVAILABLE, format!("{what} cannot be reached.")),
            (_, None) if error.is_not_found() => (REFUSED, format!("{what} does not exist.")),
            (_, None) if error.is_denied() => (REFUSED, format!("{what}: access is denied ({message}).")),
            (_, None) => (REFUSED, format!("{what}: {}.", message.trim_end_matches('.'))),
        };
        task_error(name, &sentence.chars().take(MAX_CAUSE).collect::<String>(), &error)
    }
}

impl From<EngineError> for TaskError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(_) => task_error(REFUSED, "The workflow engine refused a call.", &error),
            _ => task_error(UNAVAILABLE, "The workflow engine cannot be reached.", &error),
        }
    }
}

impl From<serde_json::Error> for TaskError {
    fn from(error: serde_json::Error) -> Self {
        task_error("Bouncer.Unreadable", "A record cannot be read.", &error)
    }
}
