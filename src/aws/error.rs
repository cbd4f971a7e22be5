//! The error of every AWS call, and the one place that classifies it.

use crate::domain::error::chain;
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use std::error::Error;
use std::fmt;

use AwsErrorKind::{
    Conflict, Denied, Expired, NoSuchBucket, NotFound, Refused, Throttled, Unavailable, WrongBytes, WrongRegion,
};

/// Says what a failed call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// The resource does not exist.
    NotFound,
    /// The object's bucket does not exist.
    NoSuchBucket,
    /// The credentials lack the permission, or are not valid at all.
    Denied,
    /// The credentials were valid and have expired. New ones may succeed.
    Expired,
    /// The service throttles.
    Throttled,
    /// The service could not be reached or failed.
    Unavailable,
    /// The resource exists already, or is in use.
    Conflict,
    /// The bytes do not have the expected digest or size.
    WrongBytes,
    /// The object exceeds the reader's limit.
    TooLarge,
    /// The bucket is in another region than the client.
    WrongRegion,
    /// The service rejected the call and would reject it again.
    Refused,
}

/// Names the resource that a call concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// An S3 bucket.
    Bucket(String),
    /// An S3 object.
    Object {
        /// The bucket.
        bucket: String,
        /// The key, or the prefix of a listing.
        key: String,
    },
    /// An IAM role, by its ARN.
    Role(String),
    /// Anything else, as messages name it: "the stack shop".
    Named(String),
}

impl Resource {
    /// Names an object.
    pub fn object(bucket: &str, key: &str) -> Self {
        Resource::Object { bucket: bucket.to_owned(), key: key.to_owned() }
    }

    /// Names a resource the way messages do: "the stack shop".
    pub(super) fn named(name: impl Into<String>) -> Self {
        Resource::Named(name.into())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Bucket(bucket) => write!(f, "the bucket {bucket}"),
            Resource::Object { bucket, key } => write!(f, "the object {bucket}/{key}"),
            Resource::Role(arn) => write!(f, "the role {arn}"),
            Resource::Named(name) => f.write_str(name),
        }
    }
}

/// A failed call of an AWS service.
#[derive(thiserror::Error)]
pub struct AwsError {
    resource: Resource,
    kind: AwsErrorKind,
    code: String,
    message: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl AwsError {
    /// Classifies an error of the SDK.
    pub(super) fn from_sdk<E>(resource: Resource, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        // A call whose credentials could not be obtained fails for the reason that STS gave.
        let failure = assume_role_failure(&error).map_or_else(|| Failure::of(&error), Failure::of);
        Self {
            resource,
            kind: failure.kind(),
            code: failure.code.to_owned(),
            message: failure.message.map_or_else(|| chain(&error), ToOwned::to_owned),
            source: Some(Box::new(error)),
        }
    }

    /// Classifies a failure to obtain credentials.
    pub(super) fn from_credentials(resource: Resource, error: CredentialsError) -> Self {
        let failure = assume_role_failure(&error).map_or_else(Failure::without_response, Failure::of);
        Self {
            resource,
            kind: failure.kind(),
            code: failure.code.to_owned(),
            message: failure.message.map_or_else(|| chain(&error), ToOwned::to_owned),
            source: Some(Box::new(error)),
        }
    }

    /// Reports a response that lacks a required member.
    pub(super) fn incomplete(resource: Resource) -> Self {
        Self::without_source(resource, Unavailable, "IncompleteResponse", "the response is incomplete")
    }

    /// Reports a request that the SDK could not build.
    pub(super) fn invalid_request(resource: Resource, error: impl Error + Send + Sync + 'static) -> Self {
        Self::refused(resource, "InvalidRequest", error)
    }

    /// Reports a failure to reach the service, or a body that broke off.
    pub fn unavailable(resource: Resource, error: impl Error + Send + Sync + 'static) -> Self {
        Self { resource, kind: Unavailable, code: String::new(), message: chain(&error), source: Some(Box::new(error)) }
    }

    /// Reports a resource that a successful response does not contain.
    pub(super) fn not_found(resource: Resource) -> Self {
        Self::without_source(resource, NotFound, "", "")
    }

    /// Reports content that cannot be used, under a code of Bouncer's own.
    pub fn refused(resource: Resource, code: &str, error: impl Error + Send + Sync + 'static) -> Self {
        let message = chain(&error);
        Self { resource, kind: Refused, code: code.to_owned(), message, source: Some(Box::new(error)) }
    }

    /// Reports a failure that has no underlying error.
    pub fn without_source(resource: Resource, kind: AwsErrorKind, code: &str, message: &str) -> Self {
        Self { resource, kind, code: code.to_owned(), message: message.to_owned(), source: None }
    }

    /// Reports an object whose bytes are not the expected ones.
    pub fn wrong_bytes(bucket: &str, key: &str) -> Self {
        Self::without_source(Resource::object(bucket, key), WrongBytes, "", "the bytes are not the expected ones")
    }

    /// Returns what the call concerned.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Returns the bucket that the call concerned, if it concerned one.
    pub fn bucket(&self) -> Option<&str> {
        match &self.resource {
            Resource::Bucket(bucket) | Resource::Object { bucket, .. } => Some(bucket),
            Resource::Role(_) | Resource::Named(_) => None,
        }
    }

    /// Returns what the failure means.
    pub fn kind(&self) -> AwsErrorKind {
        self.kind
    }

    /// Returns the service's error code; empty when the service gave none.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the service's message, or what interrupted the call.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns whether another attempt may succeed although nothing is changed.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Expired | Throttled | Unavailable)
    }

    /// Returns whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == NotFound
    }

    /// Returns whether a permission is missing.
    pub fn is_denied(&self) -> bool {
        self.kind == Denied
    }

    /// Returns whether the credentials have expired.
    pub fn is_expired(&self) -> bool {
        self.kind == Expired
    }

    /// Returns whether the resource exists already, or is in use.
    pub fn is_conflict(&self) -> bool {
        self.kind == Conflict
    }

    /// Returns whether the service rejected the call itself.
    pub fn is_refused(&self) -> bool {
        self.kind == Refused
    }

    /// Returns whether the bytes are not the expected ones.
    pub fn is_wrong_bytes(&self) -> bool {
        self.kind == WrongBytes
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what_happened = match self.kind {
            NotFound => "does not exist",
            NoSuchBucket => "its bucket does not exist",
            Denied => "access is denied",
            Expired => "the credentials have expired",
            Throttled => "throttled",
            Unavailable => "unavailable",
            Conflict => "exists already or is in use",
            WrongBytes => "unexpected content",
            AwsErrorKind::TooLarge => "too large",
            WrongRegion => "its bucket is in another region",
            Refused => "refused",
        };
        write!(f, "{}: {what_happened}", self.resource)?;
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => Ok(()),
            ("", text) | (text, "") => write!(f, " ({text})"),
            (code, message) => write!(f, " ({code}: {message})"),
        }
    }
}

/// Leaves out the source: the SDK's debug form quotes whole responses.
impl fmt::Debug for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsError({self})")
    }
}

/// The facts about a failure that decide its kind.
struct Failure<'a> {
    code: &'a str,
    /// The service's own message; `None` when no service answered in its protocol.
    message: Option<&'a str>,
    /// The HTTP status; `None` when there was no response.
    status: Option<u16>,
    /// Whether the SDK rejected the input before it sent anything.
    is_unsendable: bool,
}

impl<'a> Failure<'a> {
    fn of<E: ProvideErrorMetadata>(error: &'a SdkError<E>) -> Self {
        Self {
            code: error.code().unwrap_or_default(),
            message: error.message(),
            status: error.raw_response().map(|response| response.status().as_u16()),
            is_unsendable: matches!(error, SdkError::ConstructionFailure(_)),
        }
    }

    fn without_response() -> Self {
        Self { code: "", message: None, status: None, is_unsendable: false }
    }

    /// Classifies by the code, or by the HTTP status where the code is unknown or absent, as in HEAD responses.
    fn kind(&self) -> AwsErrorKind {
        if let Some(kind) = kind_of_code(self.code) {
            return kind;
        }
        // CloudFormation has no code of its own for a missing stack.
        if self.code == "ValidationError" && self.message.is_some_and(|text| text.contains("does not exist")) {
            return NotFound;
        }
        match self.status {
            None if self.is_unsendable => Refused,
            None => Unavailable,
            Some(301 | 307) => WrongRegion,
            Some(401 | 403) => Denied,
            Some(404) => NotFound,
            Some(412) => Conflict,
            Some(429) => Throttled,
            Some(500..) => Unavailable,
            Some(_) => Refused,
        }
    }
}

/// Lists the codes of each kind, over all services. The lists that decide what the SDK retries come last.
const CODES: &[(AwsErrorKind, &[&str])] = &[
    (
        NotFound,
        &[
            "NoSuchKey",
            "NoSuchUpload",
            "NotFound",
            "NoSuchDistribution",
            "NoSuchInvalidation",
            "ResourceNotFoundException",
            "ChangeSetNotFound",
            "ChangeSetNotFoundException",
            "ExecutionDoesNotExist",
            "TaskDoesNotExist",
            "TaskTimedOut",
        ],
    ),
    (NoSuchBucket, &["NoSuchBucket"]),
    (Expired, &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"]),
    (
        Denied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "AllAccessDisabled",
            "Forbidden",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "UnauthorizedOperation",
            "UnrecognizedClientException",
        ],
    ),
    (WrongBytes, &["BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"]),
    (WrongRegion, &["AuthorizationHeaderMalformed", "PermanentRedirect"]),
    (Conflict, &["AlreadyExistsException", "ExecutionAlreadyExists", "PreconditionFailed"]),
    // The SDK counts it as throttling; CloudFormation means that a quota of the account is used up.
    (Refused, &["LimitExceededException"]),
    (Throttled, &["TooManyInvalidationsInProgress"]),
    (
        Unavailable,
        &[
            "IncompleteBody",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServiceException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
    ),
    (Throttled, THROTTLING_ERRORS),
    (Unavailable, TRANSIENT_ERRORS),
];

fn kind_of_code(code: &str) -> Option<AwsErrorKind> {
    CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(kind, _)| *kind)
}

/// Finds the failed AssumeRole call behind a call that got no credentials.
fn assume_role_failure<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a SdkError<AssumeRoleError>> {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.into_iter().find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use AwsErrorKind::*;

    fn kind(code: &str, status: impl Into<Option<u16>>) -> AwsErrorKind {
        Failure { code, status: status.into(), ..Failure::without_response() }.kind()
    }

    #[test]
    fn codes_decide_before_the_status() {
        let cases = [
            ("NoSuchKey", 404, NotFound),
            ("NoSuchBucket", 404, NoSuchBucket),
            ("NoSuchDistribution", 404, NotFound),
            ("ResourceNotFoundException", 400, NotFound),
            ("ChangeSetNotFound", 404, NotFound),
            ("TaskTimedOut", 400, NotFound),
            ("AccessDenied", 403, Denied),
            ("AccessDeniedException", 400, Denied),
            ("InvalidClientTokenId", 403, Denied),
            ("ExpiredToken", 400, Expired),
            ("ExpiredToken", 403, Expired),
            ("ExpiredTokenException", 400, Expired),
            ("Throttling", 400, Throttled),
            ("ThrottlingException", 400, Throttled),
            ("SlowDown", 503, Throttled),
            ("RequestLimitExceeded", 503, Throttled),
            ("TooManyInvalidationsInProgress", 400, Throttled),
            ("RequestTimeout", 400, Unavailable),
            ("IncompleteBody", 400, Unavailable),
            ("InternalFailure", 500, Unavailable),
            ("BadDigest", 400, WrongBytes),
            ("PermanentRedirect", 301, WrongRegion),
            ("AlreadyExistsException", 400, Conflict),
            ("LimitExceededException", 400, Refused),
            ("InvalidChangeSetStatus", 400, Refused),
            ("ValidationError", 400, Refused),
            ("InvalidArgument", 400, Refused),
        ];
        for (code, status, expected) in cases {
            assert_eq!(kind(code, status), expected, "{code}");
        }
    }

    #[test]
    fn the_status_decides_without_a_known_code() {
        let cases = [
            (301, WrongRegion),
            (400, Refused),
            (403, Denied),
            (404, NotFound),
            (412, Conflict),
            (416, Refused),
            (429, Throttled),
            (500, Unavailable),
            (503, Unavailable),
        ];
        for (status, expected) in cases {
            assert_eq!(kind("", status), expected, "{status}");
            assert_eq!(kind("NeverHeardOf", status), expected, "{status}");
        }
    }

    #[test]
    fn a_missing_response_is_transient_unless_nothing_could_be_sent() {
        assert_eq!(kind("", None), Unavailable);
        assert_eq!(Failure { is_unsendable: true, ..Failure::without_response() }.kind(), Refused);
    }

    #[test]
    fn a_missing_stack_is_a_validation_error_by_its_message() {
        let message = Some("Stack with id shop does not exist");
        let failure = Failure { code: "ValidationError", message, status: Some(400), is_unsendable: false };
        assert_eq!(failure.kind(), NotFound);
    }

    #[test]
    fn each_code_has_one_meaning() {
        for (index, (kind, codes)) in CODES.iter().enumerate() {
            for code in *codes {
                let later = CODES[index + 1..].iter().find(|(other, more)| other != kind && more.contains(code));
                // The one code that the SDK reads otherwise.
                assert!(later.is_none() || *code == "LimitExceededException", "{code} is listed twice");
            }
        }
    }

    #[test]
    fn only_permanent_failures_are_not_repeated() {
        let is_transient = |kind| AwsError::without_source(Resource::named("it"), kind, "", "").is_transient();
        assert!([Expired, Throttled, Unavailable].into_iter().all(is_transient));
        let permanent = [NotFound, NoSuchBucket, Denied, Conflict, WrongBytes, TooLarge, WrongRegion, Refused];
        assert!(!permanent.into_iter().any(is_transient));
    }

    #[test]
    fn a_failed_session_is_classified_by_what_sts_said() {
        let failed = CredentialsError::provider_error(sts_error("AccessDenied", 403));
        let error = AwsError::from_credentials(Resource::Role("arn:r".into()), failed);
        assert_eq!((error.kind(), error.code()), (Denied, "AccessDenied"));
        let behind = SdkError::<aws_sdk_s3::operation::head_object::HeadObjectError>::dispatch_failure(
            aws_sdk_s3::error::ConnectorError::other(
                CredentialsError::provider_error(sts_error("ThrottlingException", 400)).into(),
                None,
            ),
        );
        let error = AwsError::from_sdk(Resource::object("b", "k"), behind);
        assert_eq!((error.kind(), error.code()), (Throttled, "ThrottlingException"));
        let unreachable = CredentialsError::provider_error("timed out");
        assert!(AwsError::from_credentials(Resource::Role("arn:r".into()), unreachable).is_transient());
    }

    fn sts_error(code: &str, status: u16) -> SdkError<AssumeRoleError> {
        let metadata = aws_sdk_sts::error::ErrorMetadata::builder().code(code).message("no").build();
        let response = http::Response::builder().status(status).body("").unwrap();
        let response = response.map(|_| aws_sdk_s3::primitives::SdkBody::empty());
        SdkError::service_error(AssumeRoleError::generic(metadata), response.try_into().unwrap())
    }
}
