//! Finds the cause of a failed stack operation from its events.

use super::events::{StackEvent, stack_name_of};
use super::reasons;
use super::reasons::Meaning;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A resource that failed, or that was cancelled because another one did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedResource {
    /// The name in the template; for a stack itself, the stack's name.
    pub resource: String,
    /// The resource type, such as `AWS::S3::Bucket`; empty where the source does not say.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The CloudFormation status, such as `CREATE_FAILED`.
    pub status: String,
    /// The reason as CloudFormation gives it.
    pub reason: String,
    /// The name of the stack.
    pub stack: String,
    /// The time as the source wrote it.
    pub timestamp: String,
    /// Whether it failed only as a consequence of another failure.
    pub cascade: bool,
}

/// The analysis of a failed stack operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StackFailure {
    /// The first failure with a reason of its own.
    pub root_cause: FailedResource,
    /// All failures: the root cause, other causes, failures of the rollback, and cascades.
    pub failed_resources: Vec<FailedResource>,
    /// Other failures with reasons of their own, oldest first.
    pub other_causes: Vec<FailedResource>,
    /// Resources that the rollback could not undo. Each needs a repair of its own.
    pub rollback_failures: Vec<FailedResource>,
    /// Failures that follow from another one, including those of the stacks themselves.
    pub cascades: Vec<FailedResource>,
    /// The nested stack whose events must be fetched to find the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_child_stack: Option<String>,
    /// The resources that failed in that nested stack, as far as its parent names them.
    pub child_failed: Vec<String>,
    /// What the resource reported before it failed, such as the instance that signalled a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supporting_event: Option<String>,
    /// The CloudWatch log stream that a custom resource refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_stream: Option<String>,
}

/// The role of a row in the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    /// A resource failed for a reason of its own.
    Cause,
    /// A nested stack failed; its own events, if present, hold the cause.
    Relay(Option<String>),
    /// A resource failed without giving a reason.
    Silent,
    /// A resource failed as a consequence.
    Cascade,
    /// The stack's own row about its failure or rollback. `own_reason` is set when it says more than which resources
    /// failed.
    Stack { own_reason: bool },
    /// The row does not report a failure.
    Other,
}

struct Row<'a> {
    event: &'a StackEvent,
    reason: &'a str,
    role: Role,
    /// Whether the stack was already rolling back.
    in_rollback: bool,
}

/// Finds the cause of a failed operation.
///
/// `events` are those of this operation only, newest first; the streams of several stacks may follow one another.
/// Returns `None` when no event reports a failure.
pub fn stack_failure(events: &[StackEvent]) -> Option<StackFailure> {
    let mut rows = classify(&oldest_first(events));
    resolve_relays(&mut rows);
    let root = root_cause(&rows)?;
    Some(describe(&rows, root))
}

/// Sorts rows by time where every row has one. Rows with equal times, or without times, keep the reversed order of
/// the answer, which lists the oldest row and nested stacks last.
fn oldest_first(events: &[StackEvent]) -> Vec<&StackEvent> {
    let mut rows: Vec<&StackEvent> = events.iter().rev().collect();
    if rows.iter().all(|event| event.time().is_some()) {
        rows.sort_by_key(|event| event.time());
    }
    rows
}

fn classify<'a>(events: &[&'a StackEvent]) -> Vec<Row<'a>> {
    let mut rolling_back = BTreeSet::new();
    let mut hooked = BTreeSet::new();
    let mut something_failed = false;
    let mut rows = Vec::with_capacity(events.len());
    for event in events.iter().copied() {
        let (mut role, reason) = role(event);
        let resource = (event.stack_key(), event.logical_id());
        if event.hook_status.is_some() && role == Role::Cause {
            hooked.insert(resource);
        } else if role == Role::Cause && names_hooks(reason) && hooked.contains(&resource) {
            role = Role::Cascade;
        }
        let undoing = event.status() == "DELETE_FAILED" && something_failed;
        let in_rollback = undoing || rolling_back.contains(event.stack_key());
        if event.is_own_row() && begins_rollback(event, reason) {
            rolling_back.insert(event.stack_key());
        }
        something_failed |=
            matches!(role, Role::Cause | Role::Relay(_) | Role::Silent) && event.status() != "DELETE_FAILED";
        rows.push(Row { event, reason, role, in_rollback });
    }
    rows
}

fn role(event: &StackEvent) -> (Role, &str) {
    let reason = event.resource_status_reason.as_deref().unwrap_or_default();
    if hook_failed(event) {
        return (Role::Cause, event.hook_status_reason.as_deref().unwrap_or(reason));
    }
    if event.is_own_row() {
        let own_reason = !reasons::is_listing(reason) && !reasons::is_routine(reason);
        let failing = event.has_failed() || event.status().contains("ROLLBACK") || reasons::is_listing(reason);
        return (if failing { Role::Stack { own_reason } } else { Role::Other }, reason);
    }
    if !event.has_failed() {
        return (Role::Other, reason);
    }
    let role = match reasons::meaning(reason) {
        Meaning::Silent => Role::Silent,
        Meaning::Cause => Role::Cause,
        Meaning::Relay { arn } => Role::Relay(arn.or(event.physical_id()).map(str::to_owned)),
        Meaning::Cascade if reasons::is_listing(reason) && event.is_nested_stack() => {
            Role::Relay(event.physical_id().map(str::to_owned))
        }
        Meaning::Cascade => Role::Cascade,
    };
    (role, reason)
}

/// Tells whether a hook failed the operation. A hook in `WARN` mode does not.
fn hook_failed(event: &StackEvent) -> bool {
    let failed = event.hook_status.as_deref().is_some_and(|status| status.ends_with("FAILED"));
    failed && event.hook_failure_mode.as_deref() != Some("WARN")
}

/// Recognizes the row after a hook's own, which names the failed hooks but not what they found.
fn names_hooks(reason: &str) -> bool {
    reason.starts_with("The following hook(s) failed")
}

fn begins_rollback(event: &StackEvent, reason: &str) -> bool {
    let deletes_itself = event.status() == "DELETE_IN_PROGRESS"
        && (reasons::is_listing(reason) || reason.contains("Delete requested by user"));
    event.status().ends_with("ROLLBACK_IN_PROGRESS") || deletes_itself
}

/// Turns a nested stack's row into a cascade where the rows of that stack explain the failure.
fn resolve_relays(rows: &mut [Row<'_>]) {
    let telling: BTreeSet<String> = rows
        .iter()
        .filter(|row| {
            matches!(row.role, Role::Cause | Role::Relay(_) | Role::Silent | Role::Stack { own_reason: true })
        })
        .flat_map(|row| [row.event.stack_key().to_owned(), row.event.stack_label().to_owned()])
        .collect();
    for row in rows {
        if let Role::Relay(Some(child)) = &row.role {
            let itself = row.event.stack_key() == child;
            if !itself && (telling.contains(child) || telling.contains(stack_name_of(child))) {
                row.role = Role::Cascade;
            }
        }
    }
}

/// Picks the row of the root cause: the first with a reason of its own, preferably before the rollback, or else the
/// next best.
fn root_cause(rows: &[Row<'_>]) -> Option<usize> {
    let first = |rule: &dyn Fn(&Row<'_>) -> bool| rows.iter().position(rule);
    let tells = |row: &Row<'_>| matches!(row.role, Role::Cause | Role::Relay(_) | Role::Stack { own_reason: true });
    let refused = |row: &Row<'_>| {
        row.role == Role::Other
            && row.event.is_own_row()
            && row.event.status().ends_with("_COMPLETE")
            && !reasons::is_routine(row.reason)
    };
    first(&|row| tells(row) && !row.in_rollback)
        .or_else(|| first(&tells))
        .or_else(|| first(&|row| row.role == Role::Silent))
        .or_else(|| rows.iter().rposition(refused))
        .or_else(|| first(&|row| matches!(row.role, Role::Stack { .. }) && !row.reason.is_empty()))
        .or_else(|| first(&|row| row.role == Role::Cascade))
        .or_else(|| first(&|row| matches!(row.role, Role::Stack { .. })))
}

fn describe(rows: &[Row<'_>], root: usize) -> StackFailure {
    let root_cause = failed(&rows[root], false);
    let mut seen = BTreeSet::from([identity(&root_cause)]);
    let mut collect = |rule: &dyn Fn(usize, &Row<'_>) -> bool, cascade: bool| -> Vec<FailedResource> {
        let matching = rows.iter().enumerate().filter(|(at, row)| *at != root && rule(*at, row));
        matching.map(|(_, row)| failed(row, cascade)).filter(|resource| seen.insert(identity(resource))).collect()
    };
    let own = |row: &Row<'_>| matches!(row.role, Role::Cause | Role::Relay(_) | Role::Silent);
    // Where the cause itself lies in the rollback, nothing before it failed for a reason of its own.
    let undone = |row: &Row<'_>| row.in_rollback && !rows[root].in_rollback;
    let other_causes = collect(&|_, row| own(row) && !undone(row), false);
    let rollback_failures = collect(&|_, row| own(row) && undone(row), true);
    let cascades = collect(
        &|at, row| match row.role {
            Role::Cascade => true,
            Role::Stack { .. } => speaks_for_stack(rows, at, root),
            _ => false,
        },
        true,
    );
    let relay = std::iter::once(&rows[root]).chain(rows.iter().filter(|row| !row.in_rollback)).find_map(|row| {
        if let Role::Relay(Some(child)) = &row.role { Some((child.clone(), row.reason)) } else { None }
    });
    StackFailure {
        failed_resources: [vec![root_cause.clone()], other_causes.clone(), rollback_failures.clone(), cascades.clone()]
            .concat(),
        supporting_event: supporting(rows, root),
        log_stream: reasons::log_stream(&root_cause.reason),
        child_failed: relay.as_ref().map(|(_, reason)| reasons::listed(reason)).unwrap_or_default(),
        needs_child_stack: relay.map(|(child, _)| child),
        root_cause,
        other_causes,
        rollback_failures,
        cascades,
    }
}

/// Tells whether a row represents its stack: the first row with a reason does. A stack without any reason is named
/// only if its rows show the operation from the start, since a lone final status may belong to another operation.
fn speaks_for_stack(rows: &[Row<'_>], at: usize, root: usize) -> bool {
    let key = rows[at].event.stack_key();
    let of_stack = |row: &&Row<'_>| row.event.stack_key() == key && row.event.is_own_row();
    if of_stack(&&rows[root]) {
        return false;
    }
    let stack_rows =
        || rows.iter().enumerate().filter(|(_, row)| of_stack(row) && matches!(row.role, Role::Stack { .. }));
    match stack_rows().find(|(_, row)| !row.reason.is_empty()) {
        Some((speaker, _)) => speaker == at,
        None => {
            let started = rows
                .iter()
                .filter(of_stack)
                .any(|row| row.role == Role::Other && row.event.status().ends_with("_IN_PROGRESS"));
            started && stack_rows().next().is_some_and(|(first, _)| first == at)
        }
    }
}

/// Returns the last problem that the root cause's resource reported before it failed.
fn supporting(rows: &[Row<'_>], root: usize) -> Option<String> {
    let cause = rows[root].event;
    rows[..root]
        .iter()
        .rev()
        .filter(|row| row.event.logical_id() == cause.logical_id() && row.event.stack_key() == cause.stack_key())
        .find(|row| row.event.status().ends_with("_IN_PROGRESS") && reasons::tells_of_trouble(row.reason))
        .map(|row| format!("{}: {}", row.event.status(), row.reason))
}

fn failed(row: &Row<'_>, cascade: bool) -> FailedResource {
    FailedResource {
        resource: row.event.logical_id().to_owned(),
        resource_type: row.event.resource_type.clone().unwrap_or_default(),
        status: row.event.status().to_owned(),
        reason: row.reason.to_owned(),
        stack: row.event.stack_label().to_owned(),
        timestamp: row.event.timestamp.clone().unwrap_or_default(),
        cascade,
    }
}

fn identity(resource: &FailedResource) -> (String, String, String, String) {
    let FailedResource { stack, resource, status, reason, .. } = resource.clone();
    (stack, resource, status, reason)
}
