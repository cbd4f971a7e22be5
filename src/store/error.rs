//! What can go wrong with a record.

use crate::model::error::chain;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition of a conditional write did not hold: somebody else was first.
    #[error("the record was changed by someone else first")]
    Conflict,
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
        /// DynamoDB's error code, or the kind of transport failure.
        code: String,
        /// DynamoDB's message. For the log only.
        message: String,
    },
}

impl StoreError {
    /// Sorts an SDK error: a failed condition is a conflict, anything else means the table is unavailable.
    pub(crate) fn from_sdk<E, R>(table: &str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let code = match &error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("ServiceError"),
            SdkError::TimeoutError(_) => "Timeout",
            SdkError::DispatchFailure(_) => "DispatchFailure",
            SdkError::ResponseError(_) => "ResponseError",
            _ => "ConstructionFailure",
        };
        if code == "ConditionalCheckFailedException" {
            return StoreError::Conflict;
        }
        StoreError::Unavailable { table: table.to_owned(), code: code.to_owned(), message: chain(&error) }
    }

    pub(crate) fn unreadable(table: &str, reason: impl std::fmt::Display) -> Self {
        StoreError::Unreadable { table: table.to_owned(), reason: reason.to_string() }
    }
}
