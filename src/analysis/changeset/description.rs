//! A change set in CloudFormation's own shape, as `DescribeChangeSet` returns it.
//!
//! Values that AWS may extend stay text: an unknown one must go to a human, not fail to parse.

use crate::analysis::null_as_default::null_as_default;
use serde::{Deserialize, Serialize};

/// A change set with all pages of `DescribeChangeSet` joined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ChangeSet {
    /// The ARN of the change set.
    pub change_set_id: Option<String>,
    /// The name of the change set.
    pub change_set_name: Option<String>,
    /// The ARN of the stack.
    pub stack_id: Option<String>,
    /// The name of the stack.
    pub stack_name: Option<String>,
    /// `CREATE_COMPLETE` when the description is ready; `FAILED` with a reason otherwise.
    pub status: Option<String>,
    /// The reason for the status.
    pub status_reason: Option<String>,
    /// Whether it can be executed: `AVAILABLE`, or `UNAVAILABLE` for a nested change set.
    pub execution_status: Option<String>,
    /// Whether CloudFormation also created change sets for nested stacks.
    pub include_nested_stacks: Option<bool>,
    /// The token of the next page if the description was not read to its end.
    pub next_token: Option<String>,
    /// The changes in CloudFormation's order.
    #[serde(deserialize_with = "null_as_default")]
    pub changes: Vec<Change>,
    /// The change sets of nested stacks. Not part of AWS's answer: the caller follows the ids in the changes and adds
    /// the descriptions here, nested or flat.
    #[serde(deserialize_with = "null_as_default")]
    pub nested: Vec<ChangeSet>,
}

/// A change in a change set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Change {
    /// `Resource`, the only known kind.
    #[serde(rename = "Type")]
    pub type_: Option<String>,
    /// How many hooks the change invokes.
    pub hook_invocation_count: Option<u64>,
    /// The change to the resource.
    pub resource_change: Option<ResourceChange>,
}

/// A change to a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceChange {
    /// What happens to the physical resource: `Delete`, `Retain`, `Snapshot`, `ReplaceAndDelete`, …
    pub policy_action: Option<String>,
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`, `SyncWithActual`.
    pub action: Option<String>,
    /// The name in the template.
    pub logical_resource_id: Option<String>,
    /// The name in the account; absent before it exists.
    pub physical_resource_id: Option<String>,
    /// A type such as `AWS::Lambda::Function`.
    pub resource_type: Option<String>,
    /// `True`, `False` or `Conditional`, for `Modify`.
    pub replacement: Option<String>,
    /// The attributes that change: `Properties`, `Metadata`, `Tags`, `DeletionPolicy`, …
    #[serde(deserialize_with = "null_as_default")]
    pub scope: Vec<String>,
    /// Each changed attribute or property; one may be listed several times.
    #[serde(deserialize_with = "null_as_default")]
    pub details: Vec<Detail>,
    /// The nested stack's change set.
    pub change_set_id: Option<String>,
    /// The current resource as JSON text; only when property values were requested.
    pub before_context: Option<String>,
    /// The future resource as JSON text.
    pub after_context: Option<String>,
    /// The module that the resource comes from.
    pub module_info: Option<ModuleInfo>,
}

/// A module that a resource comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ModuleInfo {
    /// The module types, outermost first.
    pub type_hierarchy: Option<String>,
    /// The modules' logical ids, outermost first.
    pub logical_id_hierarchy: Option<String>,
}

/// A changed attribute or property, and why it changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Detail {
    /// The attribute or property.
    #[serde(deserialize_with = "null_as_default")]
    pub target: Target,
    /// `Static` when the new value is known in advance, `Dynamic` otherwise.
    pub evaluation: Option<String>,
    /// `DirectModification`, `ParameterReference`, `ResourceReference`, `ResourceAttribute`, `Automatic`.
    pub change_source: Option<String>,
    /// What causes the change, such as `Function.Arn`.
    pub causing_entity: Option<String>,
}

/// The target of a [`Detail`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Target {
    /// `Properties`, `Metadata`, `Tags`, …
    pub attribute: Option<String>,
    /// The property, if the attribute is `Properties`.
    pub name: Option<String>,
    /// `Never`, `Conditionally` or `Always`.
    pub requires_recreation: Option<String>,
    /// The JSON pointer, such as `/Properties/Code/S3Key`.
    pub path: Option<String>,
    /// The current value.
    pub before_value: Option<String>,
    /// The future value.
    pub after_value: Option<String>,
    /// `Add`, `Remove`, `Modify`, `SyncWithActual`.
    pub attribute_change_type: Option<String>,
}

impl ChangeSet {
    /// Tells whether CloudFormation found nothing to change. It reports that as a failed change set with one of two
    /// messages.
    pub fn says_no_changes(&self) -> bool {
        let reason = self.status_reason.as_deref().unwrap_or_default().replace('\u{2019}', "'").to_ascii_lowercase();
        self.status.as_deref() == Some("FAILED")
            && self.changes.is_empty()
            && (reason.contains("didn't contain changes") || reason.contains("no updates are to be performed"))
    }

    /// Returns the stack's name, or its ARN where the name is missing.
    pub fn stack_label(&self) -> &str {
        self.stack_name.as_deref().or(self.stack_id.as_deref()).unwrap_or("the stack")
    }
}

/// Counts the resources that a change set touches, including nested stacks: the total for progress.
pub fn resource_count(change_set: &ChangeSet) -> u64 {
    let own = change_set.changes.iter().filter(|change| change.resource_change.is_some()).count();
    own as u64 + change_set.nested.iter().map(resource_count).sum::<u64>()
}
