//! The bucket and distribution of a site, with the credentials of its project's deploy role, or with Bouncer's own when
//! the project names none.

use super::cdn::Cdn;
use super::error::AwsError;
use super::objects::Objects;
use super::roles::Roles;
use crate::domain::ids::RequestId;
use crate::domain::project::FrontendTarget;
use aws_config::{Region, SdkConfig};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bounds the sites kept open, one for each deploy.
const MAX_OPEN: usize = 64;

/// Clients for the bucket and distribution of one site.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Site {
    pub objects: Objects,
    pub cdn: Cdn,
}

/// Opens sites, and keeps each open for the length of its deploy.
#[derive(Clone)]
pub struct Sites {
    shared: SdkConfig,
    endpoint: Option<String>,
    roles: Roles,
    open: Arc<Mutex<HashMap<(FrontendTarget, RequestId), Site>>>,
}

impl Sites {
    pub(super) fn new(shared: SdkConfig, endpoint: Option<String>, roles: Roles) -> Self {
        Self { shared, endpoint, roles, open: Arc::default() }
    }

    /// Opens the site of a target for one request. The request's id names the role's session, so that CloudTrail shows
    /// which deploy wrote what.
    pub async fn open(&self, target: &FrontendTarget, request: &RequestId) -> Result<Site, AwsError> {
        let key = (target.clone(), request.clone());
        if let Some(site) = self.lock().get(&key) {
            return Ok(site.clone());
        }
        let config = match &target.deploy_role_arn {
            Some(role) => self.roles.assume(role, &format!("bouncer-{request}")).await?,
            None => self.shared.clone(),
        };
        let config = config.to_builder().region(Region::new(target.region.clone())).build();
        let objects = Objects::in_bucket(config.clone(), self.endpoint.clone(), &target.bucket);
        let site = Site { objects, cdn: Cdn::new(&config) };
        let mut open = self.lock();
        if open.len() >= MAX_OPEN {
            open.clear();
        }
        Ok(open.entry(key).or_insert(site).clone())
    }

    /// Closes a request's site. Opening it again starts a new session of its role.
    pub fn forget(&self, target: &FrontendTarget, request: &RequestId) {
        self.lock().remove(&(target.clone(), request.clone()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(FrontendTarget, RequestId), Site>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
