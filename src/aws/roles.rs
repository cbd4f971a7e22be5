//! Roles that projects name: each is assumed for one deploy, and its session renewed before it ends.

use crate::domain::error::chain;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A role's session could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The role does not exist, does not trust Bouncer, or wants another external id.
    #[error("the role {role} could not be assumed ({code})")]
    Denied {
        /// The role's ARN.
        role: String,
        /// STS's error code.
        code: String,
    },
    /// STS could not be reached, or throttles.
    #[error("the role {role} could not be assumed yet: {reason}")]
    Unavailable {
        /// The role's ARN.
        role: String,
        /// For the log.
        reason: String,
    },
}

/// Assumes roles with Bouncer's own credentials and external id.
#[derive(Clone)]
pub struct Roles {
    shared: SdkConfig,
    external_id: Option<String>,
}

impl Roles {
    /// Over Bouncer's own credentials.
    pub(super) fn new(shared: SdkConfig, external_id: Option<String>) -> Self {
        Self { shared, external_id }
    }

    /// Settings with a role's credentials. The session's name is what the account's trail shows.
    pub(super) async fn assume(&self, role: &str, session_name: &str) -> Result<SdkConfig, RoleError> {
        let session = RoleSession {
            sts: Client::new(&self.shared),
            role: role.to_owned(),
            session_name: session_name.to_owned(),
            external_id: self.external_id.clone(),
            first: Arc::default(),
        };
        let first = session.assume().await?;
        *session.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
        Ok(self.shared.to_builder().credentials_provider(SharedCredentialsProvider::new(session)).build())
    }
}

/// Provides a role's credentials; the SDK asks again before they end.
struct RoleSession {
    sts: Client,
    role: String,
    session_name: String,
    external_id: Option<String>,
    /// The session that proved the role assumable, handed out first.
    first: Arc<Mutex<Option<Credentials>>>,
}

impl RoleSession {
    async fn assume(&self) -> Result<Credentials, RoleError> {
        let answer = self
            .sts
            .assume_role()
            .role_arn(&self.role)
            .role_session_name(&self.session_name)
            .set_external_id(self.external_id.clone())
            .send()
            .await
            .map_err(|error| self.classify(error))?;
        let Some(given) = answer.credentials else {
            return Err(self.unavailable("the answer holds no credentials".into()));
        };
        let expires = SystemTime::try_from(given.expiration).ok();
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            expires,
            "bouncer-deploy-role",
        ))
    }

    fn classify<E, R>(&self, error: SdkError<E, R>) -> RoleError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let code = error.code().unwrap_or_default().to_owned();
        match code.as_str() {
            "" | "Throttling" | "ThrottlingException" | "ServiceUnavailable" | "InternalFailure" | "InternalError" => {
                self.unavailable(chain(&error))
            }
            _ => RoleError::Denied { role: self.role.clone(), code },
        }
    }

    fn unavailable(&self, reason: String) -> RoleError {
        RoleError::Unavailable { role: self.role.clone(), reason }
    }
}

impl std::fmt::Debug for RoleSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleSession").field("role", &self.role).finish_non_exhaustive()
    }
}

impl ProvideCredentials for RoleSession {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
            match first {
                Some(credentials) => Ok(credentials),
                None => self.assume().await.map_err(CredentialsError::provider_error),
            }
        })
    }
}
