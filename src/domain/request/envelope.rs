//! The envelope: what every request has, whatever its kind. What only its kind understands travels inside, as typed
//! documents.

use super::decision::{Cancellation, Decision, Verdict};
use super::status::Status;
use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::ids::{DeployId, KeyId, ProjectId, RequestId};
use crate::domain::kind::KindName;
use crate::domain::outcome::Outcome;
use crate::domain::prompt::Delivery;
use crate::domain::rule::Rule;
use crate::domain::sealed::{Sealable, Sealed};
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A row of `bouncer-requests`. The task token is an attribute of its own and never part of this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // The names say what the fields hold; comments stand where they do not.
pub struct Request {
    /// Version of the row's form.
    pub schema: u32,
    pub request_id: RequestId,
    /// The kind, in the word that records and answers use.
    pub action: KindName,
    pub status: Status,
    /// The key that asked; never taken from arguments.
    pub caller: KeyId,
    /// That key's name when it asked.
    pub caller_name: String,
    /// Keys that asked for the same thing while it waited, and so may read it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub followers: BTreeSet<KeyId>,
    /// Display text: which bot or person, for which task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Stable id for matching; never an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One line for lists, at most [`Request::SUMMARY_CHARS`] characters.
    pub summary: String,
    pub created_at: Time,
    /// Until when it can be decided, or its upload addresses used.
    pub expires_at: Time,
    /// When the row may be deleted: seconds since 1970.
    pub ttl: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// What would be done: immutable, and what an approval is bound to. Absent until it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Sealed>,
    /// SHA-256 of the plan's canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<Sha256>,
    /// The rule that let the request run without a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_by: Option<Rule>,
    /// The kind's small facts, which lists and status answers show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Sealed>,
    /// The kind's bulky details, which only a card shows. Status polling does not read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Sealed>,
    /// What the kind's tasks have done so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Sealed>,
    /// One-way facts about the work that are set before an effect and never cleared.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// How far the work is, in the form of its kind.
    pub progress: Option<Sealed>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_id: Option<DeployId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// What can be decided; any other decision is refused.
    #[serde(default = "approve_or_deny", skip_serializing_if = "is_approve_or_deny")]
    pub offered: Vec<Verdict>,
    /// How many different people must approve: 1 or 2.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals_required: u32,
    /// Of two approvals the first, which decides nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_approval: Option<Decision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Who asked for it to be stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// Where approvers were asked, so that the prompts can be updated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_at: Option<Time>,
}

/// How long a request is valid and its row kept, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Lifetime {
    pub from: Time,
    /// For how long it can be decided, or its upload addresses used.
    pub valid: u64,
    /// For how much longer its row is kept.
    pub kept: u64,
}

/// When approvers are reminded, in seconds after they were asked, unless half of the window is over sooner.
pub const REMIND_AFTER: u64 = 600;

/// Returns for how many seconds of a window a decision is awaited before approvers are reminded.
pub fn first_wait(window: u64) -> u64 {
    REMIND_AFTER.min(window / 2).max(1)
}

impl Request {
    /// Version of rows written by this code.
    pub const SCHEMA: u32 = 2;
    /// How long a row is kept after its window: 90 days.
    pub const KEPT_SECONDS: u64 = 90 * 24 * 3600;
    /// How many other keys may follow a request.
    pub const MOST_FOLLOWERS: usize = 50;
    /// Length of the longest summary, in characters.
    pub const SUMMARY_CHARS: usize = 100;

    /// Makes a request that is undecided and has done nothing. A longer summary is cut.
    pub fn new(
        request_id: RequestId,
        action: KindName,
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
            allowed_by: None,
            facts: None,
            details: None,
            checkpoint: None,
            marks: BTreeSet::new(),
            progress: None,
            outcome: None,
            deploy_id: None,
            decision: None,
            offered: approve_or_deny(),
            approvals_required: one(),
            first_approval: None,
            started_at: None,
            finished_at: None,
            cancellation: None,
            deliveries: vec![],
            reminded_at: None,
        }
    }

    /// Adds the plan, and the hash that an approval is bound to.
    ///
    /// # Errors
    /// Fails when the plan cannot be written as JSON.
    pub fn with_plan<P: Sealable>(mut self, plan: &P) -> Result<Self, serde_json::Error> {
        let plan = Sealed::of(plan)?;
        self.plan_hash = Some(plan.hash()?);
        self.plan = Some(plan);
        Ok(self)
    }

    /// Adds the kind's facts.
    ///
    /// # Errors
    /// Fails when they cannot be written as JSON.
    pub fn with_facts<F: Sealable>(mut self, facts: &F) -> Result<Self, serde_json::Error> {
        self.facts = Some(Sealed::of(facts)?);
        Ok(self)
    }

    /// Adds the kind's details.
    ///
    /// # Errors
    /// Fails when they cannot be written as JSON.
    pub fn with_details<D: Sealable>(mut self, details: &D) -> Result<Self, serde_json::Error> {
        self.details = Some(Sealed::of(details)?);
        Ok(self)
    }

    /// Reads the plan, if it is of this type.
    pub fn plan_as<P: Sealable>(&self) -> Option<P> {
        self.plan.as_ref().and_then(Sealed::open)
    }

    /// Reads the facts, if they are of this type.
    pub fn facts_as<F: Sealable>(&self) -> Option<F> {
        self.facts.as_ref().and_then(Sealed::open)
    }

    /// Reads the details, if they are of this type.
    pub fn details_as<D: Sealable>(&self) -> Option<D> {
        self.details.as_ref().and_then(Sealed::open)
    }

    /// Reads the checkpoint, if it is of this type.
    pub fn checkpoint_as<C: Sealable>(&self) -> Option<C> {
        self.checkpoint.as_ref().and_then(Sealed::open)
    }

    /// Reads the progress, if it is of this type.
    pub fn progress_as<P: Sealable>(&self) -> Option<P> {
        self.progress.as_ref().and_then(Sealed::open)
    }

    /// Tells whether a mark is set.
    pub fn is_marked(&self, mark: &str) -> bool {
        self.marks.contains(mark)
    }

    /// Tells whether the stored plan still has the hash that was shown and decided.
    pub fn plan_is_intact(&self) -> bool {
        let hash = self.plan.as_ref().and_then(|plan| plan.hash().ok());
        hash.is_some() && hash == self.plan_hash
    }

    /// Lists who has approved, where that does not decide yet.
    pub fn approved_by(&self) -> Vec<String> {
        self.first_approval.iter().map(|approval| approval.by_name.clone()).collect()
    }

    /// Names who or what decided: the approvers, or the rule that asked nobody.
    pub fn decided_by(&self) -> Option<String> {
        let approved_first = self.first_approval.as_ref().filter(|_| self.status != Status::Denied);
        let decided = self.decision.as_ref().map(|decision| match approved_first {
            Some(first) => format!("{} and {}", first.by_name, decision.by_name),
            None => decision.by_name.clone(),
        });
        decided.or_else(|| self.allowed_by.filter(|rule| *rule != Rule::Maintenance).map(|rule| rule.to_string()))
    }

    /// Tells whether a caller may read it: its asker, its followers, and every approver.
    pub fn is_visible_to(&self, caller: &Caller) -> bool {
        caller.may_see(&self.caller) || self.followers.contains(&caller.id)
    }

    /// Tells whether its row may be deleted at any moment.
    pub fn is_outdated(&self, now: Time) -> bool {
        now.epoch_seconds() > self.ttl && self.status != Status::Running
    }

    /// Returns the state as it holds at a time: a request whose window is over is expired, whether or not that has been
    /// written yet, because no decision is accepted any more.
    pub fn status_at(&self, now: Time) -> Status {
        match self.status {
            Status::Ready | Status::PendingApproval if now >= self.expires_at => Status::Expired,
            status => status,
        }
    }
}

fn approve_or_deny() -> Vec<Verdict> {
    vec![Verdict::Approve, Verdict::Deny]
}

#[allow(clippy::ptr_arg)] // The form that serde calls.
fn is_approve_or_deny(offered: &Vec<Verdict>) -> bool {
    *offered == approve_or_deny()
}

fn one() -> u32 {
    1
}

fn is_one(required: &u32) -> bool {
    *required == one()
}
