//! What a running backend deploy has done so far. It is kept in the request's row: a repeated task finds what an earlier
//! attempt did, and status polling reads nothing else.

use crate::analysis::changeset::ChangeClass;
use crate::analysis::stack_progress::{StackProgress, phrases};
use crate::domain::backend::build_log::LogPlace;
use crate::domain::backend::change_set::ChangeSetKind;
use crate::domain::backend::stack_action::StackAction;
use crate::domain::digest::Sha256;
use crate::domain::hint::{Extent, Hint};
use crate::domain::ids::RequestId;
use crate::domain::phrase::Phrase;
use crate::domain::progress::ProgressView;
use crate::domain::sealed::Sealable;
use crate::domain::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const STARTING: Phrase = Phrase::new("Starting: the decision is stored", "開始執行：決定已儲存");
const FETCHING_SOURCE: Phrase = Phrase::new("Fetching the source of the commit", "正在取得提交的原始碼");
const STARTING_BUILD: Phrase = Phrase::new("Starting the build", "正在啟動建置");
const BUILDING: Phrase = Phrase::new("Building", "正在建置");
const COMPARING_STACK: Phrase = Phrase::new("Comparing the stack with the template", "正在比對堆疊與範本");
const AWAITING_INFRASTRUCTURE: Phrase = Phrase::new("Waiting for infrastructure approval", "等待基礎設施變更的核准");
const FINISHING: Phrase = Phrase::new("Finishing: the stack is up to date", "即將完成：堆疊已是最新狀態");

/// What a backend deploy is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendStep {
    /// It holds the lease of its project and has done nothing else.
    Starting,
    /// It copies the commit's archive to the artifacts bucket.
    FetchingSource,
    /// CodeBuild builds and packages.
    Building,
    /// CloudFormation computes what would change.
    ComparingStack,
    /// An approver looks at the infrastructure changes.
    AwaitingApproval,
    /// CloudFormation changes the stack.
    ChangingStack,
    /// The stack is up to date; the records are being closed.
    Finishing,
}

impl BackendStep {
    /// How many steps a backend deploy has.
    pub const COUNT: u32 = 7;

    /// Returns the step's number, from 1 to [`BackendStep::COUNT`].
    pub fn number(self) -> u32 {
        self as u32 + 1
    }

    /// Returns the step's name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            BackendStep::Starting => "starting",
            BackendStep::FetchingSource => "fetching_source",
            BackendStep::Building => "building",
            BackendStep::ComparingStack => "comparing_stack",
            BackendStep::AwaitingApproval => "awaiting_approval",
            BackendStep::ChangingStack => "changing_stack",
            BackendStep::Finishing => "finishing",
        }
    }
}

/// A CodeBuild build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildRun {
    /// CodeBuild's id.
    pub id: String,
    /// CodeBuild's word: IN_PROGRESS, SUCCEEDED, FAILED, FAULT, STOPPED or TIMED_OUT.
    pub status: String,
    /// The phase it is in: QUEUED, PROVISIONING, BUILD and so on.
    pub phase: String,
    /// Where its log is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogPlace>,
}

impl From<ChangeSetKind> for StackAction {
    fn from(kind: ChangeSetKind) -> Self {
        match kind {
            ChangeSetKind::Create => StackAction::Create,
            ChangeSetKind::Update => StackAction::Update,
        }
    }
}

/// A change set and its assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSetRun {
    /// Its ARN.
    pub id: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// Whether it creates the stack.
    pub kind: ChangeSetKind,
    /// Whether it needs an approver, once it was assessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ChangeClass>,
    /// Hash of its changes as they were assessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Sha256>,
    /// How many resources it touches.
    #[serde(default)]
    pub resources: u64,
}

/// The checkpoint of a running deploy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackendRun {
    /// Counts the writes: each is made only over the one it was derived from.
    pub revision: u64,
    /// The current step.
    pub step: BackendStep,
    /// When the step began.
    pub step_since: Time,
    /// The folder of the artifacts bucket that the build writes to; another build cannot guess it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<String>,
    /// The build, once it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildRun>,
    /// The change set, once it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<ChangeSetRun>,
    /// The request for a decision about the infrastructure changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrastructure_request: Option<RequestId>,
    /// The stack's newest event before the change set was executed: whatever is newer belongs to this deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_before: Option<String>,
    /// Attempts to execute the change set. Counted before each, so that none follows a cancellation.
    #[serde(default)]
    pub attempts: u32,
    /// When the change set was first executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executed_at: Option<Time>,
    /// Whether the deploy can no longer be cancelled: CloudFormation cannot cancel the creation of a stack. Set when such a
    /// change set is executed and never cleared; storage refuses a cancellation while it is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cannot_stop: bool,
    /// How far the stack is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackProgress>,
    /// GitHub's number of the deployment, where the project reports to GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_deployment: Option<u64>,
}

impl Sealable for BackendRun {
    const TYPE: &'static str = "backend_run";
    const VERSION: u32 = 1;
}

impl BackendRun {
    /// Makes the checkpoint of a deploy that has just begun.
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
            cannot_stop: false,
            stack: None,
            github_deployment: None,
        }
    }

    /// Advances to a step; a repeated task does not go back.
    pub fn reach(&mut self, step: BackendStep, now: Time) {
        if step > self.step {
            self.step = step;
            self.step_since = now;
        }
    }

    /// Records an attempt to execute the change set, before it is made.
    pub fn record_execution(&mut self, newest_event: Option<String>, now: Time) {
        if self.executed_at.is_none() {
            self.event_before = newest_event;
            self.executed_at = Some(now);
        }
        self.attempts += 1;
        self.cannot_stop |= self.change_set.as_ref().is_some_and(|set| set.kind == ChangeSetKind::Create);
        self.reach(BackendStep::ChangingStack, now);
    }

    /// Says what the deploy is doing.
    pub fn hint(&self) -> Hint {
        match self.step {
            BackendStep::Starting => STARTING.into(),
            BackendStep::FetchingSource => FETCHING_SOURCE.into(),
            BackendStep::Building => match &self.build {
                Some(build) => Hint::new(BUILDING, Extent::Phase(build.phase.clone())),
                None => STARTING_BUILD.into(),
            },
            BackendStep::ComparingStack => COMPARING_STACK.into(),
            BackendStep::AwaitingApproval => AWAITING_INFRASTRUCTURE.into(),
            BackendStep::ChangingStack => match (&self.stack, self.change_set.as_ref().map(|set| set.kind)) {
                (Some(stack), _) => stack.hint(),
                (None, kind) => phrases::changing(kind.unwrap_or(ChangeSetKind::Update).into()).into(),
            },
            BackendStep::Finishing => FINISHING.into(),
        }
    }

    /// Says in numbers how far the deploy is.
    pub fn progress(&self) -> ProgressView {
        let view = ProgressView::of_step(self.step.number(), BackendStep::COUNT, self.step.as_str());
        match self.stack.as_ref().filter(|_| self.step == BackendStep::ChangingStack) {
            Some(stack) => ProgressView {
                done: stack.done,
                total: stack.total,
                in_progress: stack.in_progress.clone(),
                failed: stack.failed.clone(),
                ..view
            },
            None => view,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sealed::Sealed;
    use serde_json::json;

    fn run(kind: ChangeSetKind) -> BackendRun {
        let set = ChangeSetRun {
            id: "arn:change-set".into(),
            stack_id: "arn:stack".into(),
            kind,
            class: None,
            changes: None,
            resources: 3,
        };
        BackendRun { change_set: Some(set), ..BackendRun::starting(Time::now()) }
    }

    #[test]
    fn steps_have_the_names_of_their_records() {
        let mut step_numbers = vec![];
        for step in [
            BackendStep::Starting,
            BackendStep::FetchingSource,
            BackendStep::Building,
            BackendStep::ComparingStack,
            BackendStep::AwaitingApproval,
            BackendStep::ChangingStack,
            BackendStep::Finishing,
        ] {
            assert_eq!(serde_json::to_value(step).unwrap(), step.as_str());
            step_numbers.push(step.number());
        }
        assert_eq!(step_numbers, (1..=BackendStep::COUNT).collect::<Vec<_>>());
    }

    #[test]
    fn only_the_creation_of_a_stack_cannot_be_stopped() {
        for (kind, expected) in [(ChangeSetKind::Create, Some(&json!(true))), (ChangeSetKind::Update, None)] {
            let mut run = run(kind);
            assert!(!run.cannot_stop, "{kind:?}: nothing was executed");
            run.record_execution(Some("event".into()), Time::now());
            // Storage looks for the attribute, not for its value.
            assert_eq!(serde_json::to_value(&run).unwrap().get("cannot_stop"), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_repeated_execution_keeps_the_first_moment() {
        let mut run = run(ChangeSetKind::Update);
        let first = Time::now();
        run.record_execution(Some("event".into()), first);
        run.record_execution(Some("own event".into()), first.plus_seconds(9));
        assert_eq!((run.attempts, run.executed_at, run.event_before.as_deref()), (2, Some(first), Some("event")));
        assert_eq!(run.step, BackendStep::ChangingStack);
        run.reach(BackendStep::Building, first.plus_seconds(10));
        assert_eq!((run.step, run.step_since), (BackendStep::ChangingStack, first), "a repeated task does not go back");
    }

    #[test]
    fn a_checkpoint_reads_back() {
        let mut run = run(ChangeSetKind::Create);
        run.record_execution(None, Time::now());
        run.stack = Some(StackProgress::new(StackAction::Create, "arn:stack", 3));
        assert_eq!(Sealed::of(&run).unwrap().open(), Some(run));
    }
}
