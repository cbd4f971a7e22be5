//! The interface of a task: what a state machine calls by name.

use super::app::App;
use super::engine::{ErrorName, TaskError};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;

/// What a task is called with.
pub struct TaskCall<'a> {
    /// The installation.
    pub app: &'a App,
    /// The payload, which names the task and what it is about.
    pub payload: Value,
    /// Nothing is begun after this moment.
    pub deadline: Instant,
}

/// The future of a task.
pub type TaskFuture<'a> = BoxFuture<'a, Result<Value, TaskError>>;

/// A task. It may be called again with the same payload after a crash at any point.
pub struct Task {
    /// The name in the state machine: `frontend.publish`.
    pub name: &'static str,
    /// The words of `outcome` in its answer, which the machine's `Choice` states match; empty when it has none.
    pub outcomes: &'static [&'static str],
    /// Runs it.
    pub run: for<'a> fn(TaskCall<'a>) -> TaskFuture<'a>,
}

/// Declares a task: its name, the type of its payload, and the use case that does it. The use case's answer is any
/// `Serialize`.
///
/// ```ignore
/// task!("frontend.publish", ["again", "done"], |app, deadline, args: Slice| publish(app, &args.request_id, deadline))
/// ```
#[macro_export]
macro_rules! task {
    ($name:literal, [$($outcome:literal),*], |$app:ident, $deadline:ident, $args:ident: $payload:ty| $run:expr) => {
        $crate::requests::task::Task {
            name: $name,
            outcomes: &[$($outcome),*],
            run: |call| {
                let $crate::requests::task::TaskCall { app: $app, payload, deadline: $deadline } = call;
                let _ = $deadline;
                Box::pin(async move {
                    let $args: $payload = $crate::requests::task::payload(payload)?;
                    $crate::requests::task::answer($run.await?)
                })
            },
        }
    };
}

/// Reads a task's payload.
///
/// # Errors
/// Fails for a payload that is not of the task's type.
pub fn payload<T: serde::de::DeserializeOwned>(payload: Value) -> Result<T, TaskError> {
    serde_json::from_value(payload)
        .map_err(|error| TaskError { name: ErrorName::UnknownTask, cause: error.to_string() })
}

/// Writes a task's answer.
///
/// # Errors
/// Fails when the answer cannot be written as JSON.
pub fn answer(answer: impl serde::Serialize) -> Result<Value, TaskError> {
    Ok(serde_json::to_value(answer)?)
}
