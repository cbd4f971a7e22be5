//! From a task's name, as the state machines say it, to the use case that does it.

use crate::domain::ids::RequestId;
use crate::kinds::frontend_maintenance;
use crate::kinds::infrastructure_change::question;
use crate::kinds::{backend_deploy as backend, frontend_deploy as frontend};
use crate::requests::app::App;
use crate::requests::engine::{TaskError, TaskToken, Tasks};
use crate::requests::{approval, execution};
use async_trait::async_trait;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::time::Instant;

/// What a state machine sends to a task.
#[derive(Debug, Deserialize)]
#[serde(tag = "task")]
enum Payload {
    #[serde(rename = "request.ask")]
    Ask { request_id: RequestId, token: TaskToken },
    #[serde(rename = "request.expire")]
    Expire { request_id: RequestId },
    #[serde(rename = "request.remind")]
    Remind { request_id: RequestId },
    #[serde(rename = "request.settle")]
    Settle { request_id: RequestId },
    #[serde(rename = "frontend.publish")]
    Publish { request_id: RequestId, cursor: Value },
    #[serde(rename = "frontend.withdraw")]
    Withdraw { request_id: RequestId, cursor: Value },
    #[serde(rename = "frontend.adopt")]
    Adopt { request_id: RequestId, cursor: Value },
    #[serde(rename = "frontend.prune")]
    Prune { request_id: RequestId, cursor: Value },
    #[serde(rename = "frontend.sweep")]
    Sweep { request_id: RequestId, cursor: Value },
    #[serde(rename = "frontend.invalidate")]
    Invalidate { request_id: RequestId },
    #[serde(rename = "frontend.check_invalidation")]
    CheckInvalidation { request_id: RequestId, checks: u32 },
    #[serde(rename = "frontend.complete")]
    Complete {
        request_id: RequestId,
        // Executions that an earlier version started say nothing of it.
        #[serde(default)]
        state: Value,
    },
    #[serde(rename = "frontend.fail")]
    Fail { request_id: RequestId, state: Value },
    #[serde(rename = "deploy.begin")]
    Begin { request_id: RequestId },
    #[serde(rename = "deploy.fetch_source")]
    FetchSource { request_id: RequestId },
    #[serde(rename = "deploy.start_build")]
    StartBuild { request_id: RequestId },
    #[serde(rename = "deploy.check_build")]
    CheckBuild { request_id: RequestId },
    #[serde(rename = "deploy.create_change_set")]
    CreateChangeSet { request_id: RequestId },
    #[serde(rename = "deploy.check_change_set")]
    CheckChangeSet { request_id: RequestId },
    #[serde(rename = "deploy.expire_infrastructure")]
    ExpireInfrastructure { request_id: RequestId },
    #[serde(rename = "deploy.remind_infrastructure")]
    RemindInfrastructure { request_id: RequestId },
    #[serde(rename = "deploy.execute")]
    Execute { request_id: RequestId },
    #[serde(rename = "deploy.check_stack")]
    CheckStack { request_id: RequestId },
    #[serde(rename = "deploy.not_begun")]
    NotBegun { request_id: RequestId },
    #[serde(rename = "deploy.ask_infrastructure")]
    AskInfrastructure { request_id: RequestId, token: TaskToken },
    #[serde(rename = "deploy.complete")]
    CompleteDeploy { request_id: RequestId, state: Value },
    #[serde(rename = "deploy.turned_down")]
    TurnDown { request_id: RequestId, state: Value },
    #[serde(rename = "deploy.fail")]
    FailDeploy { request_id: RequestId, state: Value },
}

/// A task's future on the heap, made where its making leaves nothing on the stack: there are many of them and they are
/// large, and one match would otherwise carry them all.
#[inline(never)]
fn boxed<'a, F: Future + Send + 'a>(new_future: impl FnOnce() -> F) -> BoxFuture<'a, F::Output> {
    Box::pin(new_future())
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

    /// Runs one task, which begins nothing long after `deadline`.
    pub async fn run_until(&self, payload: Value, deadline: Instant) -> Result<Value, TaskError> {
        let payload: Payload = serde_json::from_value(payload)
            .map_err(|error| TaskError { name: "Bouncer.UnknownTask", cause: error.to_string() })?;
        let app = &self.app;
        match payload {
            Payload::Ask { request_id, token } => boxed(|| approval::ask(app, &request_id, &token)).await,
            Payload::Expire { request_id } => boxed(|| approval::expire(app, &request_id)).await,
            Payload::Remind { request_id } => boxed(|| approval::remind(app, &request_id)).await,
            Payload::Settle { request_id } => boxed(|| execution::settle(app, &request_id)).await,
            Payload::Publish { request_id, cursor } => {
                Ok(serde_json::to_value(boxed(|| frontend::publish(app, &request_id, cursor, deadline)).await?)?)
            }
            Payload::Withdraw { request_id, cursor } => {
                boxed(|| frontend::withdraw(app, &request_id, cursor, deadline)).await
            }
            Payload::Adopt { request_id, cursor } => {
                boxed(|| frontend_maintenance::adopt::adopt(app, &request_id, cursor, deadline)).await
            }
            Payload::Prune { request_id, cursor } => {
                boxed(|| frontend::prune(app, &request_id, cursor, deadline)).await
            }
            Payload::Sweep { request_id, cursor } => {
                boxed(|| frontend::sweep(app, &request_id, cursor, deadline)).await
            }
            Payload::Invalidate { request_id } => boxed(|| frontend::invalidate(app, &request_id)).await,
            Payload::CheckInvalidation { request_id, checks } => {
                boxed(|| frontend::check_invalidation(app, &request_id, checks)).await
            }
            Payload::Complete { request_id, state } => boxed(|| frontend::complete(app, &request_id, &state)).await,
            Payload::Fail { request_id, state } => boxed(|| frontend::fail(app, &request_id, &state)).await,
            Payload::Begin { request_id } => boxed(|| backend::begin(app, &request_id)).await,
            Payload::FetchSource { request_id } => boxed(|| backend::fetch_source(app, &request_id)).await,
            Payload::StartBuild { request_id } => boxed(|| backend::start_build(app, &request_id)).await,
            Payload::CheckBuild { request_id } => boxed(|| backend::check_build(app, &request_id)).await,
            Payload::CreateChangeSet { request_id } => boxed(|| backend::create_change_set(app, &request_id)).await,
            Payload::CheckChangeSet { request_id } => boxed(|| backend::check_change_set(app, &request_id)).await,
            Payload::ExpireInfrastructure { request_id } => {
                boxed(|| question::expire_infrastructure(app, &request_id)).await
            }
            Payload::RemindInfrastructure { request_id } => {
                boxed(|| question::remind_infrastructure(app, &request_id)).await
            }
            Payload::Execute { request_id } => boxed(|| backend::execute(app, &request_id)).await,
            Payload::CheckStack { request_id } => boxed(|| backend::check_stack(app, &request_id)).await,
            Payload::NotBegun { request_id } => boxed(|| backend::not_begun(app, &request_id)).await,
            Payload::AskInfrastructure { request_id, token } => {
                boxed(|| question::ask_infrastructure(app, &request_id, &token)).await
            }
            Payload::CompleteDeploy { request_id, state } => {
                boxed(|| backend::complete(app, &request_id, &state)).await
            }
            Payload::TurnDown { request_id, state } => boxed(|| backend::turned_down(app, &request_id, &state)).await,
            Payload::FailDeploy { request_id, state } => boxed(|| backend::fail(app, &request_id, &state)).await,
        }
    }
}

#[async_trait]
impl Tasks for TaskRunner {
    async fn run(&self, payload: Value) -> Result<Value, TaskError> {
        self.run_until(payload, Instant::now() + self.app.settings.publish.slice).await
    }
}
