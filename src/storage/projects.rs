//! `bouncer-projects`: the projects, and which release each one's visitors get.

use super::bucket_locks::BucketLock;
use super::error::StoreError;
use super::items::{Condition, difference, text};
use super::store::Store;
use super::tables::Table;
use crate::domain::backend::target::Deployed;
use crate::domain::ids::{ProjectId, ReleaseId};
use crate::domain::project::Project;

pub(super) const KEY: &str = "project_id";
pub(super) const UNSETTLED: &str = "unsettled_releases";
pub(super) const POINTER: &str = "current_release";
pub(super) const RELEASES: &str = "releases";
const DEPLOYED: &str = "deployed";
const DISTRIBUTION: &str = "frontend_distribution_id";
const DEPLOY_ROLE: &str = "frontend_deploy_role_arn";

impl Store {
    /// Stores a new project.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the id is taken.
    pub async fn create_project(&self, project: &Project, lock: &BucketLock) -> Result<(), StoreError> {
        let is_new = Condition::new("attribute_not_exists(project_id)");
        self.write_locked(lock, self.put_part(Table::Projects, project, is_new)?).await
    }

    /// Changes a project if its current release is still the one that was read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the release changed or the row is gone, [`StoreError::Overtaken`] when the lock was
    /// lost.
    pub async fn update_project(&self, before: &Project, after: &Project, lock: &BucketLock) -> Result<(), StoreError> {
        let condition = pointer_is(before.current_release.as_ref());
        let moves = before.bucket() != after.bucket();
        let key = (KEY, before.project_id.as_str());
        let (before, mut after) = (self.encode(Table::Projects, before)?, self.encode(Table::Projects, after)?);
        let mut removed = Vec::new();
        if moves {
            // The contents of another bucket are unknown, so none of them may count as a file of a release.
            after.remove(POINTER);
            after.remove(RELEASES);
            // A row without a bucket may hold attributes of a frontend, which reading it does not show.
            removed = [UNSETTLED, DISTRIBUTION, DEPLOY_ROLE]
                .map(str::to_owned)
                .into_iter()
                .filter(|attribute| !before.contains_key(attribute) && !after.contains_key(attribute))
                .collect();
        }
        let mut changed = difference(&before, &after);
        changed.extend(removed.iter().map(|attribute| (attribute, None)));
        if changed.is_empty() {
            return Ok(());
        }
        self.write_locked(lock, self.set_part(Table::Projects, key, &changed, condition)?).await
    }

    /// Reads a project, consistently.
    pub async fn project(&self, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        self.get(Table::Projects, (KEY, id.as_str())).await
    }

    /// Returns all projects, by id.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let mut projects: Vec<Project> = self.scan(Table::Projects).await?;
        projects.sort_by(|a, b| a.project_id.cmp(&b.project_id));
        Ok(projects)
    }

    /// Records what the project's stack was deployed from.
    pub async fn set_deployed(&self, id: &ProjectId, deployed: &Deployed) -> Result<(), StoreError> {
        let value = self.encode_value(Table::Projects, deployed)?;
        let exists = Condition::new("attribute_exists(project_id)");
        self.set(Table::Projects, (KEY, id.as_str()), &[(&DEPLOYED.to_owned(), Some(&value))], exists).await
    }
}

pub(super) fn pointer_is(release: Option<&ReleaseId>) -> Condition {
    match release {
        Some(release) => {
            Condition::new("#pointer = :from").name("#pointer", POINTER).value(":from", text(release.as_str()))
        }
        None => {
            Condition::new("attribute_exists(project_id) AND attribute_not_exists(#pointer)").name("#pointer", POINTER)
        }
    }
}
