//! `bouncer-projects`: what a project is, and which release its visitors get.

use super::items::{Condition, text};
use super::{Store, StoreError, Table};
use crate::model::ids::{ProjectId, ReleaseId};
use crate::model::project::Project;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeSet;

const KEY: &str = "project_id";
const UNSETTLED: &str = "unsettled_releases";
const POINTER: &str = "current_release";

impl Store {
    /// Stores a new project; a conflict means that there is one of this id.
    pub async fn create_project(&self, project: &Project) -> Result<(), StoreError> {
        self.put(Table::Projects, project, Condition::new("attribute_not_exists(project_id)")).await
    }

    /// Changes a project, if its release pointer is still where it was read.
    pub async fn update_project(&self, before: &Project, after: &Project) -> Result<(), StoreError> {
        let condition = pointer_is(before.current_release.as_ref());
        let key = (KEY, before.project_id.as_str());
        if before.bucket() == after.bucket() {
            return self.update(Table::Projects, key, before, after, condition).await;
        }
        // What lies in another bucket is not known, so nothing in it may be taken for a file of a release.
        let moved = Project { current_release: None, ..after.clone() };
        self.update_and_remove(Table::Projects, key, (before, &moved), UNSETTLED, condition).await
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

    /// Points the project to a release whose files are all in its bucket, if it still points to `from` and still has
    /// that bucket. Of the unsettled releases only those go that the publish made up for; another may have begun.
    pub async fn settle_release(
        &self,
        id: &ProjectId,
        bucket: &str,
        from: Option<&ReleaseId>,
        to: &ReleaseId,
        made_up_for: &BTreeSet<ReleaseId>,
    ) -> Result<(), StoreError> {
        let name = self.table(Table::Projects);
        let settled = made_up_for.iter().chain([to]).map(ToString::to_string).collect::<BTreeSet<_>>();
        let mut request = self
            .client
            .update_item()
            .table_name(&name)
            .key(KEY, text(id.as_str()))
            .update_expression("SET #pointer = :to DELETE #u :settled")
            .expression_attribute_names("#pointer", POINTER)
            .expression_attribute_names("#u", UNSETTLED)
            .expression_attribute_values(":to", text(to.as_str()))
            .expression_attribute_values(":settled", AttributeValue::Ss(settled.into_iter().collect()))
            .expression_attribute_values(":bucket", text(bucket));
        request = match from {
            Some(from) => request
                .condition_expression("frontend_bucket = :bucket AND #pointer = :from")
                .expression_attribute_values(":from", text(from.as_str())),
            None => request.condition_expression("frontend_bucket = :bucket AND attribute_not_exists(#pointer)"),
        };
        request.send().await.map(|_| ()).map_err(|error| StoreError::from_sdk(&name, error))
    }
}

fn pointer_is(release: Option<&ReleaseId>) -> Condition {
    match release {
        Some(release) => {
            Condition::new("#pointer = :from").name("#pointer", POINTER).value(":from", text(release.as_str()))
        }
        None => {
            Condition::new("attribute_exists(project_id) AND attribute_not_exists(#pointer)").name("#pointer", POINTER)
        }
    }
}
