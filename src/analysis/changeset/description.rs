//! A change set in CloudFormation's own shape, as `DescribeChangeSet` returns it.
//!
//! Values that AWS may extend stay text: an unknown one must go to a human, not fail to parse.

use crate::analysis::null_as_default::null_as_default;
use serde::{Deserialize, Serialize};

/// The answers of `DescribeChangeSet`, all pages of one change set joined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ChangeSet {
    /// The change set's ARN.
    pub change_set_id: Option<String>,
    /// Its name.
    pub change_set_name: Option<String>,
    /// The ARN of the stack it changes.
    pub stack_id: Option<String>,
    /// The name of that stack.
    pub stack_name: Option<String>,
    /// `CREATE_COMPLETE` when it can be shown; `FAILED` with a reason otherwise.
    pub status: Option<String>,
    /// Why it has this status.
    pub status_reason: Option<String>,
    /// Whether it can be executed: `AVAILABLE`, or for a nested one `UNAVAILABLE`.
    pub execution_status: Option<String>,
    /// Whether CloudFormation made change sets for nested stacks too.
    pub include_nested_stacks: Option<bool>,
    /// What is left of a description that was not read to its end.
    pub next_token: Option<String>,
    /// The changes, in CloudFormation's order.
    #[serde(deserialize_with = "null_as_default")]
    pub changes: Vec<Change>,
    /// The described change sets of nested stacks. Not a field of AWS: whoever describes a change set follows the ids in
    /// its changes and puts the answers here, nested or in one list.
    #[serde(deserialize_with = "null_as_default")]
    pub nested: Vec<ChangeSet>,
}

/// One change of a change set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Change {
    /// `Resource` is the only kind that is known.
    #[serde(rename = "Type")]
    pub type_: Option<String>,
    /// How many hooks look at the change.
    pub hook_invocation_count: Option<u64>,
    /// The resource and what happens to it.
    pub resource_change: Option<ResourceChange>,
}

/// What happens to one resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceChange {
    /// What becomes of the physical resource: `Delete`, `Retain`, `Snapshot`, `ReplaceAndDelete`, …
    pub policy_action: Option<String>,
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`, `SyncWithActual`.
    pub action: Option<String>,
    /// The name in the template.
    pub logical_resource_id: Option<String>,
    /// The name in the account; absent before it exists.
    pub physical_resource_id: Option<String>,
    /// Such as `AWS::Lambda::Function`.
    pub resource_type: Option<String>,
    /// `True`, `False` or `Conditional`, for `Modify`.
    pub replacement: Option<String>,
    /// The attributes that change: `Properties`, `Metadata`, `Tags`, `DeletionPolicy`, …
    #[serde(deserialize_with = "null_as_default")]
    pub scope: Vec<String>,
    /// Each attribute or property that changes, sometimes named twice.
    #[serde(deserialize_with = "null_as_default")]
    pub details: Vec<Detail>,
    /// The change set of this nested stack.
    pub change_set_id: Option<String>,
    /// The resource as it is, a JSON text; only when property values were asked for.
    pub before_context: Option<String>,
    /// The resource as it will be, a JSON text.
    pub after_context: Option<String>,
    /// The module the resource comes from.
    pub module_info: Option<ModuleInfo>,
}

/// The module a resource comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ModuleInfo {
    /// Types of the modules, outermost first.
    pub type_hierarchy: Option<String>,
    /// Logical ids of the modules, outermost first.
    pub logical_id_hierarchy: Option<String>,
}

/// One attribute or property that changes, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Detail {
    /// What changes.
    #[serde(deserialize_with = "null_as_default")]
    pub target: Target,
    /// `Static` when the new value is known before it runs, `Dynamic` otherwise.
    pub evaluation: Option<String>,
    /// `DirectModification`, `ParameterReference`, `ResourceReference`, `ResourceAttribute`, `Automatic`.
    pub change_source: Option<String>,
    /// What the change follows from, such as `Function.Arn`.
    pub causing_entity: Option<String>,
}

/// What a [`Detail`] changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Target {
    /// `Properties`, `Metadata`, `Tags`, …
    pub attribute: Option<String>,
    /// The property, when the attribute is `Properties`.
    pub name: Option<String>,
    /// `Never`, `Conditionally` or `Always`.
    pub requires_recreation: Option<String>,
    /// Where in the resource, such as `/Properties/Code/S3Key`.
    pub path: Option<String>,
    /// The value as it is.
    pub before_value: Option<String>,
    /// The value as it will be.
    pub after_value: Option<String>,
    /// `Add`, `Remove`, `Modify`, `SyncWithActual`.
    pub attribute_change_type: Option<String>,
}

impl ChangeSet {
    /// CloudFormation's way of saying that the template and its parameters change nothing: a failed change set with one
    /// of two sentences.
    pub fn says_no_changes(&self) -> bool {
        let reason = self.status_reason.as_deref().unwrap_or_default().replace('\u{2019}', "'").to_ascii_lowercase();
        self.status.as_deref() == Some("FAILED")
            && self.changes.is_empty()
            && (reason.contains("didn't contain changes") || reason.contains("no updates are to be performed"))
    }

    /// How this change set's stack is called in sentences: its name, or its ARN where the name is missing.
    pub fn stack_label(&self) -> &str {
        self.stack_name.as_deref().or(self.stack_id.as_deref()).unwrap_or("the stack")
    }
}

/// How many resources a change set touches, those of nested stacks included: the total of the progress that follows.
pub fn resource_count(change_set: &ChangeSet) -> u64 {
    let own = change_set.changes.iter().filter(|change| change.resource_change.is_some()).count();
    own as u64 + change_set.nested.iter().map(resource_count).sum::<u64>()
}
