//! `bouncer-deploy-history`: one row a deploy, written when it starts and when it ends.

use super::items::Condition;
use super::{Store, StoreError, Table};
use crate::domain::history::Deploy;
use crate::domain::ids::{DeployId, ProjectId};

const KEY: &str = "deploy_id";
const TIME_INDEX: &str = "project-time-index";

impl Store {
    /// Writes a deploy that starts; one that is there already stays as it is.
    pub async fn begin_deploy(&self, deploy: &Deploy) -> Result<(), StoreError> {
        match self.put(Table::History, deploy, Condition::new("attribute_not_exists(deploy_id)")).await {
            Err(StoreError::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Writes how a deploy ended, whether or not its start was written. Repeating it changes nothing.
    pub async fn end_deploy(&self, deploy: &Deploy) -> Result<(), StoreError> {
        let open = Condition::new("attribute_not_exists(deploy_id) OR attribute_not_exists(finished_at)");
        match self.put(Table::History, deploy, open).await {
            Err(StoreError::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Reads a deploy as it is now.
    pub async fn deploy(&self, id: &DeployId) -> Result<Option<Deploy>, StoreError> {
        self.get(Table::History, (KEY, id.as_str())).await
    }

    /// A project's deploys, newest first, at most `limit`.
    pub async fn deploys_of(&self, project: &ProjectId, limit: usize) -> Result<Vec<Deploy>, StoreError> {
        self.query_index(Table::History, TIME_INDEX, ("project_id", project.as_str()), true, limit).await
    }
}
