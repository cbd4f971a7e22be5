//! Counts how far a running stack operation is. The counts are stored between polls, so they stay small, and counting
//! the same events again changes nothing.

use super::cursors::{Cursors, Position};
use super::marks::{Marks, State};
use super::phrases;
use crate::analysis::failure::{StackEvent, only_follows, readable};
use crate::domain::backend::stack_action::StackAction;
use crate::domain::hint::{Extent, Hint};
pub use crate::domain::progress::ResourceLine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most resources named in each list; the others are only counted.
pub(super) const NAMED: usize = 10;

/// The longest reason kept, in characters.
pub(super) const REASON: usize = 200;

/// The outcome of a stack operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StackOutcome {
    /// The stack matches the template.
    Succeeded,
    /// The operation failed and was rolled back. A stack under creation is empty or deleted.
    RolledBack,
    /// The operation failed without a rollback.
    Failed,
    /// The operation failed, and so did its rollback.
    RollbackFailed,
}

/// The progress of an operation on a stack and its nested stacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StackProgress {
    /// The operation.
    pub action: StackAction,
    /// The number of resources to process: those of the change set, or more when more appear.
    pub total: u64,
    /// The number of finished resources; during a rollback, of undone resources.
    pub done: u64,
    /// Some of the resources in progress.
    pub in_progress: Vec<ResourceLine>,
    /// The first resources that failed for a reason of their own.
    pub failed: Vec<ResourceLine>,
    /// Whether the stack is being rolled back.
    pub rolling_back: bool,
    /// The stack's latest status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    planned: u64,
    cursors: Cursors,
    #[schemars(with = "String")]
    pub(super) marks: Marks,
}

impl StackProgress {
    /// Starts counting an operation. `stack_id` is the stack's ARN or name; `planned` is the number of resources in
    /// its change set.
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

    /// Lists the stacks whose events are still to be read, the root first: the root, and nested stacks that have not
    /// finished.
    pub fn open_stacks(&self) -> Vec<&str> {
        self.cursors.open()
    }

    /// Returns the newest counted event of a stack. Reading newest first may stop there.
    pub fn cursor(&self, stack: &str) -> Option<&str> {
        self.cursors.newest(stack)
    }

    /// Returns the outcome; `None` while the operation runs.
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

    /// Tells whether the stack already matches its template and only replaced resources remain to be removed.
    pub fn only_cleans_up(&self) -> bool {
        !self.rolling_back && self.status.as_deref().is_some_and(|status| status.contains("COMPLETE_CLEANUP"))
    }

    /// Counts events of this operation, newest first; those of several stacks may follow one another. An event counts
    /// once.
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

    /// Returns the sentence of `progress_hint`.
    pub fn hint(&self) -> Hint {
        let counts = Extent::Resources(self.done, self.total);
        match self.outcome() {
            Some(StackOutcome::Succeeded) => Hint::new(phrases::changed(self.action), counts),
            Some(StackOutcome::RolledBack) => phrases::ROLLED_BACK.into(),
            Some(StackOutcome::Failed) => phrases::failed(self.action).into(),
            Some(StackOutcome::RollbackFailed) => phrases::ROLLBACK_FAILED.into(),
            None if self.rolling_back => Hint::new(phrases::ROLLING_BACK, counts),
            None if self.status.as_deref().is_some_and(|status| status.contains("CLEANUP")) => {
                Hint::new(phrases::CLEANING_UP, counts)
            }
            None => Hint::new(phrases::changing(self.action), counts),
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

/// Finds the stacks whose rollback begins in these rows.
fn rollback_rows(events: &[StackEvent], action: StackAction) -> BTreeSet<String> {
    let starts = events.iter().filter(|event| event.is_own_row() && begins_rollback(event, action));
    starts.map(|event| event.stack_key().to_owned()).collect()
}

/// Tells whether a row begins a rollback. A stack that deletes itself after a failed creation rolls back, too.
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
