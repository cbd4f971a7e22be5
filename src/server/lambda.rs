//! The Lambda function: HTTP events go to the router, the state machines' events to the tasks.

use super::hosted::{HostedError, Installation};
use crate::config::HostedConfig;
use crate::requests::engine::TaskError;
use crate::workflow::tasks::TaskRunner;
use lambda_http::request::LambdaRequest;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tower::Service as _};
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// What a task keeps for itself of its function's time: to finish files in flight and write the records.
const TO_FINISH: Duration = Duration::from_secs(45);
/// A task begins at least this much, however short the function's time is.
const AT_LEAST: Duration = Duration::from_secs(5);

/// Why the function stopped.
#[derive(Debug, thiserror::Error)]
pub enum LambdaError {
    /// The installation could not be opened.
    #[error(transparent)]
    Installation(#[from] HostedError),
    /// Lambda's runtime could not be reached.
    #[error("the Lambda runtime stopped: {0}")]
    Runtime(lambda_runtime::Error),
}

/// Answers events until Lambda ends the process.
///
/// # Errors
/// Fails when the installation cannot be opened, and when Lambda's runtime cannot be reached.
pub async fn run(config: HostedConfig) -> Result<(), LambdaError> {
    let installation = Installation::open(config).await?;
    let tasks = TaskRunner::new(installation.app.clone());
    let http = lambda_http::Adapter::from(installation.routed());
    let handler = service_fn(|event: LambdaEvent<Value>| {
        let (tasks, mut http) = (&tasks, http.clone());
        async move {
            if event.payload.get("task").is_some() {
                let deadline = deadline(event.context.deadline());
                return tasks.run_until(event.payload, deadline).await.map_err(diagnostic);
            }
            // The request borrows raw JSON, which only a text can give.
            let request: LambdaRequest = serde_json::from_str(&event.payload.to_string()).map_err(not_understood)?;
            match http.call(LambdaEvent { payload: request, context: event.context }).await {
                Ok(answer) => serde_json::to_value(answer).map_err(not_understood),
                Err(impossible) => match impossible {},
            }
        }
    });
    lambda_runtime::run(handler).await.map_err(LambdaError::Runtime)
}

/// Until when a task may begin something, given when the function's time ends.
fn deadline(end: SystemTime) -> Instant {
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(TO_FINISH).max(AT_LEAST)
}

/// The form in which Step Functions matches errors by name.
fn diagnostic(error: TaskError) -> Diagnostic {
    Diagnostic { error_type: error.name.to_string(), error_message: error.cause }
}

fn not_understood(error: serde_json::Error) -> Diagnostic {
    Diagnostic { error_type: "Bouncer.UnknownEvent".to_owned(), error_message: error.to_string() }
}
