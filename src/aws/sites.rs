//! A site's bucket and distribution, reached with the credentials its project says: those of its deploy role, or
//! Bouncer's own when it has none.

use super::cdn::Cdn;
use super::objects::Objects;
use super::roles::{RoleError, Roles};
use crate::domain::ids::RequestId;
use crate::domain::project::FrontendTarget;
use aws_config::{Region, SdkConfig};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Sites kept open; each is one deploy's.
const MAX_OPEN: usize = 64;

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
    roles: Roles,
    open: Arc<Mutex<HashMap<(FrontendTarget, RequestId), Site>>>,
}

impl Sites {
    /// Over Bouncer's own credentials and the roles they may assume.
    pub(super) fn new(shared: SdkConfig, endpoint: Option<String>, roles: Roles) -> Self {
        Self { shared, endpoint, roles, open: Arc::default() }
    }

    /// The site of a target, for one request: its id names the role's session, so that the account's trail tells
    /// which deploy wrote what.
    pub async fn open(&self, target: &FrontendTarget, request: &RequestId) -> Result<Site, RoleError> {
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

    /// Closes a request's site; what opens it again begins with a new session of its role.
    pub fn forget(&self, target: &FrontendTarget, request: &RequestId) {
        self.lock().remove(&(target.clone(), request.clone()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(FrontendTarget, RequestId), Site>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
