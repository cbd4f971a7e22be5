//! CloudFront: creates invalidations and describes their progress.

use super::error::{AwsError, Resource};
use aws_config::SdkConfig;
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};

/// The code of a distribution that works on as many invalidations as CloudFront allows.
pub const TOO_MANY_INVALIDATIONS: &str = "TooManyInvalidationsInProgress";

/// Describes an invalidation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Invalidation {
    pub id: String,
    /// "InProgress" or "Completed".
    pub status: String,
}

impl Invalidation {
    /// Returns whether every edge has dropped the old responses.
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
    pub(super) fn new(shared: &SdkConfig) -> Self {
        Self { client: Client::new(shared) }
    }

    /// Creates an invalidation. Repeating the same reference with the same paths returns the same invalidation.
    pub async fn create_invalidation(
        &self,
        distribution: &str,
        reference: &str,
        paths: &[String],
    ) -> Result<Invalidation, AwsError> {
        let invalid = |error| AwsError::invalid_request(resource(distribution), error);
        let quantity = i32::try_from(paths.len()).unwrap_or(i32::MAX);
        let paths = Paths::builder().quantity(quantity).set_items(Some(paths.to_vec())).build().map_err(invalid)?;
        let batch = InvalidationBatch::builder().paths(paths).caller_reference(reference).build().map_err(invalid)?;
        let response = self
            .client
            .create_invalidation()
            .distribution_id(distribution)
            .invalidation_batch(batch)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(resource(distribution), error))?;
        invalidation(distribution, response.invalidation)
    }

    /// Describes an invalidation.
    pub async fn get_invalidation(&self, distribution: &str, id: &str) -> Result<Invalidation, AwsError> {
        let response = self
            .client
            .get_invalidation()
            .distribution_id(distribution)
            .id(id)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(resource(distribution), error))?;
        invalidation(distribution, response.invalidation)
    }
}

fn invalidation(
    distribution: &str,
    found: Option<aws_sdk_cloudfront::types::Invalidation>,
) -> Result<Invalidation, AwsError> {
    found
        .map(|found| Invalidation { id: found.id, status: found.status })
        .ok_or_else(|| AwsError::incomplete(resource(distribution)))
}

fn resource(distribution: &str) -> Resource {
    Resource::named(format!("the distribution {distribution}"))
}
