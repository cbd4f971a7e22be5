//! `bouncer-deploy-history`: one row per deploy, written when it starts and when it ends.

use super::error::StoreError;
use super::items::Condition;
use super::store::Store;
use super::tables::Table;
use crate::domain::history::Deploy;
use crate::domain::ids::{DeployId, ProjectId};

const KEY: &str = "deploy_id";
const TIME_INDEX: &str = "project-time-index";

impl Store {
    /// Stores a deploy that starts, unless it is stored already.
    pub async fn begin_deploy(&self, deploy: &Deploy) -> Result<(), StoreError> {
        match self.put(Table::History, deploy, Condition::new("attribute_not_exists(deploy_id)")).await {
            Err(StoreError::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Stores how a deploy ended, whether or not its start was stored. Idempotent.
    pub async fn end_deploy(&self, deploy: &Deploy) -> Result<(), StoreError> {
        let open = Condition::new("attribute_not_exists(deploy_id) OR attribute_not_exists(finished_at)");
        match self.put(Table::History, deploy, open).await {
            Err(StoreError::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Reads a deploy, consistently.
    pub async fn deploy(&self, id: &DeployId) -> Result<Option<Deploy>, StoreError> {
        self.get(Table::History, (KEY, id.as_str())).await
    }

    /// Returns a project's deploys, newest first, at most `limit`.
    pub async fn deploys_of(&self, project: &ProjectId, limit: usize) -> Result<Vec<Deploy>, StoreError> {
        self.query_index(Table::History, TIME_INDEX, ("project_id", project.as_str()), true, limit).await
    }
}
