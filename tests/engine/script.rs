//! What tasks are to do in a test: for each task name a list of outcomes, one for each call.

use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};

/// How one call of a task ends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Return(Value),
    Raise {
        error: String,
        cause: String,
    },
    /// The task returns, and its token is completed with this.
    Complete(Value),
    /// The task, or the one who holds its token, never answers.
    Never,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Script(HashMap<String, VecDeque<Outcome>>);

impl Script {
    pub fn parse(json: Value) -> Self {
        serde_json::from_value(json).expect("a script")
    }

    /// The outcome of the next call, which the payload names. Calls beyond the script return `null`.
    pub fn next(&mut self, payload: &Value) -> Outcome {
        let task = payload["task"].as_str().unwrap_or_default();
        self.0.get_mut(task).and_then(VecDeque::pop_front).unwrap_or(Outcome::Return(Value::Null))
    }
}
