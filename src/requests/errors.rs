//! From the adapters' errors to the one a user sees. What they hold for the log goes to the log here.

use super::engine::{EngineError, ErrorName, TaskError};
use crate::aws::error::{AwsError, Resource};
use crate::domain::error::{ErrorCode, UserError, chain};
use crate::storage::StoreError;
use crate::storage::error::Operation;
use crate::storage::requests::TransitionError;

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        let cause = chain(&error);
        let system = |message, suggestion| UserError::new(ErrorCode::SystemError, message, suggestion);
        match error {
            StoreError::Conflict | StoreError::Overtaken => UserError::new(
                ErrorCode::Conflict,
                "This was changed by someone else at the same moment.",
                "Fetch the current state and retry.",
            ),
            StoreError::Contended { .. } => {
                tracing::warn!(error = cause, "too many writers compete for a record");
                system(
                    "Too many changes are being recorded at once, so this one was not stored.",
                    "Try again in a moment.",
                )
            }
            StoreError::Unreadable { .. } => {
                tracing::error!(error = cause, "a record cannot be read");
                UserError::system()
            }
            StoreError::Denied(_) => {
                tracing::error!(error = cause, "access to the records is denied");
                system(
                    "Bouncer has no access to its records.",
                    "Retrying does not help. Have the operator check Bouncer's AWS credentials and role; the server's log \
                     names the call.",
                )
            }
            StoreError::Refused(_) => {
                tracing::error!(error = cause, "the record store refused a call");
                system(
                    "Bouncer's record store refused a call.",
                    "Retrying does not help. Have the operator run `bouncer doctor`; the server's log names the call.",
                )
            }
            StoreError::Unavailable(call) => {
                tracing::error!(error = cause, "the record store is unavailable");
                match call.operation {
                    Operation::Read => system("Bouncer cannot reach its records.", "Try again in a moment."),
                    // The answer may be lost, and the write stored all the same.
                    Operation::Write => system(
                        "Bouncer lost the connection to its records. It is not known whether this was stored.",
                        "Check with bouncer_status before you try again.",
                    ),
                }
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
fn task_error(name: ErrorName, sentence: &str, detail: &dyn std::error::Error) -> TaskError {
    tracing::warn!(error = chain(detail), %name, "a task failed");
    TaskError { name, cause: sentence.to_owned() }
}

impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreadable { .. } => task_error(ErrorName::Unreadable, "A record cannot be read.", &error),
            StoreError::Denied(_) => task_error(ErrorName::Records, "Bouncer has no access to its records.", &error),
            StoreError::Refused(_) => task_error(ErrorName::Records, "Bouncer's record store refused a call.", &error),
            // Another run of the same task was first; the next attempt finds what it did.
            StoreError::Conflict
            | StoreError::Overtaken
            | StoreError::Contended { .. }
            | StoreError::Unavailable(_) => {
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

impl From<AwsError> for TaskError {
    fn from(error: AwsError) -> Self {
        let (what, message) = (error.resource(), error.message());
        let (name, sentence) = match (what, error.bucket()) {
            (Resource::Role(_), _) if error.is_transient() => (ErrorName::Unavailable, role_unavailable(&error)),
            (Resource::Role(_), _) => (ErrorName::Refused, role_denied(&error)),
            (_, Some(bucket)) if error.is_expired() => {
                (ErrorName::Unavailable, format!("The credentials for the bucket '{bucket}' have expired."))
            }
            (_, Some(_)) if error.is_transient() => {
                (ErrorName::Unavailable, format!("{} cannot be reached.", service(&error)))
            }
            (_, Some(bucket)) => (ErrorName::Storage, format!("A document in the bucket '{bucket}' cannot be used.")),
            (_, None) if error.is_transient() => (ErrorName::Unavailable, format!("{what} cannot be reached.")),
            (_, None) if error.is_not_found() => (ErrorName::Refused, format!("{what} does not exist.")),
            (_, None) if error.is_denied() => (ErrorName::Refused, format!("{what}: access is denied ({message}).")),
            (_, None) => (ErrorName::Refused, format!("{what}: {}.", message.trim_end_matches('.'))),
        };
        task_error(name, &sentence.chars().take(MAX_CAUSE).collect::<String>(), &error)
    }
}

impl From<EngineError> for TaskError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(_) => task_error(ErrorName::Refused, "The workflow engine refused a call.", &error),
            _ => task_error(ErrorName::Unavailable, "The workflow engine cannot be reached.", &error),
        }
    }
}

impl From<serde_json::Error> for TaskError {
    fn from(error: serde_json::Error) -> Self {
        task_error(ErrorName::Unreadable, "A record cannot be read.", &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::error::FailedCall;

    fn call(operation: Operation) -> FailedCall {
        FailedCall::new("bouncer-requests", operation, "Code", "an internal detail")
    }

    #[test]
    fn only_a_write_without_an_answer_has_an_unknown_outcome() {
        let says_unknown =
            |error: StoreError| UserError::from(error).message.contains("not known whether this was stored");
        assert!(says_unknown(StoreError::Unavailable(call(Operation::Write))));
        assert!(!says_unknown(StoreError::Unavailable(call(Operation::Read))));
        assert!(!says_unknown(StoreError::Denied(call(Operation::Write))));
        assert!(!says_unknown(StoreError::Refused(call(Operation::Write))));
    }

    #[test]
    fn a_permanent_failure_is_neither_retried_nor_called_momentary() {
        let permanent: [fn() -> StoreError; 3] = [
            || StoreError::Denied(call(Operation::Read)),
            || StoreError::Refused(call(Operation::Write)),
            || StoreError::unreadable("bouncer-requests", "an internal detail"),
        ];
        for error in permanent {
            assert!(!error().is_transient());
            let (shown, failed) = (UserError::from(error()), TaskError::from(error()));
            assert!(!shown.suggestion.contains("in a moment"), "{shown:?}");
            assert!(!shown.to_json().to_string().contains("internal detail"), "{shown:?}");
            assert_ne!(failed.name, ErrorName::Unavailable, "{failed:?}");
        }
        for error in [StoreError::Conflict, StoreError::Overtaken, StoreError::Unavailable(call(Operation::Write))] {
            assert_eq!(TaskError::from(error).name, ErrorName::Unavailable);
        }
    }
}
