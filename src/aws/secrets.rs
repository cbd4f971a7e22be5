//! Secrets Manager: reading a secret's current value.

use crate::domain::error::chain;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;

/// A secret could not be read. The text never holds the secret.
#[derive(Debug, thiserror::Error)]
#[error("the secret {id} could not be read: {reason}")]
pub struct SecretError {
    /// Its name or ARN.
    pub id: String,
    /// For the log.
    pub reason: String,
}

/// Secrets Manager with Bouncer's own credentials.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    pub(super) fn new(shared: &SdkConfig) -> Self {
        Self { client: Client::new(shared) }
    }

    /// The text of a secret's current version.
    pub async fn read(&self, id: &str) -> Result<String, SecretError> {
        let failed = |reason: String| SecretError { id: id.to_owned(), reason };
        let answer =
            self.client.get_secret_value().secret_id(id).send().await.map_err(|error| failed(chain(&error)))?;
        answer.secret_string.ok_or_else(|| failed("it holds no text".into()))
    }
}
