//! Secrets Manager: reads the current value of a secret.

use super::error::{AwsError, AwsErrorKind, Resource};
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;

/// Secrets Manager with Bouncer's own credentials.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    pub(super) fn new(shared: &SdkConfig) -> Self {
        Self { client: Client::new(shared) }
    }

    /// Reads the text of a secret's current version. Errors never contain it.
    pub async fn get_secret(&self, id: &str) -> Result<String, AwsError> {
        let resource = Resource::named(format!("the secret {id}"));
        match self.client.get_secret_value().secret_id(id).send().await {
            Err(error) => Err(AwsError::from_sdk(resource, error)),
            Ok(response) => response.secret_string.ok_or_else(|| {
                AwsError::without_source(resource, AwsErrorKind::Refused, "BinarySecret", "the secret is not text")
            }),
        }
    }
}
