//! How a call of CodeBuild, CloudFormation, CloudWatch Logs or Secrets Manager fails, in one set of words.

use crate::domain::error::chain;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};

/// Why a call did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// What it is about does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The credentials in use may not do this.
    #[error("{what}: access is denied ({message})")]
    Denied {
        /// What the call is about.
        what: String,
        /// The service's words: they name the action that is missing.
        message: String,
    },
    /// The service could not be reached, throttles, or is at fault; another try may succeed.
    #[error("{what}: unavailable ({reason})")]
    Unavailable {
        /// What the call is about.
        what: String,
        /// For the log.
        reason: String,
    },
    /// The service refused, and would refuse again.
    #[error("{what}: {message} ({code})")]
    Refused {
        /// What the call is about.
        what: String,
        /// The service's error code.
        code: String,
        /// The service's words.
        message: String,
    },
}

impl CallError {
    /// An answer that lacks what it should hold.
    pub(super) fn incomplete(what: impl Into<String>) -> Self {
        CallError::Unavailable { what: what.into(), reason: "the answer is incomplete".into() }
    }

    /// Sorts an SDK's error. `what` names the thing for people: "the stack shop".
    pub(super) fn from_sdk<E>(what: &str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let code = error.code().unwrap_or_default();
        let message = error.message().unwrap_or_default().to_owned();
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let what = what.to_owned();
        match code {
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "InvalidClientTokenId" => {
                CallError::Denied { what, message }
            }
            "ResourceNotFoundException" | "ChangeSetNotFound" | "ChangeSetNotFoundException" => {
                CallError::NotFound(what)
            }
            "ValidationError" if message.contains("does not exist") => CallError::NotFound(what),
            "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InternalFailure"
            | "ServiceUnavailable" => CallError::Unavailable { what, reason: chain(error) },
            _ if code.is_empty() || status.is_none_or(|status| status >= 500) => {
                CallError::Unavailable { what, reason: chain(error) }
            }
            code => CallError::Refused { what, code: code.to_owned(), message },
        }
    }
}
