//! What can go wrong with a record.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// A record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition of a conditional write did not hold: somebody else was first.
    #[error("the record was changed by someone else first")]
    Conflict,
    /// What a write depends on beside its own row was changed since it was looked at: which project has which bucket, or
    /// what a caller has asked.
    #[error("another write was first meanwhile")]
    Overtaken,
    /// The row is there but is not what this version of Bouncer understands.
    #[error("a record of {table} cannot be read: {reason}")]
    Unreadable {
        /// The table's full name.
        table: String,
        /// What did not fit.
        reason: String,
    },
    /// DynamoDB refused or could not be reached.
    #[error("{table}: {code}: {message}")]
    Unavailable {
        /// The table's full name.
        table: String,
        /// DynamoDB's error code, or the kind of transport failure; [`StoreError::NO_CREDENTIALS`] before any transport.
        code: String,
        /// DynamoDB's message. For the log only.
        message: String,
    },
}

impl StoreError {
    /// The code of a call that was not made, because nothing gave credentials for it.
    pub const NO_CREDENTIALS: &str = "NoCredentials";

    /// Sorts an SDK error: a failed condition is a conflict, anything else means the table is unavailable.
    pub(crate) fn from_sdk<E, R>(table: &str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let code = match &error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("ServiceError"),
            SdkError::TimeoutError(_) => "Timeout",
            _ if causes(&error).any(|cause| cause.is::<CredentialsError>()) => Self::NO_CREDENTIALS,
            SdkError::DispatchFailure(_) => "DispatchFailure",
            SdkError::ResponseError(_) => "ResponseError",
            _ => "ConstructionFailure",
        };
        if code == "ConditionalCheckFailedException" {
            return StoreError::Conflict;
        }
        let message = match error.as_service_error().and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            // Not the error as the SDK shows it whole: that would quote the answer, and with it what a row holds.
            None => causes(&error).map(ToString::to_string).collect::<Vec<_>>().join(": "),
        };
        StoreError::Unavailable { table: table.to_owned(), code: code.to_owned(), message }
    }

    pub(crate) fn unreadable(table: &str, reason: impl std::fmt::Display) -> Self {
        StoreError::Unreadable { table: table.to_owned(), reason: reason.to_string() }
    }
}

/// An error and what lies behind it, from the outermost inwards.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
