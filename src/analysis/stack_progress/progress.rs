//! How far a running stack operation is, counted from its events. The counts are kept in a record between two looks, so
//! they stay small, and counting the same events again changes nothing.

use super::cursors::{Cursors, Position};
use super::marks::{Marks, State};
use crate::analysis::failure::{StackEvent, only_follows, readable};
use crate::domain::activity::{Activity, Extent, Hint};
use crate::domain::backend::stack_action::StackAction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many resources are named in each list; the others are only counted.
pub(super) const NAMED: usize = 10;

/// How many letters of a reason are kept.
pub(super) const REASON: usize = 200;

/// How a stack operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StackOutcome {
    /// The stack is as the template says.
    Succeeded,
    /// It failed, and the stack is as it was; one that was being created is empty or gone.
    RolledBack,
    /// It failed and was left as it is, with rollback switched off.
    Failed,
    /// It failed, and so did the way back.
    RollbackFailed,
}

/// A resource that is worked on, or that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceLine {
    /// The name in the template.
    pub resource: String,
    /// Such as `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The stack it belongs to.
    pub stack: String,
    /// CloudFormation's status.
    pub status: String,
    /// CloudFormation's words, shortened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The counts of one operation on one stack and the stacks nested in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StackProgress {
    /// What is being done.
    pub action: StackAction,
    /// Resources to work on: those of the change set, or more when more appear.
    pub total: u64,
    /// Resources that are finished; while the stack is rolled back, those that are undone.
    pub done: u64,
    /// Resources that are worked on, a few of them.
    pub in_progress: Vec<ResourceLine>,
    /// Resources that failed for a reason of their own, the first few.
    pub failed: Vec<ResourceLine>,
    /// Whether the stack is being rolled back.
    pub rolling_back: bool,
    /// The stack's own status, as its latest row says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    planned: u64,
    cursors: Cursors,
    #[schemars(with = "String")]
    pub(super) marks: Marks,
}

impl StackProgress {
    /// An operation that begins. `stack_id` is the stack's ARN, or its name; `planned` is the number of resources its
    /// change set touches.
    pub fn new(action: StackAction, stack_id: &str, planned: u64) -> Self {
        Self {
            action,
            total: planned,
            done: 0,
            in_progress: vec![],
            failed: vec![],
            rolling_back: false,
            status: None,
            planned,
            cursors: Cursors::new(stack_id),
            marks: Marks::default(),
        }
    }

    /// The stacks whose events are still to be read, the root first: it, and each nested stack that has not ended.
    pub fn open_stacks(&self) -> Vec<&str> {
        self.cursors.open()
    }

    /// The newest event of a stack that was counted: reading newest first may stop at it.
    pub fn cursor(&self, stack: &str) -> Option<&str> {
        self.cursors.newest(stack)
    }

    /// How the operation ended; nothing while it runs.
    pub fn outcome(&self) -> Option<StackOutcome> {
        let status = self.status.as_deref()?;
        match status {
            "DELETE_COMPLETE" if self.action == StackAction::Delete => Some(StackOutcome::Succeeded),
            "DELETE_COMPLETE" => Some(StackOutcome::RolledBack),
            status if status.ends_with("ROLLBACK_COMPLETE") => Some(StackOutcome::RolledBack),
            status if status.ends_with("ROLLBACK_FAILED") => Some(StackOutcome::RollbackFailed),
            "DELETE_FAILED" if self.action != StackAction::Delete => Some(StackOutcome::RollbackFailed),
            status if status.ends_with("_COMPLETE") => Some(StackOutcome::Succeeded),
            status if status.ends_with("_FAILED") => Some(StackOutcome::Failed),
            _ => None,
        }
    }

    /// Whether the stack is as its template says and only what was replaced is still to be removed.
    pub fn only_cleans_up(&self) -> bool {
        !self.rolling_back && self.status.as_deref().is_some_and(|status| status.contains("COMPLETE_CLEANUP"))
    }

    /// Counts events of this operation, newest first; those of several stacks may follow one another. What was counted
    /// before is not counted again.
    pub fn absorb(&mut self, events_newest_first: &[StackEvent]) {
        self.cursors.advance(events_newest_first);
        let mut passed = BTreeSet::new();
        let batch = rollback_rows(events_newest_first, self.action);
        for event in events_newest_first.iter().rev().filter(|event| event.status() != "REVIEW_IN_PROGRESS") {
            if event.is_own_row() {
                if begins_rollback(event, self.action) {
                    passed.insert(event.stack_key());
                }
                self.absorb_own_row(event);
            } else if !event.logical_id().is_empty() {
                let position = Position { passed: passed.contains(event.stack_key()), in_batch: &batch };
                self.absorb_resource(event, &position);
            }
        }
        self.recount();
    }

    /// The sentence of `progress_hint`.
    pub fn hint(&self) -> Hint {
        let counts = Extent::Resources(self.done, self.total);
        match self.outcome() {
            Some(StackOutcome::Succeeded) => Activity::ChangedStack(self.action).at(counts),
            Some(StackOutcome::RolledBack) => Activity::RolledBack.into(),
            Some(StackOutcome::Failed) => Activity::FailedStack(self.action).into(),
            Some(StackOutcome::RollbackFailed) => Activity::RollbackFailed.into(),
            None if self.rolling_back => Activity::RollingBack.at(counts),
            None if self.status.as_deref().is_some_and(|status| status.contains("CLEANUP")) => {
                Activity::CleaningUp.at(counts)
            }
            None => Activity::ChangingStack(self.action).at(counts),
        }
    }

    fn absorb_own_row(&mut self, event: &StackEvent) {
        if self.cursors.is_root(event) {
            if self.cursors.is_latest_of_root(event) {
                self.status = event.resource_status.clone();
            }
            self.rolling_back |= begins_rollback(event, self.action) || event.status().contains("ROLLBACK");
        }
        if begins_rollback(event, self.action) {
            self.cursors.rolls_back(event);
        }
        self.cursors.ended(event, event.is_final());
    }

    fn absorb_resource(&mut self, event: &StackEvent, position: &Position<'_>) {
        if event.is_nested_stack() {
            self.cursors.discover(event);
        }
        let Some(state) = State::of(event.status()) else {
            return;
        };
        let undoing = self.cursors.in_rollback(event, position);
        if !self.marks.raise(event.stack_key(), event.logical_id(), undoing, state) {
            return;
        }
        self.in_progress.retain(|line| line.resource != event.logical_id() || line.stack != event.stack_label());
        let list = match state {
            State::InProgress => &mut self.in_progress,
            State::Failed if !only_follows(event.resource_status_reason.as_deref().unwrap_or_default()) => {
                &mut self.failed
            }
            _ => return,
        };
        if list.len() < NAMED {
            list.push(line(event));
        }
    }

    fn recount(&mut self) {
        let known = self.marks.len();
        (self.total, self.done) = match self.outcome() {
            // What a change set listed and the operation did not have to touch is as it should be.
            Some(StackOutcome::Succeeded) => (self.planned.max(known), self.planned.max(known)),
            _ if self.rolling_back => (known, self.marks.undone()),
            _ => (self.planned.max(known), self.marks.completed()),
        };
        if self.outcome().is_some() {
            self.in_progress.clear();
        }
    }
}

/// The stacks whose rollback begins in these rows.
fn rollback_rows(events: &[StackEvent], action: StackAction) -> BTreeSet<String> {
    let starts = events.iter().filter(|event| event.is_own_row() && begins_rollback(event, action));
    starts.map(|event| event.stack_key().to_owned()).collect()
}

/// A stack that deletes itself after its creation failed rolls back too.
fn begins_rollback(event: &StackEvent, action: StackAction) -> bool {
    let reason = event.resource_status_reason.as_deref().unwrap_or_default();
    let deletes_itself = event.status() == "DELETE_IN_PROGRESS" && action != StackAction::Delete;
    event.status().ends_with("ROLLBACK_IN_PROGRESS")
        || (deletes_itself && (reason.contains("failed to") || reason.contains("requested by user")))
}

fn line(event: &StackEvent) -> ResourceLine {
    let reason = if event.status().ends_with("_FAILED") {
        readable(event.resource_status_reason.as_deref().unwrap_or_default()).chars().take(REASON).collect()
    } else {
        String::new()
    };
    ResourceLine {
        resource: event.logical_id().to_owned(),
        resource_type: event.resource_type.clone().unwrap_or_default(),
        stack: event.stack_label().to_owned(),
        status: event.status().to_owned(),
        reason,
    }
}
