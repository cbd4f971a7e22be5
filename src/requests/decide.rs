//! The decision, made once by an approver, or by two where a project wants two. A press that does not count is refused
//! with a reason, and the refusal is recorded.

use super::app::App;
use super::execution::ensure_started;
use super::find::find_any;
use super::prompts::refresh;
use super::waiting::wake;
use crate::domain::approver::Approver;
use crate::domain::audit::{Actor, Entry, EventKind};
use crate::domain::channel::ChannelName;
use crate::domain::digest::Sha256;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::domain::request::{Decision, Event, Request, Status, Verdict};
use crate::domain::time::Time;
use crate::policy::decision::{Context, Objection, Press, objection};
use crate::storage::StoreError;
use crate::storage::requests::TransitionError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How often a press is tried again when another one came between.
const ATTEMPTS: usize = 3;
/// Characters of an approver's reason that are kept.
const REASON_CHARS: usize = 500;

/// Arguments of a decision.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Decide {
    /// One of the decisions that were offered: approve or deny.
    pub decision: Verdict,
    /// The plan that was shown; any other is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<Sha256>,
    /// Whether the high risks were seen. Needed to approve a request that has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_risks: Option<bool>,
    /// Why, for whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to a decision that counts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// "approved" or "denied"; "pending_approval" when another approver must approve as well.
    pub status: Status,
    /// The request.
    pub request_id: String,
    /// The name of the approver.
    pub decided_by: String,
    /// How many more people must approve, where one is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals_missing: Option<u32>,
}

/// Decides a request. The first decision counts; it is stored before anything follows from it. `channel` says where the
/// press was made, and so how it was verified who did.
///
/// # Errors
/// Refuses with the [`Objection`] of the policy, in a sentence for the approver.
pub async fn decide(
    app: &App,
    approver: &Approver,
    id: &str,
    press: Press,
    reason: Option<&str>,
    channel: ChannelName,
) -> Result<Decided, UserError> {
    if !approver.may_decide {
        // Whoever may not decide learns nothing of a request, not even that there is none.
        if let Ok(id) = RequestId::parse(id)
            && let Some(request) = app.store.request(&id).await?
        {
            refuse(app, approver, channel, &request, Objection::NotAnApprover).await;
        }
        return Err(not_an_approver());
    }
    for _ in 0..ATTEMPTS {
        let request = find_any(app, id).await?;
        let (context, now) = (context(app, &request).await?, Time::now());
        if let Some(why) = objection(approver, &request, &context, press, now) {
            if why == Objection::SecondPress {
                repeat(app, approver, &request, press.verdict).await;
            }
            refuse(app, approver, channel, &request, why).await;
            return Err(refusal(why, &request, now));
        }
        if let Some(decided) = store(app, approver, &request, press.verdict, reason, channel).await? {
            tracing::info!(
                request_id = %decided.request_id, by = %approver.id, %channel, phase = "decided", verdict = ?press.verdict,
                status = decided.status.as_str(), "a decision counts"
            );
            carry_out(app, &decided).await;
            return Ok(Decided {
                status: decided.status,
                request_id: decided.request_id.to_string(),
                decided_by: approver.name.clone(),
                approvals_missing: (decided.status == Status::PendingApproval).then_some(1),
            });
        }
    }
    Err(StoreError::Conflict.into())
}

/// Wakes the work first, then updates the prompts: a slow chat delays neither. What dies here is made up for by recovery.
async fn carry_out(app: &App, decided: &Request) {
    if let Err(error) = ensure_started(app, decided).await {
        tracing::error!(request_id = %decided.request_id, %error, "the execution of a decided request could not be started yet");
    }
    wake(app, decided).await;
    refresh(app, decided).await;
}

/// Reads what a decision about a request depends on beside the request itself.
///
/// # Errors
/// Fails when that cannot be read.
pub async fn context(app: &App, request: &Request) -> Result<Context, UserError> {
    let project = match &request.project {
        Some(project) => app.store.project(project).await?,
        None => None,
    };
    let kind = app.kinds.of(request)?;
    Ok(Context { project, of_kind: kind.objection(app, request).await?, has_risks: !kind.risks(request).is_empty() })
}

/// Tells an approver why their decision does not count.
pub fn refusal(why: Objection, request: &Request, now: Time) -> UserError {
    let conflict = |sentence: &str, way_out: &str| UserError::new(ErrorCode::Conflict, sentence, way_out);
    match why {
        Objection::NotAnApprover => not_an_approver(),
        Objection::OwnRequest => {
            no_permission("You cannot decide your own request.", "Have another approver decide it.")
        }
        Objection::NotOfTheProject => {
            let project = request.project.as_ref().map(ToString::to_string).unwrap_or_default();
            let sentence = format!("You are not an approver of the project {project}.");
            no_permission(&sentence, "Have one of its approvers decide it.")
        }
        Objection::NotAskedYet => {
            conflict("This request waits for its files and cannot be decided yet.", "Wait until it is confirmed.")
        }
        Objection::Late | Objection::SecondPress => already_handled(request, now),
        Objection::NotOffered => conflict(
            "This decision was not offered for this request.",
            "Decide it in one of the ways that its prompt offers.",
        ),
        Objection::SamePerson => conflict(
            "You have approved this already; another approver must approve it as well.",
            "Have another approver decide it.",
        ),
        Objection::OtherPlan => conflict(
            "The plan has another hash than the one you were shown, so nothing was decided.",
            "Review the request again, then decide.",
        ),
        Objection::RisksNotAcknowledged => UserError::new(
            ErrorCode::ValidationError,
            "The high risks of this request were not acknowledged, so nothing was decided.",
            "Review the risks, then approve with acknowledged_risks.",
        )
        .with("parameter", json!("acknowledged_risks")),
        Objection::DeployHasEnded => conflict(
            "The deploy that asks this has ended; nothing will be done.",
            "Look at it with bouncer_deploy_status.",
        ),
    }
}

/// Stores a decision; `None` when the request has moved on since it was read.
async fn store(
    app: &App,
    approver: &Approver,
    request: &Request,
    verdict: Verdict,
    reason: Option<&str>,
    channel: ChannelName,
) -> Result<Option<Request>, UserError> {
    let now = Time::now();
    let decision = Decision {
        verdict,
        by: approver.id.clone(),
        by_name: approver.name.clone(),
        by_key: approver.key.clone(),
        channel,
        at: now,
        reason: reason.map(|reason| reason.chars().take(REASON_CHARS).collect()),
        press: rand::random(),
    };
    let event = match verdict {
        Verdict::Approve if request.approvals_required > 1 && request.first_approval.is_none() => Event::FirstApproval,
        Verdict::Approve => Event::Approve,
        Verdict::Deny => Event::Deny,
    };
    let stored = app.store.transition(request, event, Actor::approver(approver, channel), |row| {
        if event == Event::FirstApproval {
            row.first_approval = Some(decision.clone());
        } else {
            row.finished_at = (verdict == Verdict::Deny).then_some(now);
            row.decision = Some(decision.clone());
        }
    });
    match stored.await {
        Ok(decided) => Ok(Some(decided)),
        Err(TransitionError::Store(StoreError::Conflict) | TransitionError::Illegal(_)) => {
            let stored = app.store.request(&request.request_id).await?.ok_or_else(UserError::system)?;
            // A write whose answer was lost is sent again and then meets itself.
            let mine = [&stored.decision, &stored.first_approval].into_iter().flatten().any(|one| *one == decision);
            Ok(mine.then_some(stored))
        }
        Err(TransitionError::Store(error)) => Err(error.into()),
    }
}

/// Makes sure that a stored decision is carried out: a second press with the same word does, because the process may have
/// died between storing the decision and waking the work.
async fn repeat(app: &App, approver: &Approver, request: &Request, verdict: Verdict) {
    let same =
        request.decision.as_ref().is_some_and(|decision| decision.by == approver.id && decision.verdict == verdict);
    if same && matches!(request.status, Status::Approved | Status::Denied) {
        carry_out(app, request).await;
    }
}

/// Records a press that does not count. The refusal stands whether or not it could be recorded.
async fn refuse(app: &App, approver: &Approver, channel: ChannelName, request: &Request, why: Objection) {
    let why = why.as_str();
    tracing::warn!(request_id = %request.request_id, by = %approver.id, %channel, why, "a press does not count");
    let entry = Entry::new(EventKind::Refused, Actor::approver(approver, channel), request).because(why);
    if let Err(error) = app.store.record(entry).await {
        tracing::error!(request_id = %request.request_id, %error, "a refusal could not be recorded");
    }
}

fn not_an_approver() -> UserError {
    no_permission("Only approvers can decide.", "Ask an approver to decide, or an admin for the approver role.")
}

fn no_permission(sentence: &str, way_out: &str) -> UserError {
    UserError::new(ErrorCode::Forbidden, sentence, way_out)
}

fn already_handled(request: &Request, now: Time) -> UserError {
    let status = request.status_at(now);
    let by = request.decided_by();
    let sentence = match (&by, status) {
        (_, Status::Expired) => "This request has expired; nothing will be done.".to_owned(),
        (Some(by), status) => format!("This request was already handled by {by}: it is {status}."),
        (None, status) => format!("This request was already handled: it is {status}."),
    };
    UserError::new(ErrorCode::Conflict, sentence, "Look at it with bouncer_status.")
        .with("request_status", json!(status))
        .with("decided_by", json!(by))
}
