//! What a running backend deploy has done so far. Kept in the request's row, so that a task that is repeated finds what
//! an earlier attempt did, and so that looking needs nothing but records.

use super::stack_action::StackAction;
use crate::analysis::changeset::ChangeClass;
use crate::analysis::stack_progress::StackProgress;
use crate::domain::activity::{Activity, Extent, Hint};
use crate::domain::digest::Sha256;
use crate::domain::ids::RequestId;
use crate::domain::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a backend deploy is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendStep {
    /// It holds its project; nothing has been done yet.
    Starting,
    /// The commit's archive goes to the artifacts bucket.
    FetchingSource,
    /// CodeBuild builds and packages.
    Building,
    /// CloudFormation computes what would change.
    ComparingStack,
    /// A human looks at the infrastructure changes.
    AwaitingApproval,
    /// CloudFormation changes the stack.
    ChangingStack,
    /// The stack is as it should be; the records are being closed.
    Finishing,
}

impl BackendStep {
    /// How many steps a backend deploy has.
    pub const COUNT: u32 = 7;

    /// The step's number, from 1 to [`BackendStep::COUNT`].
    pub fn number(self) -> u32 {
        self as u32 + 1
    }
}

/// A CodeBuild build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildRun {
    /// CodeBuild's id of it.
    pub id: String,
    /// CodeBuild's word: IN_PROGRESS, SUCCEEDED, FAILED, FAULT, STOPPED or TIMED_OUT.
    pub status: String,
    /// The phase it is in: QUEUED, PROVISIONING, BUILD and so on.
    pub phase: String,
    /// Where its log is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogPlace>,
}

/// A stream of CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogPlace {
    /// The log group.
    pub group: String,
    /// The stream in it.
    pub stream: String,
}

/// Whether a change set makes a stack or changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are CloudFormation's own.
pub enum ChangeSetKind {
    Create,
    Update,
}

impl From<ChangeSetKind> for StackAction {
    fn from(kind: ChangeSetKind) -> Self {
        match kind {
            ChangeSetKind::Create => StackAction::Create,
            ChangeSetKind::Update => StackAction::Update,
        }
    }
}

/// A change set and what came of looking at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSetRun {
    /// Its ARN.
    pub id: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// Whether it makes the stack.
    pub kind: ChangeSetKind,
    /// What it was found to be, once it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ChangeClass>,
    /// The hash of its changes as they were assessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Sha256>,
    /// How many resources it touches.
    #[serde(default)]
    pub resources: u64,
}

/// The state of a running deploy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackendRun {
    /// Counts the writes: each is made only over the one it was derived from.
    pub revision: u64,
    /// What is going on.
    pub step: BackendStep,
    /// Since when.
    pub step_since: Time,
    /// The folder of the artifacts bucket that this deploy's build writes to. Not to be guessed by another build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<String>,
    /// The build, once it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildRun>,
    /// The change set, once it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<ChangeSetRun>,
    /// The request for a decision about the infrastructure changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrastructure_request: Option<RequestId>,
    /// The stack's newest event before the change set was executed: what is newer came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_before: Option<String>,
    /// How often its execution was tried. Counted right before each, so that none follows a wish to stop.
    #[serde(default)]
    pub attempts: u32,
    /// When the change set was executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executed_at: Option<Time>,
    /// How far the stack is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackProgress>,
    /// GitHub's number of the deployment, when it is told of deploys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_deployment: Option<u64>,
}

impl BackendRun {
    /// A deploy that has just begun.
    pub fn starting(now: Time) -> Self {
        Self {
            revision: 0,
            step: BackendStep::Starting,
            step_since: now,
            artifacts: None,
            build: None,
            change_set: None,
            infrastructure_request: None,
            event_before: None,
            attempts: 0,
            executed_at: None,
            stack: None,
            github_deployment: None,
        }
    }

    /// Goes on to a step; a task that is repeated does not go back.
    pub fn reach(&mut self, step: BackendStep, now: Time) {
        if step > self.step {
            self.step = step;
            self.step_since = now;
        }
    }

    /// The sentence of `progress_hint`.
    pub fn hint(&self) -> Hint {
        match self.step {
            BackendStep::Starting => Activity::Starting.into(),
            BackendStep::FetchingSource => Activity::FetchingSource.into(),
            BackendStep::Building => match &self.build {
                Some(build) => Activity::Building.at(Extent::Phase(build.phase.clone())),
                None => Activity::StartingBuild.into(),
            },
            BackendStep::ComparingStack => Activity::ComparingStack.into(),
            BackendStep::AwaitingApproval => Activity::AwaitingInfrastructure.into(),
            BackendStep::ChangingStack => match (&self.stack, self.change_set.as_ref().map(|set| set.kind)) {
                (Some(stack), _) => stack.hint(),
                (None, kind) => Activity::ChangingStack(kind.unwrap_or(ChangeSetKind::Update).into()).into(),
            },
            BackendStep::Finishing => Activity::Finishing.into(),
        }
    }
}
