//! `bouncer-projects`: the projects, and which release each one's visitors get.

use super::bucket_locks::BucketLock;
use super::error::StoreError;
use super::items::{Condition, Item, difference, text};
use super::store::Store;
use super::tables::Table;
use crate::domain::backend::target::Deployed;
use crate::domain::ids::{ProjectId, ReleaseId};
use crate::domain::project::Project;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

pub(super) const KEY: &str = "project_id";
pub(super) const UNSETTLED: &str = "unsettled_releases";
pub(super) const POINTER: &str = "current_release";
pub(super) const RELEASES: &str = "releases";
const DEPLOYED: &str = "deployed";
const BUCKET: &str = "frontend_bucket";

/// A row of the table as it was read. Unlike a [`Project`], it can hold anything.
#[derive(Debug, Clone)]
pub struct ProjectRow {
    project_id: String,
    item: Item,
}

impl ProjectRow {
    /// Returns the row's key, which need not be a valid project id.
    pub fn project_id(&self) -> &str {
        &self.project_id
    }

    /// Returns the value of an attribute, if the row has it.
    pub fn get(&self, attribute: &str) -> Option<Value> {
        let value = self.item.get(attribute)?;
        let json = serde_dynamo::from_attribute_value(value.clone());
        // A value without a JSON form can still be shown.
        Some(json.unwrap_or_else(|_| Value::String(format!("{value:?}"))))
    }
}

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
    pub async fn update_project(&self, before: &Project, after: &Project, lock: &BucketLock) -> Result<(), StoreError> {
        let condition = pointer_is(before.current_release.as_ref());
        let key = (KEY, before.project_id.as_str());
        if before.bucket() == after.bucket() {
            return self.update(Table::Projects, key, before, after, condition).await;
        }
        // The contents of another bucket are unknown, so none of them may count as a file of a release.
        let moved = Project { current_release: None, releases: vec![], ..after.clone() };
        let (before, moved) = (self.encode(Table::Projects, before)?, self.encode(Table::Projects, &moved)?);
        let unsettled = UNSETTLED.to_owned();
        let mut changed = difference(&before, &moved);
        changed.push((&unsettled, None));
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

    /// Returns all rows by id, including those that are not valid projects.
    pub async fn project_rows(&self) -> Result<Vec<ProjectRow>, StoreError> {
        let items = self.scan_items(Table::Projects).await?.into_iter();
        let mut rows = items.map(|item| self.project_row_of(item)).collect::<Result<Vec<_>, _>>()?;
        rows.sort_by(|a, b| a.project_id.cmp(&b.project_id));
        Ok(rows)
    }

    /// Reads one row, consistently.
    pub async fn project_row(&self, id: &ProjectId) -> Result<Option<ProjectRow>, StoreError> {
        let item = self.get_item(Table::Projects, (KEY, id.as_str())).await?;
        item.map(|item| self.project_row_of(item)).transpose()
    }

    /// Sets attributes of a row, and removes those without a value, if the row still exists and the attributes
    /// `unchanged` hold what was read. Its other attributes stay as they are, but a row that gets another bucket loses its
    /// releases: the contents of that bucket are unknown.
    pub async fn change_project_row(
        &self,
        row: &ProjectRow,
        changes: &[(&str, Option<Value>)],
        unchanged: &[&str],
        lock: &BucketLock,
    ) -> Result<(), StoreError> {
        let mut values = Vec::with_capacity(changes.len());
        for (attribute, value) in changes {
            let value = value.as_ref().map(|value| self.encode_value(Table::Projects, value)).transpose()?;
            values.push(((*attribute).to_owned(), value));
        }
        let moves = changes.iter().any(|(attribute, _)| *attribute == BUCKET);
        if moves {
            values.extend([POINTER, UNSETTLED, RELEASES].map(|attribute| (attribute.to_owned(), None)));
        }
        let attributes: Vec<(&String, Option<&AttributeValue>)> =
            values.iter().map(|(attribute, value)| (attribute, value.as_ref())).collect();
        let (key, condition) = ((KEY, row.project_id.as_str()), still_holds(row, unchanged));
        if moves {
            self.write_locked(lock, self.set_part(Table::Projects, key, &attributes, condition)?).await
        } else {
            self.set(Table::Projects, key, &attributes, condition).await
        }
    }

    fn project_row_of(&self, item: Item) -> Result<ProjectRow, StoreError> {
        match item.get(KEY) {
            Some(AttributeValue::S(id)) => Ok(ProjectRow { project_id: id.clone(), item }),
            _ => Err(StoreError::unreadable(&self.table(Table::Projects), "a row has no project_id")),
        }
    }

    /// Records what the project's stack was deployed from.
    pub async fn set_deployed(&self, id: &ProjectId, deployed: &Deployed) -> Result<(), StoreError> {
        let value = self.encode_value(Table::Projects, deployed)?;
        let exists = Condition::new("attribute_exists(project_id)");
        self.set(Table::Projects, (KEY, id.as_str()), &[(&DEPLOYED.to_owned(), Some(&value))], exists).await
    }
}

fn still_holds(row: &ProjectRow, attributes: &[&str]) -> Condition {
    let mut terms = vec!["attribute_exists(project_id)".to_owned()];
    terms.extend(attributes.iter().enumerate().map(|(index, attribute)| match row.item.get(*attribute) {
        Some(_) => format!("#c{index} = :c{index}"),
        None => format!("attribute_not_exists(#c{index})"),
    }));
    let empty = Condition::new(terms.join(" AND "));
    attributes.iter().enumerate().fold(empty, |condition, (index, attribute)| {
        let condition = condition.name(&format!("#c{index}"), attribute);
        match row.item.get(*attribute) {
            Some(value) => condition.value(&format!(":c{index}"), value.clone()),
            None => condition,
        }
    })
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
