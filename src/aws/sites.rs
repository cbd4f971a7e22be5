//! A site's bucket and distribution, reached with the credentials its project says: those of its deploy role, or
//! Bouncer's own when it has none.

use super::cdn::Cdn;
use super::objects::Objects;
use crate::model::error::chain;
use crate::model::ids::RequestId;
use crate::model::project::FrontendTarget;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Sites kept open; each is one deploy's.
const MAX_OPEN: usize = 64;

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

/// Where one site is published, with the right to do it.
#[derive(Clone)]
pub struct Site {
    /// The bucket's side.
    pub objects: Objects,
    /// The distribution's side.
    pub cdn: Cdn,
}

/// Opens sites. Sessions of roles are kept for a deploy's length and renewed before they end.
#[derive(Clone)]
pub struct Sites {
    shared: SdkConfig,
    endpoint: Option<String>,
    external_id: Option<String>,
    open: Arc<Mutex<HashMap<(FrontendTarget, RequestId), Site>>>,
}

impl Sites {
    /// Over Bouncer's own credentials. Roles are assumed with the external id.
    pub(super) fn new(shared: SdkConfig, endpoint: Option<String>, external_id: Option<String>) -> Self {
        Self { shared, endpoint, external_id, open: Arc::default() }
    }

    /// The site of a target, for one request: its id names the role's session, so that the account's trail tells
    /// which deploy wrote what.
    pub async fn open(&self, target: &FrontendTarget, request: &RequestId) -> Result<Site, RoleError> {
        let key = (target.clone(), request.clone());
        if let Some(site) = self.lock().get(&key) {
            return Ok(site.clone());
        }
        let mut config = self.shared.to_builder().region(Region::new(target.region.clone()));
        if let Some(role) = &target.deploy_role_arn {
            let session = RoleSession {
                sts: Client::new(&self.shared),
                role: role.clone(),
                session_name: format!("bouncer-{request}"),
                external_id: self.external_id.clone(),
                first: Arc::default(),
            };
            let first = session.assume().await?;
            *session.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
            config = config.credentials_provider(SharedCredentialsProvider::new(session));
        }
        let config = config.build();
        let objects = Objects::in_bucket(config.clone(), self.endpoint.clone(), &target.bucket);
        let site = Site { objects, cdn: Cdn::new(&config) };
        let mut open = self.lock();
        if open.len() >= MAX_OPEN {
            open.clear();
        }
        Ok(open.entry(key).or_insert(site).clone())
    }

    /// Closes a request's site; what opens it again begins with a new session of its role.
    pub fn forget(&self, target: &FrontendTarget, request: &RequestId) {
        self.lock().remove(&(target.clone(), request.clone()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(FrontendTarget, RequestId), Site>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
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
            .map_err(|error| self.sort(error))?;
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

    fn sort<E, R>(&self, error: SdkError<E, R>) -> RoleError
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
