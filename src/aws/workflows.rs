//! Step Functions, in the words of the engine.

use crate::domain::error::chain;
use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::types::ExecutionStatus as SfnStatus;

/// Why Step Functions did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// An execution of this name has ended, or runs with another input.
    #[error("an execution of this name exists")]
    AlreadyExists,
    /// There is no such execution.
    #[error("there is no such execution")]
    NotFound,
    /// The token's task no longer waits.
    #[error("the task is no longer waiting")]
    TaskGone,
    /// Step Functions refused or could not be reached.
    #[error("{0}")]
    Unavailable(String),
}

/// An execution's state, as Step Functions words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT" or "ABORTED".
    pub status: String,
    /// The JSON text it was started with.
    pub input: String,
}

/// Step Functions with Bouncer's own credentials.
#[derive(Clone)]
pub struct Workflows {
    client: Client,
}

impl Workflows {
    pub(super) fn new(shared: &SdkConfig) -> Self {
        Self { client: Client::new(shared) }
    }

    /// Starts an execution; one that runs under this name with this input counts as started.
    pub async fn start(&self, machine_arn: &str, name: &str, input: &str) -> Result<(), WorkflowError> {
        self.client
            .start_execution()
            .state_machine_arn(machine_arn)
            .name(name)
            .input(input)
            .send()
            .await
            .map(|_| ())
            .map_err(classify)
    }

    /// Ends an execution.
    pub async fn stop(&self, execution_arn: &str, cause: &str) -> Result<(), WorkflowError> {
        let request = self.client.stop_execution().execution_arn(execution_arn).error("Bouncer.Stopped").cause(cause);
        request.send().await.map(|_| ()).map_err(classify)
    }

    /// Looks at an execution.
    pub async fn describe_execution(&self, execution_arn: &str) -> Result<Execution, WorkflowError> {
        let answer = self.client.describe_execution().execution_arn(execution_arn).send().await.map_err(classify)?;
        let status: &SfnStatus = &answer.status;
        Ok(Execution { status: status.as_str().to_owned(), input: answer.input.unwrap_or_default() })
    }

    /// Gives a waiting task its output.
    pub async fn complete(&self, token: &str, output: &str) -> Result<(), WorkflowError> {
        self.client.send_task_success().task_token(token).output(output).send().await.map(|_| ()).map_err(classify)
    }
}

fn classify<E, R>(error: SdkError<E, R>) -> WorkflowError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match error.code().unwrap_or_default() {
        "ExecutionAlreadyExists" => WorkflowError::AlreadyExists,
        "ExecutionDoesNotExist" => WorkflowError::NotFound,
        "TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken" => WorkflowError::TaskGone,
        _ => WorkflowError::Unavailable(chain(&error)),
    }
}
