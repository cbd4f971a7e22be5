//! The workflow engine of an installation on AWS: Step Functions, with the very files of `statemachines/`.

use crate::aws::error::{AwsError, AwsErrorKind};
use crate::aws::workflows::Workflows;
use crate::requests::engine::{Engine, EngineError, ExecutionStatus, Machine, TaskToken};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::HashMap;

/// Step Functions as the engine.
pub struct StepFunctions {
    workflows: Workflows,
    machines: HashMap<Machine, String>,
}

impl StepFunctions {
    /// Over the ARN of each machine.
    pub fn new(workflows: Workflows, machines: HashMap<Machine, String>) -> Self {
        Self { workflows, machines }
    }

    fn machine_arn(&self, machine: Machine) -> Result<&str, EngineError> {
        self.machines
            .get(&machine)
            .map(String::as_str)
            .ok_or_else(|| EngineError::Refused(format!("no ARN is set for the state machine {}", machine.name)))
    }

    /// `arn:…:stateMachine:NAME` and an execution's name give `arn:…:execution:NAME:EXECUTION`.
    fn execution_arn(&self, machine: Machine, name: &str) -> Result<String, EngineError> {
        let arn = self.machine_arn(machine)?.replacen(":stateMachine:", ":execution:", 1);
        Ok(format!("{arn}:{name}"))
    }
}

#[async_trait]
impl Engine for StepFunctions {
    async fn start(&self, machine: Machine, name: &str, input: Value) -> Result<(), EngineError> {
        match self.workflows.start_execution(self.machine_arn(machine)?, name, &input.to_string()).await {
            Ok(()) => Ok(()),
            // It has ended, or was written with other spaces: the meaning of the input decides.
            Err(error) if error.is_conflict() => {
                let there = self.workflows.describe_execution(&self.execution_arn(machine, name)?).await;
                let there = there.map_err(|error| classify(error, name))?;
                match serde_json::from_str::<Value>(&there.input) {
                    Ok(started_with) if started_with == input => Ok(()),
                    _ => Err(EngineError::AlreadyExists(name.to_owned())),
                }
            }
            Err(error) => Err(classify(error, name)),
        }
    }

    async fn stop(&self, machine: Machine, name: &str, cause: &str) -> Result<(), EngineError> {
        let arn = self.execution_arn(machine, name)?;
        self.workflows.stop_execution(&arn, cause).await.map_err(|error| classify(error, name))
    }

    async fn describe(&self, machine: Machine, name: &str) -> Result<ExecutionStatus, EngineError> {
        let arn = self.execution_arn(machine, name)?;
        let there = self.workflows.describe_execution(&arn).await.map_err(|error| classify(error, name))?;
        serde_json::from_value(Value::String(there.status))
            .map_err(|error| EngineError::Refused(format!("an unknown execution status: {error}")))
    }

    async fn complete_task(&self, token: &TaskToken, output: Value) -> Result<(), EngineError> {
        match self.workflows.send_task_success(&token.0, &output.to_string()).await {
            Err(error) if error.is_not_found() || error.code() == "InvalidToken" => Err(EngineError::TaskGone),
            other => other.map_err(|error| classify(error, "of this token")),
        }
    }
}

fn classify(error: AwsError, name: &str) -> EngineError {
    match error.kind() {
        AwsErrorKind::Conflict => EngineError::AlreadyExists(name.to_owned()),
        AwsErrorKind::NotFound => EngineError::NotFound(name.to_owned()),
        _ if error.is_transient() => EngineError::Unavailable(error.to_string()),
        _ => EngineError::Refused(error.to_string()),
    }
}
