//! What an approver is shown of a backend beside its plan. Bounded, because it is kept in the request's row.

use crate::analysis::changeset::{AssessedChange, Risk};
use crate::analysis::template_diff::{Finding, ResourceDiff};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many items of a list are kept.
pub const SHOWN: usize = 50;

/// What an approver is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, JsonSchema)]
pub struct Review {
    /// Who wrote the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The commit, or its comparison with the one before it, as a page of GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What the caller says of the circumstances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The stack's parameters, those with `NoEcho` blanked out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// What could not be compared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files that the commits since the last deploy changed.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub files: BoundedList<ChangedFile>,
    /// Resources whose templates changed.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub resources: BoundedList<ResourceDiff>,
    /// What in the template a human should look at.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub findings: BoundedList<Finding>,
    /// Of an infrastructure change: what the change set would do, the gravest first.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub changes: BoundedList<AssessedChange>,
}

/// The first items of a list, and how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoundedList<T> {
    /// The first [`SHOWN`] of them.
    pub items: Vec<T>,
    /// How many there are.
    pub total: usize,
}

impl Review {
    /// Blanks out the values of the parameters: which of them are secret is said by the very template that is asked for,
    /// so who asks does not see any.
    pub fn hide_parameters(&mut self) {
        self.parameters.values_mut().for_each(|value| *value = "****".to_owned());
    }

    /// What a person must see before saying yes, a sentence each.
    pub fn risks(&self) -> Vec<String> {
        let grave = self.changes.items.iter().filter(|change| change.risk == Risk::High);
        let changes = grave.map(|change| {
            format!("{} ({}) {}: {}", change.logical_id, change.resource_type, change.happening(), change.why)
        });
        let findings = self.findings.items.iter().map(|finding| format!("In the template: {}", finding.sentence));
        changes.chain(findings).collect()
    }
}

impl<T> Default for BoundedList<T> {
    fn default() -> Self {
        Self { items: vec![], total: 0 }
    }
}

impl<T> BoundedList<T> {
    /// Keeps the first items.
    pub fn of(mut items: Vec<T>) -> Self {
        let total = items.len();
        items.truncate(SHOWN);
        Self { items, total }
    }

    fn is_empty(&self) -> bool {
        self.total == 0
    }
}

/// A file that commits changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedFile {
    /// Its path.
    pub filename: String,
    /// GitHub's word: added, removed, modified, renamed.
    pub status: String,
    /// Lines that came.
    pub additions: u64,
    /// Lines that went.
    pub deletions: u64,
}
