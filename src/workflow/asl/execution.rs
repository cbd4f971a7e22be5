//! One run of a state machine as it is stored: everything that is needed to carry on from here.

use crate::domain::digest::Sha256;
use crate::requests::engine::{ExecutionStatus, TaskToken};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest snapshot, in bytes of JSON. A DynamoDB item holds 400 KB, of which the definition takes a part; a
/// larger snapshot ends the execution with `States.DataLimitExceeded`.
pub const MAX_SNAPSHOT_BYTES: usize = 350_000;

/// The name of the failure that answers a state's error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error name that `Retry` and `Catch` match.
    pub error: String,
    /// What happened. For a failed task the JSON text that a Lambda function's failure has in Step Functions.
    pub cause: String,
}

impl Failure {
    /// A task or token that took longer than it may.
    pub const TIMEOUT: &'static str = "States.Timeout";
    /// The definition and the data do not fit each other. Never retried nor caught.
    pub const RUNTIME: &'static str = "States.Runtime";
    /// The data grew beyond [`MAX_SNAPSHOT_BYTES`]. Never retried nor caught.
    pub const DATA_LIMIT_EXCEEDED: &'static str = "States.DataLimitExceeded";
    /// No rule of a `Choice` applies and there is no default.
    pub const NO_CHOICE_MATCHED: &'static str = "States.NoChoiceMatched";
    /// A result has no place in the state's input.
    pub const RESULT_PATH_MATCH_FAILURE: &'static str = "States.ResultPathMatchFailure";

    /// A failure with its name and cause.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }

    /// A `States.Runtime` failure.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self::new(Self::RUNTIME, cause)
    }

    /// Whether errors of this name end the execution whatever `Retry` and `Catch` say.
    pub fn is_terminal(error: &str) -> bool {
        matches!(error, Self::RUNTIME | Self::DATA_LIMIT_EXCEEDED)
    }
}

/// An execution's snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// The state machine's name.
    pub machine: String,
    /// The execution's name, unique among those of its machine.
    pub name: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// What it was started with.
    pub input: Value,
    /// Where it stands.
    pub position: Position,
    /// The last tokens that were completed, so that a repeated completion is recognised.
    #[serde(default)]
    pub completions: Vec<Completion>,
}

/// In a state, or at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In a state.
    In(Visit),
    /// At the end.
    Ended {
        /// When it ended.
        at: Timestamp,
        /// How it ended.
        ending: Ending,
    },
}

/// One visit of a state, with all its retries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// How many states were entered before, so that two visits of one state differ.
    pub number: u64,
    /// The state's name.
    pub state: String,
    /// The state's raw input.
    pub input: Value,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// How often each retrier was used in this visit.
    pub retries: Vec<u32>,
    /// What is going on.
    pub doing: Doing,
}

impl Visit {
    /// How many retries there were, whichever retrier they were due to.
    pub fn retry_count(&self) -> u64 {
        self.retries.iter().copied().map(u64::from).sum()
    }
}

/// What a visit is at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Nothing yet.
    Entered,
    /// The task runs with this payload, until the deadline at most.
    Running {
        /// What the task is called with.
        payload: Value,
        /// When the task has timed out.
        deadline: Option<Timestamp>,
        /// The token that was handed to the task, if the state waits for one.
        callback: Option<Callback>,
    },
    /// The task has run; its token was not completed yet.
    AwaitingToken {
        /// The token that was handed to the task.
        token: TaskToken,
        /// When the state has timed out.
        deadline: Option<Timestamp>,
    },
    /// A `Wait` state waits.
    Waiting {
        /// Until then.
        until: Timestamp,
    },
    /// A failed task waits for its retry.
    BackingOff {
        /// Until then.
        until: Timestamp,
    },
}

/// The token of a task that is running, which can be completed before the task returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// The token.
    pub token: TaskToken,
    /// The output it was completed with.
    pub completed: Option<Value>,
}

/// A token that was completed, by hashes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// Of the token.
    pub token: Sha256,
    /// Of the output in canonical JSON.
    pub output: Sha256,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With an output.
    Succeeded(Value),
    /// With an error that was not caught, or in a `Fail` state.
    Failed {
        /// The state it happened in.
        state: String,
        /// What happened.
        failure: Failure,
    },
    /// It was stopped.
    Aborted {
        /// Why.
        cause: String,
    },
}

impl Execution {
    /// A new execution, about to enter its first state.
    pub fn start(machine: &str, name: &str, input: Value, start_at: &str, now: Timestamp) -> Self {
        let visit = Visit {
            number: 0,
            state: start_at.to_owned(),
            input: input.clone(),
            entered_at: now,
            retries: Vec::new(),
            doing: Doing::Entered,
        };
        Self {
            machine: machine.to_owned(),
            name: name.to_owned(),
            started_at: now,
            input,
            position: Position::In(visit),
            completions: Vec::new(),
        }
    }

    /// The name that is unique among all executions: that of the machine, a colon, and its own.
    pub fn id(&self) -> String {
        id(&self.machine, &self.name)
    }

    /// The status in the words of Step Functions.
    pub fn status(&self) -> ExecutionStatus {
        match &self.position {
            Position::In(_) => ExecutionStatus::Running,
            Position::Ended { ending: Ending::Succeeded(_), .. } => ExecutionStatus::Succeeded,
            Position::Ended { ending: Ending::Failed { .. }, .. } => ExecutionStatus::Failed,
            Position::Ended { ending: Ending::Aborted { .. }, .. } => ExecutionStatus::Aborted,
        }
    }

    /// Visit and attempt: equal for two snapshots exactly when the same call of the same task is meant.
    pub fn attempt(&self) -> Option<(u64, u64)> {
        match &self.position {
            Position::In(visit) => Some((visit.number, visit.retry_count())),
            Position::Ended { .. } => None,
        }
    }
}

/// The name that is unique among all executions.
pub fn id(machine: &str, name: &str) -> String {
    format!("{machine}:{name}")
}
