//! Tracks how far the events of each stack were read, and the state of each stack.

use crate::analysis::failure::StackEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most stacks tracked at once; finished ones make room.
const MOST: usize = 60;

/// The place of a row in its batch, for rows with the same time as the start of a rollback.
pub(super) struct Position<'a> {
    /// Whether it is newer than the row that began the rollback of its stack.
    pub passed: bool,
    /// The stacks whose rollback begins among these rows.
    pub in_batch: &'a BTreeSet<String>,
}

/// A stack of the operation. Times are in Unix milliseconds; 0 where the source has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Cursor {
    stack: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<String>,
    /// The time of the newest counted event.
    at: i64,
    /// The time of the stack's latest own status; `ended` tells whether it was final.
    status_at: i64,
    ended: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollback_at: Option<i64>,
}

/// The stacks of the operation, the root first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Cursors(Vec<Cursor>);

impl Cursors {
    pub fn new(root: &str) -> Self {
        Self(vec![Cursor { stack: root.to_owned(), ..Cursor::default() }])
    }

    pub fn open(&self) -> Vec<&str> {
        let open = self.0.iter().enumerate().filter(|(at, cursor)| *at == 0 || !cursor.ended);
        open.map(|(_, cursor)| cursor.stack.as_str()).collect()
    }

    pub fn newest(&self, stack: &str) -> Option<&str> {
        self.0.iter().find(|cursor| cursor.stack == stack)?.newest.as_deref()
    }

    /// Advances each stack's cursor to its newest row. Rows of an old page do not move it back.
    pub fn advance(&mut self, events_newest_first: &[StackEvent]) {
        let mut seen = BTreeSet::new();
        for event in events_newest_first {
            let (Some(id), true) = (&event.event_id, seen.insert(event.stack_key())) else {
                continue;
            };
            let known = |old: &String| events_newest_first.iter().any(|other| other.event_id.as_ref() == Some(old));
            let cursor = self.entry(event);
            let newer = millis(event) > cursor.at || millis(event) == 0;
            if cursor.newest.is_none()
                || newer
                || (millis(event) == cursor.at && cursor.newest.as_ref().is_some_and(known))
            {
                cursor.newest = Some(id.clone());
                cursor.at = cursor.at.max(millis(event));
            }
        }
    }

    /// Tells whether a row belongs to the root stack.
    pub fn is_root(&self, event: &StackEvent) -> bool {
        self.0.first().is_some_and(|root| belongs(event, &root.stack))
    }

    /// Tells whether this row of the root is at least as new as its latest one. At equal times a final status wins.
    pub fn is_latest_of_root(&self, event: &StackEvent) -> bool {
        self.0.first().is_some_and(|root| is_later(root, event, event.is_final()))
    }

    /// Records a stack's own status.
    pub fn ended(&mut self, event: &StackEvent, ended: bool) {
        let cursor = self.entry(event);
        if is_later(cursor, event, ended) {
            (cursor.status_at, cursor.ended) = (millis(event), ended);
        }
    }

    /// Records when a stack's rollback began, keeping the earliest time.
    pub fn rolls_back(&mut self, event: &StackEvent) {
        let cursor = self.entry(event);
        cursor.rollback_at = Some(cursor.rollback_at.map_or(millis(event), |known| known.min(millis(event))));
    }

    /// Adds a nested stack from its parent's row. A row about new work reopens a finished one.
    pub fn discover(&mut self, event: &StackEvent) {
        let Some(arn) = event.physical_id() else {
            return;
        };
        let time = millis(event);
        match self.0.iter_mut().find(|cursor| cursor.stack == arn) {
            Some(cursor) if event.status().ends_with("_IN_PROGRESS") && time > cursor.status_at && time > cursor.at => {
                cursor.ended = false;
            }
            Some(_) => {}
            None => self.push(Cursor { stack: arn.to_owned(), ..Cursor::default() }),
        }
    }

    /// Tells whether a row belongs to a rollback: its stack, or the root, was rolling back by then.
    pub fn in_rollback(&self, event: &StackEvent, position: &Position<'_>) -> bool {
        let own = self.0.iter().find(|cursor| belongs(event, &cursor.stack));
        let began = |cursor: &Cursor| match cursor.rollback_at {
            Some(began) if millis(event) != began => millis(event) > began,
            // The same instant, or no times at all: the order of the rows decides, where they came together.
            Some(0) => position.passed || !position.in_batch.contains(event.stack_key()),
            Some(_) => position.passed,
            None => false,
        };
        own.is_some_and(began) || self.0.first().is_some_and(began)
    }

    fn entry(&mut self, event: &StackEvent) -> &mut Cursor {
        if let Some(at) = self.0.iter().position(|cursor| belongs(event, &cursor.stack)) {
            return &mut self.0[at];
        }
        self.push(Cursor { stack: event.stack_key().to_owned(), ..Cursor::default() });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    fn push(&mut self, cursor: Cursor) {
        if self.0.len() >= MOST {
            let ended = self.0.iter().skip(1).position(|cursor| cursor.ended).unwrap_or(0) + 1;
            self.0.remove(ended);
        }
        self.0.push(cursor);
    }
}

fn is_later(cursor: &Cursor, event: &StackEvent, ends: bool) -> bool {
    let time = millis(event);
    time > cursor.status_at || (time == cursor.status_at && (ends || !cursor.ended))
}

/// Matches by ARN, or by name where the operation or its rows know nothing else.
fn belongs(event: &StackEvent, stack: &str) -> bool {
    event.stack_key() == stack || event.stack_name.as_deref() == Some(stack)
}

fn millis(event: &StackEvent) -> i64 {
    event.time().map_or(0, |time| time.as_millisecond())
}
