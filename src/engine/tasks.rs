//! From a task's name, as the state machines say it, to the use case that does it.

use crate::flow::app::App;
use crate::flow::ports::{TaskError, TaskToken, Tasks};
use crate::flow::{approval, frontend};
use crate::model::ids::RequestId;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// What a state machine sends to a task.
#[derive(Debug, Deserialize)]
#[serde(tag = "task")]
enum Payload {
    #[serde(rename = "request.ask")]
    Ask { request_id: RequestId, token: TaskToken },
    #[serde(rename = "request.expire")]
    Expire { request_id: RequestId },
    #[serde(rename = "frontend.publish")]
    Publish { request_id: RequestId, cursor: Value },
    #[serde(rename = "frontend.complete")]
    Complete { request_id: RequestId },
    #[serde(rename = "frontend.fail")]
    Fail { request_id: RequestId, state: Value },
}

/// Runs the tasks of every state machine on one installation.
pub struct TaskRunner {
    app: Arc<App>,
}

impl TaskRunner {
    /// For an installation.
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[async_trait]
impl Tasks for TaskRunner {
    async fn run(&self, payload: Value) -> Result<Value, TaskError> {
        let payload: Payload = serde_json::from_value(payload)
            .map_err(|error| TaskError { name: "Bouncer.UnknownTask", cause: error.to_string() })?;
        let app = &self.app;
        match payload {
            Payload::Ask { request_id, token } => approval::ask(app, &request_id, &token).await,
            Payload::Expire { request_id } => approval::expire(app, &request_id).await,
            Payload::Publish { request_id, cursor } => {
                Ok(serde_json::to_value(frontend::publish(app, &request_id, cursor).await?)?)
            }
            Payload::Complete { request_id } => frontend::complete(app, &request_id).await,
            Payload::Fail { request_id, state } => frontend::fail(app, &request_id, &state).await,
        }
    }
}
