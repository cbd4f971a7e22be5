//! Why a record could not be read or written, classified once: every caller decides by the kind, none by a code.

use crate::domain::error::chain;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use std::error::Error;
use std::fmt;

/// The error behind another one.
pub type Source = Box<dyn Error + Send + Sync + 'static>;

/// A record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition of a conditional write did not hold: another writer was first. Nothing was written.
    #[error("another writer changed the record first")]
    Conflict,
    /// A row that the write depends on, other than its own, changed after it was read: the list of buckets, or a
    /// caller's quota. Nothing was written; read it again and retry.
    #[error("another writer changed a related record first")]
    Overtaken,
    /// Too many writers compete for one row. Nothing was written; retry later.
    #[error("too many writers compete for a record of {table}")]
    Contended {
        /// The table's full name.
        table: String,
    },
    /// The row exists, but this version of Bouncer cannot interpret it.
    #[error("a record of {table} cannot be read")]
    Unreadable {
        /// The table's full name.
        table: String,
        /// What did not fit.
        source: Source,
    },
    /// The credentials are missing, invalid or lack a permission. Permanent until somebody changes that.
    #[error("access denied: {0}")]
    Denied(#[source] FailedCall),
    /// DynamoDB rejected the call and would reject it again: the table is missing, or the request is invalid.
    #[error("refused: {0}")]
    Refused(#[source] FailedCall),
    /// DynamoDB throttles, is at fault or cannot be reached. Transient; after a write, the outcome is unknown.
    #[error("unavailable: {0}")]
    Unavailable(#[source] FailedCall),
}

/// Whether a call reads or writes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Nothing changes, whatever becomes of the call.
    Read,
    /// A call whose answer was lost may have been carried out.
    Write,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Read => "reading from",
            Operation::Write => "writing to",
        })
    }
}

/// A call of DynamoDB that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {table} failed ({code})")]
pub struct FailedCall {
    /// The table's full name.
    pub table: String,
    /// What the call does.
    pub operation: Operation,
    /// DynamoDB's error code, or the kind of transport failure. For messages; decide by the kind of [`StoreError`].
    pub code: String,
    message: Option<String>,
    source: Source,
}

impl FailedCall {
    /// Describes a call that failed.
    pub fn new(table: &str, operation: Operation, code: impl Into<String>, source: impl Into<Source>) -> Self {
        Self { table: table.to_owned(), operation, code: code.into(), message: None, source: source.into() }
    }

    /// Returns why it failed, in the words of DynamoDB or of what is on the way to it. For operators.
    pub fn reason(&self) -> String {
        self.message.clone().unwrap_or_else(|| chain(self.source.as_ref()))
    }
}

/// The code of a call that was not sent because no credentials were found.
const NO_CREDENTIALS: &str = "NoCredentials";
const MISSING_TABLE: &str = "ResourceNotFoundException";
const FAILED_CONDITION: &str = "ConditionalCheckFailedException";

impl StoreError {
    /// Returns whether a retry may succeed although nobody changes anything.
    pub fn is_transient(&self) -> bool {
        match self {
            StoreError::Conflict
            | StoreError::Overtaken
            | StoreError::Contended { .. }
            | StoreError::Unavailable(_) => true,
            StoreError::Unreadable { .. } | StoreError::Denied(_) | StoreError::Refused(_) => false,
        }
    }

    /// Returns whether DynamoDB could not be reached, throttled or was at fault.
    pub fn is_outage(&self) -> bool {
        matches!(self, StoreError::Unavailable(_))
    }

    /// Returns whether the table does not exist.
    pub fn is_missing_table(&self) -> bool {
        matches!(self, StoreError::Refused(call) if call.code == MISSING_TABLE)
    }

    /// Returns the call that failed, where DynamoDB or the way to it is the cause.
    pub fn failed_call(&self) -> Option<&FailedCall> {
        match self {
            StoreError::Denied(call) | StoreError::Refused(call) | StoreError::Unavailable(call) => Some(call),
            _ => None,
        }
    }

    /// Reports a row that cannot be interpreted.
    pub fn unreadable(table: &str, source: impl Into<Source>) -> Self {
        StoreError::Unreadable { table: table.to_owned(), source: source.into() }
    }

    /// Reports a write that cannot be expressed as a request.
    pub(super) fn invalid_request(table: &str, source: impl Into<Source>) -> Self {
        StoreError::Refused(FailedCall::new(table, Operation::Write, "InvalidRequest", source))
    }

    /// Classifies the error of a read.
    pub(super) fn of_read<E>(table: &str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        Self::classify(table, Operation::Read, error)
    }

    /// Classifies the error of a write. A failed condition is a conflict.
    pub(super) fn of_write<E>(table: &str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        Self::classify(table, Operation::Write, error)
    }

    fn classify<E>(table: &str, operation: Operation, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let (code, kind) = match &error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("ServiceError");
                (code, kind_of_answer(code, service.raw().status().as_u16()))
            }
            SdkError::TimeoutError(_) => ("Timeout", Kind::Unavailable),
            other => match (credentials_error(other), other) {
                (Some(kind), _) => (NO_CREDENTIALS, kind),
                (None, SdkError::DispatchFailure(_)) => ("DispatchFailure", Kind::Unavailable),
                (None, SdkError::ResponseError(_)) => ("ResponseError", Kind::Unavailable),
                (None, _) => ("ConstructionFailure", Kind::Refused),
            },
        };
        let code = code.to_owned();
        let message = error.message().map(str::to_owned);
        // The source alone: the SDK's own error holds the raw answer, and with it what a row holds.
        let source = error.into_source().unwrap_or_else(Into::into);
        Self::of_kind(kind, FailedCall { table: table.to_owned(), operation, code, message, source })
    }

    fn of_kind(kind: Kind, call: FailedCall) -> Self {
        match kind {
            Kind::Conflict => StoreError::Conflict,
            Kind::Denied => StoreError::Denied(call),
            Kind::Refused => StoreError::Refused(call),
            Kind::Unavailable => StoreError::Unavailable(call),
        }
    }
}

/// Why DynamoDB cancelled a transaction, for one of its parts. Both reasons are about other writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancellation {
    /// The part was in order, or another transaction held its row.
    Passed,
    /// The condition of the part did not hold.
    FailedCondition,
}

/// Returns why each part of a transaction was cancelled.
///
/// # Errors
///
/// Any failure that is not about other writers, classified.
pub(super) fn cancellations(
    table: &str,
    error: SdkError<TransactWriteItemsError>,
) -> Result<Vec<Cancellation>, StoreError> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return Err(StoreError::of_write(table, error));
    };
    let codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
    let mut parts = Vec::new();
    let mut other = None;
    for code in codes {
        match code {
            "" | "None" | "TransactionConflict" => parts.push(Cancellation::Passed),
            "ConditionalCheckFailed" => parts.push(Cancellation::FailedCondition),
            code => other = other.or(Some(code.to_owned())),
        }
    }
    let Some(code) = other else { return Ok(parts) };
    let kind = match code.as_str() {
        "ThrottlingError" | "ProvisionedThroughputExceeded" => Kind::Unavailable,
        "AccessDenied" => Kind::Denied,
        _ => Kind::Refused,
    };
    let message = error.message().map(str::to_owned);
    let source = error.into_source().unwrap_or_else(Into::into);
    Err(StoreError::of_kind(
        kind,
        FailedCall { table: table.to_owned(), operation: Operation::Write, code, message, source },
    ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Conflict,
    Denied,
    Refused,
    Unavailable,
}

fn kind_of_answer(code: &str, status: u16) -> Kind {
    match code {
        FAILED_CONDITION => Kind::Conflict,
        "AccessDenied"
        | "AccessDeniedException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Kind::Denied,
        // Temporary credentials are refreshed.
        "ExpiredToken"
        | "ExpiredTokenException"
        | "LimitExceededException"
        | "ProvisionedThroughputExceededException"
        | "ReplicatedWriteConflictException"
        | "RequestLimitExceeded"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TransactionConflictException"
        | "TransactionInProgressException" => Kind::Unavailable,
        _ if status == 429 || status >= 500 => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

/// Classifies a failure to find credentials; `None` for any other failure.
fn credentials_error(error: &(dyn Error + 'static)) -> Option<Kind> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    Some(match causes.find_map(|cause| cause.downcast_ref::<CredentialsError>())? {
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_) => Kind::Denied,
        // Whoever gives credentials is a service too, and may be away for a moment.
        _ => Kind::Unavailable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_dynamodb::operation::put_item::PutItemError;
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    const TABLE: &str = "bouncer-requests";

    fn answer<E>(error: E, status: u16) -> SdkError<E> {
        SdkError::service_error(error, HttpResponse::new(status.try_into().unwrap(), "a secret row".into()))
    }

    fn kind(error: &StoreError) -> &'static str {
        match error {
            StoreError::Conflict => "conflict",
            StoreError::Overtaken => "overtaken",
            StoreError::Contended { .. } => "contended",
            StoreError::Unreadable { .. } => "unreadable",
            StoreError::Denied(_) => "denied",
            StoreError::Refused(_) => "refused",
            StoreError::Unavailable(_) => "unavailable",
        }
    }

    #[test]
    fn classifies_answers() {
        for (code, status, expected, is_transient) in [
            ("ConditionalCheckFailedException", 400, "conflict", true),
            ("AccessDeniedException", 400, "denied", false),
            ("UnrecognizedClientException", 400, "denied", false),
            ("InvalidSignatureException", 400, "denied", false),
            ("ValidationException", 400, "refused", false),
            ("ResourceNotFoundException", 400, "refused", false),
            ("ItemCollectionSizeLimitExceededException", 400, "refused", false),
            ("SomethingNew", 400, "refused", false),
            ("ThrottlingException", 400, "unavailable", true),
            ("ProvisionedThroughputExceededException", 400, "unavailable", true),
            ("RequestLimitExceeded", 400, "unavailable", true),
            ("ExpiredTokenException", 400, "unavailable", true),
            ("InternalServerError", 500, "unavailable", true),
            ("ServiceUnavailable", 503, "unavailable", true),
            ("SomethingNew", 429, "unavailable", true),
        ] {
            let metadata = ErrorMetadata::builder().code(code).message("the message").build();
            let error = StoreError::of_write(TABLE, answer(PutItemError::generic(metadata), status));
            assert_eq!((kind(&error), error.is_transient()), (expected, is_transient), "{code} {status}");
            assert_eq!(error.is_missing_table(), code == "ResourceNotFoundException", "{code}");
            if let Some(call) = error.failed_call() {
                assert_eq!((call.table.as_str(), call.code.as_str(), call.operation), (TABLE, code, Operation::Write));
                assert_eq!(call.reason(), "the message");
                assert!(chain(&error).contains("the message"), "{}", chain(&error));
            }
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn classifies_failures_without_an_answer() {
        type Failure = SdkError<PutItemError>;
        let connector = |source: CredentialsError| ConnectorError::other(source.into(), None);
        for (error, expected) in [
            (Failure::timeout_error("too late"), "unavailable"),
            (Failure::dispatch_failure(ConnectorError::io("reset".into())), "unavailable"),
            (Failure::dispatch_failure(connector(CredentialsError::provider_error("away"))), "unavailable"),
            (Failure::dispatch_failure(connector(CredentialsError::not_loaded("none"))), "denied"),
            (Failure::construction_failure("no key"), "refused"),
        ] {
            let error = StoreError::of_read(TABLE, error);
            assert_eq!(kind(&error), expected, "{error:?}");
            assert_eq!(error.failed_call().map(|call| call.operation), Some(Operation::Read));
        }
    }

    #[test]
    fn classifies_cancelled_transactions() {
        let cancelled = |codes: &[&str]| {
            let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
            let error = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
            cancellations(TABLE, answer(TransactWriteItemsError::TransactionCanceledException(error), 400))
        };
        assert_eq!(
            cancelled(&["None", "ConditionalCheckFailed", "TransactionConflict"]).unwrap(),
            [Cancellation::Passed, Cancellation::FailedCondition, Cancellation::Passed]
        );
        for (codes, expected) in [
            (["None", "ThrottlingError"], "unavailable"),
            (["ProvisionedThroughputExceeded", "None"], "unavailable"),
            (["ConditionalCheckFailed", "ValidationError"], "refused"),
            (["None", "ItemCollectionSizeLimitExceeded"], "refused"),
        ] {
            assert_eq!(kind(&cancelled(&codes).unwrap_err()), expected, "{codes:?}");
        }
    }
}
