//! From a task's name, as the state machines say it, to the use case that does it.

use crate::domain::ids::RequestId;
use crate::requests::app::App;
use crate::requests::engine::{ErrorName, TaskError, TaskToken, Tasks};
use crate::requests::task::{Task, TaskCall};
use crate::requests::{complete, recover, waiting, work};
use crate::task;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

/// The payload of most tasks.
#[derive(Deserialize)]
struct OfRequest {
    request_id: RequestId,
}

/// The payload of the task that waits for a decision.
#[derive(Deserialize)]
struct OfWaiting {
    request_id: RequestId,
    token: TaskToken,
}

/// The payload of the tasks that close a request.
#[derive(Deserialize)]
struct OfEnd {
    request_id: RequestId,
    #[serde(default)]
    state: Value,
}

/// Lists the tasks of the core, which every kind's machine may call.
pub fn core_tasks() -> Vec<Task> {
    vec![
        task!("request.ask", [], |app, deadline, args: OfWaiting| waiting::ask(app, &args.request_id, &args.token)),
        task!("request.expire", ["approved", "denied", "expired", "cancelled"], |app, deadline, args: OfRequest| {
            waiting::expire(app, &args.request_id)
        }),
        task!("request.remind", ["again", "over"], |app, deadline, args: OfRequest| waiting::remind(
            app,
            &args.request_id
        )),
        task!("request.run", [], |app, deadline, args: OfRequest| work::run(app, &args.request_id)),
        task!("request.complete", [], |app, deadline, args: OfEnd| complete::finish(app, &args.request_id, &args.state, false)),
        task!("request.fail", [], |app, deadline, args: OfEnd| complete::finish(app, &args.request_id, &args.state, true)),
        task!("request.settle", [], |app, deadline, args: OfRequest| recover::settle(app, &args.request_id)),
    ]
}

/// Runs the tasks of every state machine on one installation.
pub struct TaskRunner {
    app: Arc<App>,
    tasks: HashMap<&'static str, Task>,
}

impl TaskRunner {
    /// Makes the runner of an installation: the core's tasks and those of its kinds.
    pub fn new(app: Arc<App>) -> Self {
        let tasks = core_tasks().into_iter().chain(app.kinds.all().flat_map(|kind| kind.tasks()));
        let tasks = tasks.map(|task| (task.name, task)).collect();
        Self { app, tasks }
    }

    /// Runs one task, which begins nothing long after `deadline`.
    ///
    /// # Errors
    /// Fails as the task does, and for a payload that names none.
    pub async fn run_until(&self, payload: Value, deadline: Instant) -> Result<Value, TaskError> {
        let name = payload.get("task").and_then(Value::as_str).unwrap_or_default();
        let Some(task) = self.tasks.get(name) else {
            let shown: String = name.chars().take(80).collect();
            return Err(TaskError { name: ErrorName::UnknownTask, cause: format!("There is no task '{shown}'.") });
        };
        (task.run)(TaskCall { app: &self.app, payload, deadline }).await
    }
}

#[async_trait]
impl Tasks for TaskRunner {
    async fn run(&self, payload: Value) -> Result<Value, TaskError> {
        self.run_until(payload, Instant::now() + self.app.settings.publish.slice).await
    }
}
