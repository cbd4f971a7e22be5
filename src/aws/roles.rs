//! Roles that projects name, assumed for one deploy. The SDK renews their sessions before they expire.

use super::error::{AwsError, Resource};
use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use std::sync::{Mutex, PoisonError};

/// Assumes roles with Bouncer's own credentials and external ID.
#[derive(Clone)]
pub struct Roles {
    shared: SdkConfig,
    external_id: Option<String>,
}

impl Roles {
    pub(super) fn new(shared: SdkConfig, external_id: Option<String>) -> Self {
        Self { shared, external_id }
    }

    /// Assumes a role and returns a configuration with its credentials. CloudTrail shows the session's name.
    ///
    /// # Errors
    ///
    /// Denied when the role does not exist, does not trust Bouncer, or requires another external ID.
    pub(super) async fn assume(&self, role: &str, session_name: &str) -> Result<SdkConfig, AwsError> {
        let mut provider = AssumeRoleProvider::builder(role).session_name(session_name).configure(&self.shared);
        if let Some(external_id) = &self.external_id {
            provider = provider.external_id(external_id);
        }
        let provider = provider.build().await;
        let first = provider
            .provide_credentials()
            .await
            .map_err(|error| AwsError::from_credentials(Resource::Role(role.to_owned()), error))?;
        let session = Session { provider, first: Mutex::new(Some(first)) };
        Ok(self.shared.to_builder().credentials_provider(SharedCredentialsProvider::new(session)).build())
    }
}

/// Provides a role's credentials, beginning with those that proved the role assumable.
#[derive(Debug)]
struct Session {
    provider: AssumeRoleProvider,
    first: Mutex<Option<Credentials>>,
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(credentials) => future::ProvideCredentials::ready(Ok(credentials)),
            None => self.provider.provide_credentials(),
        }
    }
}
