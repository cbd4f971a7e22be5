//! The port to the workflow engine: what runs the state machines.

use async_trait::async_trait;
use serde_json::Value;
use std::fmt;

/// A state machine, as its kind brings it: a file of `statemachines/`.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Its name: that of the file and of its executions.
    pub name: &'static str,
    /// Its text in the Amazon States Language.
    pub definition: &'static str,
}

impl PartialEq for Machine {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Machine {}

impl std::hash::Hash for Machine {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Names one waiting task of one execution. A secret: who holds it can finish the task.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TaskToken(pub String);

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// Where an execution stands, in the words of Step Functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are Step Functions' own.
pub enum ExecutionStatus {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An execution of this name exists with another input.
    #[error("an execution named {0} exists with another input")]
    AlreadyExists(String),
    /// No such execution.
    #[error("there is no execution named {0}")]
    NotFound(String),
    /// The token's task has ended, timed out, or never was.
    #[error("the task is no longer waiting")]
    TaskGone,
    /// The engine or its storage could not be reached.
    #[error("the workflow engine is unavailable: {0}")]
    Unavailable(String),
    /// The engine rejected the call and would reject it again.
    #[error("the workflow engine refused: {0}")]
    Refused(String),
}

/// Runs the state machines. Every call is safe to repeat.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Starts an execution. One that exists with the same input counts as started.
    async fn start(&self, machine: Machine, name: &str, input: Value) -> Result<(), EngineError>;

    /// Ends an execution as `Aborted`; one that has ended stays as it is.
    async fn stop(&self, machine: Machine, name: &str, cause: &str) -> Result<(), EngineError>;

    /// Where an execution stands.
    async fn describe(&self, machine: Machine, name: &str) -> Result<ExecutionStatus, EngineError>;

    /// Gives a waiting task its output. `TaskGone` when it no longer waits.
    async fn complete_task(&self, token: &TaskToken, output: Value) -> Result<(), EngineError>;
}

/// The error names that state machines match with `Retry` and `Catch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorName {
    /// Something cannot be reached, or another attempt was first: try again.
    Unavailable,
    /// Another request holds the project: try again.
    ProjectBusy,
    /// Someone else is changing the stack: try again.
    StackBusy,
    /// No repetition mends it.
    Refused,
    /// A stored document cannot be used.
    Storage,
    /// A record cannot be read.
    Unreadable,
    /// The request does not exist.
    NoRequest,
    /// The request is in a state in which this cannot happen.
    IllegalState,
    /// The payload names no task.
    UnknownTask,
    /// The execution could not be started.
    NotStarted,
    /// The execution ended without closing its request.
    Orphaned,
    /// CloudFront accepts no more invalidations at the moment: try again later.
    TooManyInvalidations,
    /// The invalidation cannot be made.
    InvalidationFailed,
    /// The task panicked.
    Panic,
    /// The record store refused a call for good.
    Records,
}

impl ErrorName {
    /// Every name.
    pub const ALL: [ErrorName; 15] = [
        ErrorName::Unavailable,
        ErrorName::ProjectBusy,
        ErrorName::StackBusy,
        ErrorName::Refused,
        ErrorName::Storage,
        ErrorName::Unreadable,
        ErrorName::NoRequest,
        ErrorName::IllegalState,
        ErrorName::UnknownTask,
        ErrorName::NotStarted,
        ErrorName::Orphaned,
        ErrorName::TooManyInvalidations,
        ErrorName::InvalidationFailed,
        ErrorName::Panic,
        ErrorName::Records,
    ];

    /// Returns the name in the state machines.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorName::Unavailable => "Bouncer.Unavailable",
            ErrorName::ProjectBusy => "Bouncer.ProjectBusy",
            ErrorName::StackBusy => "Bouncer.StackBusy",
            ErrorName::Refused => "Bouncer.Refused",
            ErrorName::Storage => "Bouncer.Storage",
            ErrorName::Unreadable => "Bouncer.Unreadable",
            ErrorName::NoRequest => "Bouncer.NoRequest",
            ErrorName::IllegalState => "Bouncer.IllegalState",
            ErrorName::UnknownTask => "Bouncer.UnknownTask",
            ErrorName::NotStarted => "Bouncer.NotStarted",
            ErrorName::Orphaned => "Bouncer.Orphaned",
            ErrorName::TooManyInvalidations => "Bouncer.TooManyInvalidations",
            ErrorName::InvalidationFailed => "Bouncer.InvalidationFailed",
            ErrorName::Panic => "Bouncer.Panic",
            ErrorName::Records => "Bouncer.Records",
        }
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The failure of a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {cause}")]
pub struct TaskError {
    /// What `Retry` and `Catch` match.
    pub name: ErrorName,
    /// A sentence for the record, which users may read.
    pub cause: String,
}

impl TaskError {
    /// Makes the error of something that may succeed when it is tried again.
    pub fn unavailable(cause: impl Into<String>) -> Self {
        Self { name: ErrorName::Unavailable, cause: cause.into() }
    }

    /// Makes the error of something that no repetition mends. The cause becomes a sentence.
    pub fn refused(cause: impl AsRef<str>) -> Self {
        let cause: String = cause.as_ref().trim_end_matches('.').chars().take(600).collect();
        Self { name: ErrorName::Refused, cause: format!("{cause}.") }
    }

    /// Makes the error of a plan that no longer fits what is there.
    pub fn stale_plan(reason: &str) -> Self {
        Self::refused(format!("{reason}; submit a new request"))
    }
}

/// The failure of a task as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {cause}")]
pub struct TaskFailure {
    /// What `Retry` and `Catch` match.
    pub name: String,
    /// A sentence for the record.
    pub cause: String,
}

impl From<TaskError> for TaskFailure {
    fn from(error: TaskError) -> Self {
        Self { name: error.name.to_string(), cause: error.cause }
    }
}

/// What the engine calls for a `Task` state: the payload names the task.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Runs one task to its end. May be called again with the same payload after a crash.
    async fn run(&self, payload: Value) -> Result<Value, TaskFailure>;
}
