//! A request: what was asked, by whom, what it would do, and how it ended. Its states have one transition function.

use super::approver::Approver;
use super::backend::run::BackendRun;
use super::backend::target::{BackendPlan, Gate, InfrastructurePlan};
use super::caller::Caller;
use super::digest::Sha256;
use super::ids::{ApproverId, DeployId, KeyId, ProjectId, RequestId};
use super::maintenance::MaintenancePlan;
use super::plan::{FrontendPlan, Plan};
use super::progress::Progress;
use super::prompt::Delivery;
use super::review::Review;
use super::site::manifest::ChangeCounts;
use super::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Upload addresses are handed out; nothing needs a decision yet.
    Ready,
    /// Waits for an approver.
    PendingApproval,
    /// Claimed by one approver; the work has not begun.
    Approved,
    /// The work goes on.
    Running,
    /// Ended: done.
    Completed,
    /// Ended: not done, or not wholly.
    Failed,
    /// Ended: an approver said no.
    Denied,
    /// Ended: nobody decided in time.
    Expired,
    /// Ended: withdrawn before a decision, or stopped on the way.
    Cancelled,
}

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The transition table below says what each one does.
pub enum Event {
    Submit,
    FirstApproval,
    Approve,
    Deny,
    Expire,
    Withdraw,
    Start,
    Complete,
    Fail,
    Cancel,
}

/// An event that cannot happen in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a request that is {from}")]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: Status,
    /// What was tried.
    pub event: Event,
}

impl Status {
    /// Every state.
    pub const ALL: [Status; 9] = [
        Status::Ready,
        Status::PendingApproval,
        Status::Approved,
        Status::Running,
        Status::Completed,
        Status::Failed,
        Status::Denied,
        Status::Expired,
        Status::Cancelled,
    ];

    /// The one transition function: the state after an event.
    pub fn after(self, event: Event) -> Result<Status, IllegalTransition> {
        use Event as E;
        use Status as S;
        match (self, event) {
            (S::Ready, E::Submit) => Ok(S::PendingApproval),
            (S::PendingApproval, E::FirstApproval) => Ok(S::PendingApproval),
            (S::PendingApproval, E::Approve) => Ok(S::Approved),
            (S::PendingApproval, E::Deny) => Ok(S::Denied),
            (S::Ready | S::PendingApproval, E::Expire) => Ok(S::Expired),
            (S::Ready | S::PendingApproval, E::Withdraw) => Ok(S::Cancelled),
            (S::Approved, E::Start) => Ok(S::Running),
            (S::Running, E::Complete) => Ok(S::Completed),
            (S::Ready | S::PendingApproval | S::Approved | S::Running, E::Fail) => Ok(S::Failed),
            (S::Approved | S::Running, E::Cancel) => Ok(S::Cancelled),
            _ => Err(IllegalTransition { from: self, event }),
        }
    }

    /// Whether nothing more can happen.
    pub fn has_ended(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Denied | Status::Expired | Status::Cancelled)
    }

    /// The word in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ready => "ready",
            Status::PendingApproval => "pending_approval",
            Status::Approved => "approved",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Denied => "denied",
            Status::Expired => "expired",
            Status::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Publish a site.
    FrontendDeploy,
    /// Make what a bucket holds a site's first release; needs no approval.
    FrontendAdopt,
    /// Remove what a site no longer needs; needs no approval.
    FrontendPrune,
    /// Build a commit and change a stack.
    BackendDeploy,
    /// Execute the change set of a backend deploy that goes on.
    InfrastructureChange,
    /// Put files into the staging bucket; needs no approval.
    Upload,
}

impl Action {
    /// The word in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::FrontendDeploy => "frontend_deploy",
            Action::FrontendAdopt => "frontend_adopt",
            Action::FrontendPrune => "frontend_prune",
            Action::BackendDeploy => "backend_deploy",
            Action::InfrastructureChange => "infrastructure_change",
            Action::Upload => "upload",
        }
    }
}

/// An approver's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Do it.
    Approve,
    /// Do not.
    Deny,
}

/// A decision as it is recorded: the first one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// Who decided.
    pub by: ApproverId,
    /// Their name at the time.
    pub by_name: String,
    /// Where, and so how it was verified who it is: "http" (a key), "telegram".
    pub channel: String,
    /// When.
    pub at: Time,
    /// The key of the same person, where it is known: two approvals need two people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_key: Option<KeyId>,
    /// Tells presses of one approver in one millisecond apart: a number made up for each.
    #[serde(default)]
    pub press: u32,
}

impl Decision {
    /// Whether it is this person's.
    pub fn is_by(&self, approver: &Approver) -> bool {
        self.by == approver.id || self.by_key.as_ref().is_some_and(|key| approver.is_holder_of(key))
    }
}

fn yes_or_no() -> Vec<Verdict> {
    vec![Verdict::Approve, Verdict::Deny]
}

#[allow(clippy::ptr_arg)] // The form that serde calls.
fn is_yes_or_no(offered: &Vec<Verdict>) -> bool {
    *offered == yes_or_no()
}

fn one() -> u32 {
    1
}

fn is_one(required: &u32) -> bool {
    *required == one()
}

/// The wish to stop a deploy, stored before anything is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Whose key asked.
    pub by: KeyId,
    /// That key's name at the time.
    pub by_name: String,
    /// When.
    pub at: Time,
}

/// A row of `bouncer-requests`. The task token is an attribute of its own and never part of this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The form of the row; older ones stay readable.
    pub schema: u32,
    /// The request's id.
    pub request_id: RequestId,
    /// What is asked for.
    pub action: Action,
    /// Where it stands.
    pub status: Status,
    /// Whose key asked. Never taken from arguments.
    pub caller: KeyId,
    /// That key's name at the time.
    pub caller_name: String,
    /// Keys that asked for the same while it waited, and so may look at it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub followers: BTreeSet<KeyId>,
    /// Display text: which bot or person, for which task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A stable id for matching; never an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_scope: Option<String>,
    /// Why it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One line for lists, at most 100 characters.
    pub summary: String,
    /// When it was asked.
    pub created_at: Time,
    /// Until when it can be decided, or its addresses used.
    pub expires_at: Time,
    /// When the row may be forgotten: seconds since 1970.
    pub ttl: i64,
    /// The project, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// What would be done, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The hash an approval is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<Sha256>,
    /// The plan's changes in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeCounts>,
    /// How many files the request is about.
    pub file_count: usize,
    /// Their bytes, as far as known.
    pub total_size: u64,
    /// Of an issued list of files: the hash that confirming must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Sha256>,
    /// The deploy it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_id: Option<DeployId>,
    /// The decision, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// What can be decided; a decision that was not offered is refused.
    #[serde(default = "yes_or_no", skip_serializing_if = "is_yes_or_no")]
    pub offered: Vec<Verdict>,
    /// How many different people must approve: 1 or 2.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals_required: u32,
    /// Of two approvals the first, which decides nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_approval: Option<Decision>,
    /// When the work began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// How far the work is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Of a backend: what an approver is shown beside the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// Of a backend: what its deploy has done so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<BackendRun>,
    /// Who wants it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// Whether visitors may get something of the deploy: set before the first file is overwritten, never taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub visible: bool,
    /// Whether files of the current release had to be put back, so that more answers changed than the manifests tell:
    /// set before the first of them is written, never taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repairs: bool,
    /// Where approvers were asked, so that the prompts can be changed later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// When approvers were reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_at: Option<Time>,
    /// How it ended: the shape that the tools' contract gives for the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// When approvers are reminded, in seconds after they were asked, unless half of the window is over sooner.
pub const REMIND_AFTER: u64 = 600;

/// For how many seconds of a window its decision is waited for before approvers are reminded.
pub fn first_wait(window: u64) -> u64 {
    REMIND_AFTER.min(window / 2).max(1)
}

/// How long a request is good for, and its row kept. In seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// When it is asked.
    pub from: Time,
    /// For so long it can be decided, or its addresses used.
    pub valid: u64,
    /// For so much longer its row is kept.
    pub kept: u64,
}

impl Request {
    /// The version of rows written by this code.
    pub const SCHEMA: u32 = 1;
    /// How long a row is kept after its request can no longer be decided: 90 days.
    pub const KEPT_SECONDS: u64 = 90 * 24 * 3600;
    /// How many other keys may follow a request.
    pub const MOST_FOLLOWERS: usize = 50;
    /// The longest summary, in characters.
    pub const SUMMARY_CHARS: usize = 100;

    /// A request as it begins: nobody has decided and nothing was done. What is asked for in particular (wording,
    /// project, plan, files) is for the caller to add. A longer summary is cut.
    pub fn new(
        request_id: RequestId,
        action: Action,
        status: Status,
        caller: &Caller,
        summary: &str,
        lifetime: Lifetime,
    ) -> Self {
        let Lifetime { from, valid, kept } = lifetime;
        Self {
            schema: Self::SCHEMA,
            request_id,
            action,
            status,
            caller: caller.id.clone(),
            caller_name: caller.name.clone(),
            followers: BTreeSet::new(),
            source: None,
            trust_scope: None,
            reason: None,
            summary: summary.chars().take(Self::SUMMARY_CHARS).collect(),
            created_at: from,
            expires_at: from.plus_seconds(valid),
            ttl: from.plus_seconds(valid.saturating_add(kept)).epoch_seconds(),
            project: None,
            plan: None,
            plan_hash: None,
            changes: None,
            file_count: 0,
            total_size: 0,
            issued: None,
            deploy_id: None,
            decision: None,
            offered: yes_or_no(),
            approvals_required: one(),
            first_approval: None,
            started_at: None,
            finished_at: None,
            progress: None,
            review: None,
            run: None,
            cancellation: None,
            visible: false,
            repairs: false,
            deliveries: vec![],
            reminded_at: None,
            result: None,
        }
    }

    /// The plan, if it is a frontend's.
    pub fn frontend_plan(&self) -> Option<&FrontendPlan> {
        self.plan.as_ref().and_then(Plan::frontend)
    }

    /// The plan, if it is a site's maintenance.
    pub fn maintenance_plan(&self) -> Option<&MaintenancePlan> {
        self.plan.as_ref().and_then(Plan::maintenance)
    }

    /// The plan, if it is a backend's.
    pub fn backend_plan(&self) -> Option<&BackendPlan> {
        self.plan.as_ref().and_then(Plan::backend)
    }

    /// The plan, if it is an infrastructure change's.
    pub fn infrastructure_plan(&self) -> Option<&InfrastructurePlan> {
        self.plan.as_ref().and_then(Plan::infrastructure)
    }

    /// Who has approved, where that does not decide yet.
    pub fn approved_by(&self) -> Vec<String> {
        self.first_approval.iter().map(|approval| approval.by_name.clone()).collect()
    }

    /// Who or what decided: an approver's name, or the mode that asked nobody.
    pub fn decided_by(&self) -> Option<String> {
        let approved_first = self.first_approval.as_ref().filter(|_| self.status != Status::Denied);
        let decided = self.decision.as_ref().map(|decision| match approved_first {
            Some(first) => format!("{} and {}", first.by_name, decision.by_name),
            None => decision.by_name.clone(),
        });
        let gate = || self.backend_plan().map(|plan| plan.gate).and_then(Gate::decided_by).map(str::to_owned);
        decided.or_else(gate)
    }

    /// Whether a caller may look at it: whoever asked for it, or for the same, and every approver.
    pub fn is_visible_to(&self, caller: &Caller) -> bool {
        caller.may_see(&self.caller) || self.followers.contains(&caller.id)
    }

    /// Whether its row may be forgotten at any moment.
    pub fn is_outdated(&self, now: Time) -> bool {
        now.epoch_seconds() > self.ttl && self.status != Status::Running
    }

    /// The state as it holds at a time: a request whose window is over is expired, whether or not that has been
    /// written down yet, because no decision is accepted any more.
    pub fn status_at(&self, now: Time) -> Status {
        match self.status {
            Status::Ready | Status::PendingApproval if now >= self.expires_at => Status::Expired,
            status => status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVENTS: [Event; 10] = [
        Event::Submit,
        Event::FirstApproval,
        Event::Approve,
        Event::Deny,
        Event::Expire,
        Event::Withdraw,
        Event::Start,
        Event::Complete,
        Event::Fail,
        Event::Cancel,
    ];

    #[test]
    fn nothing_happens_after_the_end() {
        for status in Status::ALL.into_iter().filter(|status| status.has_ended()) {
            for event in EVENTS {
                assert!(status.after(event).is_err(), "{status} {event:?}");
            }
        }
    }

    #[test]
    fn words_are_those_of_serde() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    proptest! {
        /// Whatever happens in whatever order, the work begins only after an approval and never after a no.
        #[test]
        fn no_path_runs_without_an_approval(events in proptest::collection::vec(0..EVENTS.len(), 0..24)) {
            let mut status = Status::Ready;
            let mut seen = vec![];
            for index in events {
                if let Ok(next) = status.after(EVENTS[index]) {
                    seen.push(EVENTS[index]);
                    status = next;
                }
            }
            let starts = seen.iter().filter(|event| **event == Event::Start).count();
            let approvals = seen.iter().filter(|event| **event == Event::Approve).count();
            prop_assert!(approvals <= 1 && starts <= approvals);
            if seen.iter().any(|event| matches!(event, Event::Deny | Event::Expire | Event::Withdraw)) {
                prop_assert_eq!(starts, 0);
            }
        }
    }
}
