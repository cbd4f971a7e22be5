//! What the use cases need from the outside and cannot have from `store` or `aws`: a workflow engine.

use async_trait::async_trait;
use serde_json::Value;
use std::fmt;

/// The state machines of `statemachines/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Machine {
    /// `frontend_deploy.asl.json`.
    FrontendDeploy,
    /// `deploy.asl.json`.
    Deploy,
}

impl Machine {
    /// Every machine there is.
    pub const ALL: [Machine; 2] = [Machine::FrontendDeploy, Machine::Deploy];

    /// The machine's name: that of its file and of its executions.
    pub fn name(self) -> &'static str {
        match self {
            Machine::FrontendDeploy => "frontend_deploy",
            Machine::Deploy => "deploy",
        }
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

/// A task's failure as the state machine sees it: `name` is what `Retry` and `Catch` match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {cause}")]
pub struct TaskError {
    /// The error name, such as `Bouncer.Unavailable`.
    pub name: &'static str,
    /// A sentence for the record.
    pub cause: String,
}

/// What the engine calls for a `Task` state: the payload names the task.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Runs one task to its end. May be called again with the same payload after a crash.
    async fn run(&self, payload: Value) -> Result<Value, TaskError>;
}
