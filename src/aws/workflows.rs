//! Step Functions: starts, describes and stops executions, and completes their waiting tasks.

use super::error::{AwsError, Resource};
use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;

/// Describes an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT" or "ABORTED".
    pub status: String,
    /// The JSON text that it was started with.
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

    /// Starts an execution. One that runs already under this name with this input counts as started.
    ///
    /// # Errors
    ///
    /// Conflict when an execution of this name has ended or runs with another input.
    pub async fn start_execution(&self, machine_arn: &str, name: &str, input: &str) -> Result<(), AwsError> {
        let request = self.client.start_execution().state_machine_arn(machine_arn).name(name).input(input);
        request.send().await.map(|_| ()).map_err(|error| AwsError::from_sdk(execution(name), error))
    }

    /// Aborts an execution.
    pub async fn stop_execution(&self, execution_arn: &str, cause: &str) -> Result<(), AwsError> {
        let request = self.client.stop_execution().execution_arn(execution_arn).error("Bouncer.Stopped").cause(cause);
        request.send().await.map(|_| ()).map_err(|error| AwsError::from_sdk(execution(execution_arn), error))
    }

    /// Describes an execution.
    pub async fn describe_execution(&self, execution_arn: &str) -> Result<Execution, AwsError> {
        let response = self.client.describe_execution().execution_arn(execution_arn).send().await;
        let response = response.map_err(|error| AwsError::from_sdk(execution(execution_arn), error))?;
        let status: &ExecutionStatus = &response.status;
        Ok(Execution { status: status.as_str().to_owned(), input: response.input.unwrap_or_default() })
    }

    /// Completes a waiting task with its output.
    ///
    /// # Errors
    ///
    /// Not found when the task no longer waits.
    pub async fn send_task_success(&self, token: &str, output: &str) -> Result<(), AwsError> {
        let request = self.client.send_task_success().task_token(token).output(output);
        let resource = Resource::named("the waiting task");
        request.send().await.map(|_| ()).map_err(|error| AwsError::from_sdk(resource, error))
    }
}

fn execution(name: &str) -> Resource {
    Resource::named(format!("the execution {name}"))
}
