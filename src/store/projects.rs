//! `bouncer-projects`: what a project is, and which release its visitors get.

use super::items::{Condition, text};
use super::{Store, StoreError, Table};
use crate::model::ids::{ProjectId, ReleaseId};
use crate::model::project::Project;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeSet;

const KEY: &str = "project_id";
const UNSETTLED: &str = "unsettled_releases";

impl Store {
    /// Stores a new project; a conflict means that there is one of this id.
    pub async fn create_project(&self, project: &Project) -> Result<(), StoreError> {
        self.put(Table::Projects, project, Condition::new("attribute_not_exists(project_id)")).await
    }

    /// Changes a project, if its release pointer is still where it was read.
    pub async fn update_project(&self, before: &Project, after: &Project) -> Result<(), StoreError> {
        let condition = pointer_is(before.current_release.as_ref());
        self.update(Table::Projects, (KEY, before.project_id.as_str()), before, after, condition).await
    }

    /// Reads a project as it is now.
    pub async fn project(&self, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        self.get(Table::Projects, (KEY, id.as_str())).await
    }

    /// All projects, by id.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let mut projects: Vec<Project> = self.scan(Table::Projects).await?;
        projects.sort_by(|a, b| a.project_id.cmp(&b.project_id));
        Ok(projects)
    }

    /// Notes that a release is about to be written to the bucket. Until the pointer moves, the bucket may hold files
    /// of it, so a later deploy must not take them for those of the current release.
    pub async fn begin_release(&self, id: &ProjectId, release: &ReleaseId) -> Result<(), StoreError> {
        let name = self.table(Table::Projects);
        self.client
            .update_item()
            .table_name(&name)
            .key(KEY, text(id.as_str()))
            .update_expression("ADD #u :release")
            .condition_expression("attribute_exists(project_id)")
            .expression_attribute_names("#u", UNSETTLED)
            .expression_attribute_values(":release", AttributeValue::Ss(vec![release.to_string()]))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::from_sdk(&name, error))
    }

    /// Releases whose files may be in the bucket although none of them is the current one.
    pub async fn unsettled_releases(&self, id: &ProjectId) -> Result<BTreeSet<ReleaseId>, StoreError> {
        let name = self.table(Table::Projects);
        let answer = self
            .client
            .get_item()
            .table_name(&name)
            .key(KEY, text(id.as_str()))
            .projection_expression(UNSETTLED)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&name, error))?;
        let Some(AttributeValue::Ss(releases)) = answer.item.and_then(|mut item| item.remove(UNSETTLED)) else {
            return Ok(BTreeSet::new());
        };
        releases
            .into_iter()
            .map(|release| ReleaseId::parse(release).map_err(|error| StoreError::unreadable(&name, error)))
            .collect()
    }

    /// Points the project to a release whose files are all in the bucket, if it still points to `from`.
    pub async fn settle_release(
        &self,
        id: &ProjectId,
        from: Option<&ReleaseId>,
        to: &ReleaseId,
    ) -> Result<(), StoreError> {
        let value = text(to.as_str());
        let attributes = [(&"current_release".to_owned(), Some(&value)), (&UNSETTLED.to_owned(), None)];
        self.set(Table::Projects, (KEY, id.as_str()), &attributes, pointer_is(from)).await
    }
}

fn pointer_is(release: Option<&ReleaseId>) -> Condition {
    match release {
        Some(release) => Condition::new("#pointer = :from")
            .name("#pointer", "current_release")
            .value(":from", text(release.as_str())),
        None => Condition::new("attribute_exists(project_id) AND attribute_not_exists(#pointer)")
            .name("#pointer", "current_release"),
    }
}
