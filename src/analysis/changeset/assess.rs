//! Assesses a whole change set: code only, or infrastructure that a human must approve.

use super::description::{ChangeSet, ResourceChange};
use super::verdict::{AssessedChange, Replacement, Risk, Surroundings, is_code, judge, unknown_kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The class of a change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeClass {
    /// Only code changes, or no changes.
    CodeOnly,
    /// Everything else, including what could not be read completely.
    Infrastructure,
}

/// An assessed change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// The class of the whole change set.
    pub class: ChangeClass,
    /// The changes in the order shown to an approver: replacements and removals first, then by risk.
    pub changes: Vec<AssessedChange>,
    /// Why the change set could not be assessed, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The number of changes by kind. A replacement counts only as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeCounts {
    /// Resources to be created.
    pub added: u64,
    /// Resources updated in place.
    pub modified: u64,
    /// Resources that are or may be replaced.
    pub replaced: u64,
    /// Resources to be removed.
    pub removed: u64,
    /// Imports and unknown kinds.
    pub other: u64,
}

impl Assessment {
    /// Counts the changes by kind.
    pub fn counts(&self) -> ChangeCounts {
        let mut counts = ChangeCounts::default();
        for change in &self.changes {
            let counter = match (change.replacement, change.action.as_str()) {
                (Replacement::None, "Add") => &mut counts.added,
                (Replacement::None, "Modify") => &mut counts.modified,
                (_, "Remove") => &mut counts.removed,
                (_, "Modify") => &mut counts.replaced,
                _ => &mut counts.other,
            };
            *counter += 1;
        }
        counts
    }

    /// The highest risk among the changes; low when there is none.
    pub fn risk(&self) -> Risk {
        self.changes.iter().map(|change| change.risk).max().unwrap_or(Risk::Low)
    }
}

impl std::fmt::Display for ChangeCounts {
    /// Writes counts such as "2 to add, 1 to replace".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [
            (self.replaced, "to replace"),
            (self.removed, "to remove"),
            (self.modified, "to change"),
            (self.added, "to add"),
            (self.other, "other"),
        ];
        let parts: Vec<String> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
        f.write_str(if parts.is_empty() { "no changes".to_owned() } else { parts.join(", ") }.as_str())
    }
}

/// Assesses a change set with all its pages and nested change sets. What is not known to be safe needs a human.
pub fn assess(change_set: &ChangeSet) -> Assessment {
    let mut changes = Vec::new();
    let error = collect(change_set, change_set, &mut Vec::new(), &mut changes).err();
    changes.sort_by_cached_key(|change| {
        let loses = change.replacement != Replacement::None || change.action == "Remove";
        let place = (change.stack.clone(), change.logical_id.clone());
        (Reverse(change.needs_human), Reverse(loses), Reverse(change.risk), place)
    });
    let code_only = error.is_none() && changes.iter().all(|change| !change.needs_human);
    let class = if code_only { ChangeClass::CodeOnly } else { ChangeClass::Infrastructure };
    Assessment { class, changes, error }
}

/// Assesses the changes of a change set and of those nested in it. `Err` says why the change set as a whole cannot be
/// trusted; its changes are assessed and shown nevertheless.
fn collect<'a>(
    change_set: &'a ChangeSet,
    root: &'a ChangeSet,
    open: &mut Vec<&'a ChangeSet>,
    into: &mut Vec<AssessedChange>,
) -> Result<(), String> {
    let stack = change_set.stack_label();
    let code = code_resources(change_set);
    let mut outcome = trustworthy(change_set);
    open.push(change_set);
    for change in &change_set.changes {
        let known = change.type_.as_deref().is_none_or(|kind| kind == "Resource");
        let Some(resource) = change.resource_change.as_ref().filter(|_| known) else {
            into.push(unknown_kind(stack, change.type_.as_deref()));
            continue;
        };
        let nested = match nested_of(resource, change_set, root, open) {
            Err(why) => Err(why),
            Ok(None) => Ok(()),
            Ok(Some(nested)) => {
                let first = into.len();
                let trusted = collect(nested, root, open, into);
                if let Err(why) = &trusted {
                    outcome = outcome.and(Err(why.clone()));
                }
                let humans = into[first..].iter().filter(|change| change.needs_human).count();
                match humans {
                    0 => trusted,
                    _ => Err(format!("Its nested change set has {humans} changes that need a human.")
                        .replace("has 1 changes that need", "has 1 change that needs")),
                }
            }
        };
        into.push(judge(resource, &Surroundings { stack, code_only: &code, nested }));
    }
    open.pop();
    outcome
}

/// Checks that the description is complete and the change set executable.
fn trustworthy(change_set: &ChangeSet) -> Result<(), String> {
    let name = change_set.change_set_name.as_deref().or(change_set.change_set_id.as_deref()).unwrap_or("of the stack");
    if change_set.says_no_changes() {
        return Ok(());
    }
    if change_set.next_token.as_deref().is_some_and(|token| !token.is_empty()) {
        return Err(format!("The change set {name} was not read completely."));
    }
    match change_set.status.as_deref() {
        None | Some("CREATE_COMPLETE") => Ok(()),
        Some("FAILED") => Err(format!(
            "The change set {name} failed: {}",
            change_set.status_reason.as_deref().unwrap_or("CloudFormation gave no reason.")
        )),
        Some(status) => Err(format!("The change set {name} cannot be executed: its status is {status}.")),
    }
}

/// Finds the resources whose change is code only, including those that follow from others, until no more are found.
fn code_resources(change_set: &ChangeSet) -> BTreeSet<&str> {
    let resources: Vec<&ResourceChange> =
        change_set.changes.iter().filter_map(|change| change.resource_change.as_ref()).collect();
    let mut code = BTreeSet::new();
    loop {
        let before = code.len();
        for resource in &resources {
            if let Some(id) = resource.logical_resource_id.as_deref().filter(|_| is_code(resource, &code)) {
                code.insert(id);
            }
        }
        if code.len() == before {
            return code;
        }
    }
}

/// Finds the change set of a nested stack; `None` for other resources. It must be the one that the change names, for
/// the stack that the change names, and must not contain itself.
fn nested_of<'a>(
    resource: &ResourceChange,
    parent: &'a ChangeSet,
    root: &'a ChangeSet,
    open: &[&ChangeSet],
) -> Result<Option<&'a ChangeSet>, String> {
    if resource.resource_type.as_deref() != Some("AWS::CloudFormation::Stack") {
        return Ok(None);
    }
    let Some(id) = resource.change_set_id.as_deref().filter(|id| !id.is_empty()) else {
        return Err("It has no nested change set, so its changes are unknown.".into());
    };
    let found = find(parent, id).or_else(|| find(root, id));
    let Some(nested) = found.filter(|nested| !open.iter().any(|outer| std::ptr::eq(*outer, *nested))) else {
        return Err("Its nested change set was not described, so its changes are unknown.".into());
    };
    match (resource.physical_resource_id.as_deref(), nested.stack_id.as_deref()) {
        (Some(physical), Some(stack)) if !physical.is_empty() && physical != stack => {
            Err("The change set it names belongs to another stack.".into())
        }
        _ => Ok(Some(nested)),
    }
}

fn find<'a>(change_set: &'a ChangeSet, id: &str) -> Option<&'a ChangeSet> {
    change_set
        .nested
        .iter()
        .find(|nested| nested.change_set_id.as_deref() == Some(id))
        .or_else(|| change_set.nested.iter().find_map(|nested| find(nested, id)))
}
