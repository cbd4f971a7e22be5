//! CloudFront: asking for an invalidation and looking how far it is.

use crate::domain::error::chain;
use aws_config::SdkConfig;
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};

/// Why an invalidation was not made or found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CdnError {
    /// CloudFront works on as many as it allows; later it will take another.
    #[error("too many invalidations are in progress")]
    TooMany,
    /// There is no such distribution.
    #[error("there is no distribution {0}")]
    NoSuchDistribution(String),
    /// The credentials in use may not do this.
    #[error("invalidating the distribution {0} is denied")]
    AccessDenied(String),
    /// CloudFront could not be reached, throttles, or is at fault.
    #[error("CloudFront is unavailable: {0}")]
    Unavailable(String),
    /// CloudFront refused, and would refuse again.
    #[error("CloudFront refused ({code}): {reason}")]
    Refused {
        /// Its error code.
        code: String,
        /// For the log.
        reason: String,
    },
}

/// An invalidation as CloudFront knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalidation {
    /// Its id.
    pub id: String,
    /// "InProgress" or "Completed".
    pub status: String,
}

impl Invalidation {
    /// Whether every edge has dropped the old answers.
    pub fn is_completed(&self) -> bool {
        self.status == "Completed"
    }
}

/// CloudFront with one set of credentials.
#[derive(Clone)]
pub struct Cdn {
    client: Client,
}

impl Cdn {
    /// Over credentials.
    pub fn new(shared: &SdkConfig) -> Self {
        Self { client: Client::new(shared) }
    }

    /// Asks for an invalidation. The same reference with the same paths is the same invalidation.
    pub async fn invalidate(
        &self,
        distribution: &str,
        reference: &str,
        paths: &[String],
    ) -> Result<Invalidation, CdnError> {
        let malformed = |error: aws_sdk_cloudfront::error::BuildError| CdnError::Refused {
            code: "InvalidArgument".into(),
            reason: error.to_string(),
        };
        let quantity = i32::try_from(paths.len()).unwrap_or(i32::MAX);
        let paths = Paths::builder().quantity(quantity).set_items(Some(paths.to_vec())).build().map_err(malformed)?;
        let batch = InvalidationBatch::builder().paths(paths).caller_reference(reference).build().map_err(malformed)?;
        let answer = self
            .client
            .create_invalidation()
            .distribution_id(distribution)
            .invalidation_batch(batch)
            .send()
            .await
            .map_err(|error| classify(distribution, error))?;
        known(answer.invalidation)
    }

    /// Looks how far an invalidation is.
    pub async fn get_invalidation(&self, distribution: &str, id: &str) -> Result<Invalidation, CdnError> {
        let answer = self
            .client
            .get_invalidation()
            .distribution_id(distribution)
            .id(id)
            .send()
            .await
            .map_err(|error| classify(distribution, error))?;
        known(answer.invalidation)
    }
}

fn known(invalidation: Option<aws_sdk_cloudfront::types::Invalidation>) -> Result<Invalidation, CdnError> {
    invalidation
        .map(|found| Invalidation { id: found.id, status: found.status })
        .ok_or_else(|| CdnError::Unavailable("the answer holds no invalidation".into()))
}

fn classify<E>(distribution: &str, error: SdkError<E>) -> CdnError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let reason = chain(&error);
    match (code.as_str(), &error) {
        ("TooManyInvalidationsInProgress", _) => CdnError::TooMany,
        ("NoSuchDistribution", _) => CdnError::NoSuchDistribution(distribution.to_owned()),
        ("AccessDenied" | "AccessDeniedException" | "InvalidClientTokenId" | "ExpiredToken", _) => {
            CdnError::AccessDenied(distribution.to_owned())
        }
        ("Throttling" | "ThrottlingException" | "ServiceUnavailable" | "InternalError" | "InternalFailure", _) => {
            CdnError::Unavailable(reason)
        }
        (_, SdkError::ServiceError(_)) if !code.is_empty() => CdnError::Refused { code, reason },
        // Something before CloudFront may refuse in words of its own.
        _ => match error.raw_response().map(|answer| answer.status().as_u16()) {
            Some(403) => CdnError::AccessDenied(distribution.to_owned()),
            _ => CdnError::Unavailable(reason),
        },
    }
}
