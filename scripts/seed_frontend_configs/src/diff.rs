//! What would change. Pure.

use crate::file::{Fault, Wanted};
use bouncer::domain::project::{FRONTEND_FIELDS, meaning_of_absence};
use bouncer::storage::projects::ProjectRow;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The fields of a row as the table has them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored(BTreeMap<&'static str, Value>);

impl Stored {
    /// Of a row that was read.
    pub fn of(row: &ProjectRow) -> Self {
        Self(FRONTEND_FIELDS.into_iter().filter_map(|field| Some((field, row.get(field)?))).collect())
    }

    fn bucket(&self) -> Option<&str> {
        self.0.get("frontend_bucket")?.as_str()
    }
}

/// One field of a project, before and after; `None` is a field that is not there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// The row's attribute.
    pub field: &'static str,
    /// What the table holds.
    pub old: Option<Value>,
    /// What it should hold.
    pub new: Option<Value>,
}

/// What has to happen to one project.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is not in the table.
    Create(Vec<FieldChange>),
    /// Some of its fields differ.
    Update(Vec<FieldChange>),
}

impl Change {
    /// The fields, in the order of the schema.
    pub fn fields(&self) -> &[FieldChange] {
        match self {
            Change::Create(fields) | Change::Update(fields) => fields,
        }
    }
}

/// What has to change in the table's row, if there is one; `None` when nothing has.
pub fn diff(wanted: &Wanted, stored: Option<&Stored>) -> Option<Change> {
    let Some(stored) = stored else { return Some(Change::Create(whole_row(wanted))) };
    let differing = FRONTEND_FIELDS.into_iter().filter_map(|field| {
        let (new, old) = (wanted.fields.get(field)?, stored.0.get(field));
        let same = meaning(field, old) == meaning(field, new.as_ref());
        (!same).then(|| FieldChange { field, old: old.cloned(), new: new.clone() })
    });
    let fields: Vec<FieldChange> = differing.collect();
    (!fields.is_empty()).then_some(Change::Update(fields))
}

fn whole_row(wanted: &Wanted) -> Vec<FieldChange> {
    let row = serde_json::to_value(&wanted.project).unwrap_or_default();
    let fields = FRONTEND_FIELDS.into_iter();
    fields.filter_map(|field| Some(FieldChange { field, old: None, new: Some(row.get(field)?.clone()) })).collect()
}

fn meaning(field: &str, value: Option<&Value>) -> Option<Value> {
    value.cloned().or_else(|| meaning_of_absence(field))
}

/// Wanted buckets that would then be those of another project of the table, too.
pub fn shared_buckets(wanted: &[Wanted], stored: &BTreeMap<&str, Stored>) -> Vec<Fault> {
    let decided = |id: &str| wanted.iter().any(|wanted| wanted.project.project_id.as_str() == id);
    let others: BTreeMap<&str, &str> =
        stored.iter().filter(|(id, _)| !decided(id)).filter_map(|(id, stored)| Some((stored.bucket()?, *id))).collect();
    let shared = wanted.iter().filter_map(|wanted| {
        let bucket = wanted.project.frontend.as_ref()?.bucket.as_str();
        let other = others.get(bucket)?;
        let id = &wanted.project.project_id;
        let message = format!(
            "The project '{id}': the bucket '{bucket}' is already that of the project '{other}' in the table; give each \
             project its own."
        );
        Some(Fault { line: wanted.bucket_line, message })
    });
    shared.collect()
}

#[cfg(test)]
mod tests;
