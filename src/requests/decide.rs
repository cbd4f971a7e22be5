//! The decision, made once by an approver, or by two where a project wants two. A press that does not count is refused
//! with a reason, and the refusal is recorded.

use super::app::App;
use super::approval::{find_any, wake};
use super::execution;
use super::transition::transition;
use crate::domain::approver::Approver;
use crate::domain::audit::{Actor, Entry, EventKind};
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::domain::request::{Decision, Event, Request, Status, Verdict};
use crate::domain::time::Time;
use crate::policy::decision::{Context, Objection, objection};
use crate::storage::StoreError;
use crate::storage::requests::TransitionError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How often a press is tried again when another one came between.
const ATTEMPTS: usize = 3;

/// Arguments of a decision.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Decide {
    /// approve or deny.
    pub decision: Verdict,
}

/// The answer to a decision that counts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Decided {
    /// "approved" or "denied"; "pending_approval" when another approver must approve as well.
    pub status: Status,
    /// The request.
    pub request_id: String,
    /// Whose decision it is.
    pub decided_by: String,
    /// How many more people must approve, where one is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals_missing: Option<u32>,
}

/// Decides a request. The first decision counts; it is stored before anything follows from it. `channel` says where it
/// was pressed, and so how it was verified who did: "http", "telegram".
pub async fn decide(
    app: &App,
    approver: &Approver,
    id: &str,
    verdict: Verdict,
    channel: &str,
) -> Result<Decided, UserError> {
    if !approver.may_decide {
        // Who may not decide is told nothing of a request, not even that there is none.
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
        if let Some(why) = objection(approver, &request, &context, verdict, now) {
            if why == Objection::SecondPress {
                repeat(app, approver, &request, verdict).await;
            }
            refuse(app, approver, channel, &request, why).await;
            return Err(refusal(why, &request, now));
        }
        // Nobody would carry the decision out without an execution; starting one that runs changes nothing.
        execution::ensure_started(app, &request).await?;
        if let Some(decided) = press(app, approver, &request, verdict, channel).await? {
            tracing::info!(
                request_id = %decided.request_id, by = %approver.id, channel, phase = "decided", verdict = ?verdict,
                status = decided.status.as_str(), "a decision counts"
            );
            wake(app, &decided).await;
            let missing = (decided.status == Status::PendingApproval).then_some(1);
            return Ok(Decided {
                status: decided.status,
                request_id: decided.request_id.to_string(),
                decided_by: approver.name.clone(),
                approvals_missing: missing,
            });
        }
    }
    Err(StoreError::Conflict.into())
}

/// What a decision about a request depends on beside the request itself.
pub(crate) async fn context(app: &App, request: &Request) -> Result<Context, UserError> {
    let project = match &request.project {
        Some(project) => app.store.project(project).await?,
        None => None,
    };
    let deploy = match request.infrastructure_plan() {
        Some(plan) => app.store.request(&plan.parent).await?,
        None => None,
    };
    Ok(Context { project, deploy })
}

/// What an approver is told whose press does not count.
pub(crate) fn refusal(why: Objection, request: &Request, now: Time) -> UserError {
    let conflict = |sentence: &str, way_out: &str| UserError::new(ErrorCode::Conflict, sentence, way_out);
    match why {
        Objection::NotAnApprover => not_an_approver(),
        Objection::OwnRequest => {
            no_permission("Nobody decides a request of their own.", "Have another approver decide it.")
        }
        Objection::NotOfTheProject => {
            let project = request.project.as_ref().map(ToString::to_string).unwrap_or_default();
            let sentence = format!("You are not among those who decide about the project {project}.");
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
        Objection::DeployHasEnded => conflict(
            "The deploy that asks this has ended; nothing will be done.",
            "Look at it with bouncer_deploy_status.",
        ),
    }
}

/// Stores the press; nothing when the request has moved on since it was read.
async fn press(
    app: &App,
    approver: &Approver,
    request: &Request,
    verdict: Verdict,
    channel: &str,
) -> Result<Option<Request>, UserError> {
    let now = Time::now();
    let decision = Decision {
        verdict,
        by: approver.id.clone(),
        by_name: approver.name.clone(),
        by_key: approver.key.clone(),
        channel: channel.to_owned(),
        at: now,
        press: rand::random(),
    };
    let event = match verdict {
        Verdict::Approve if request.approvals_required > 1 && request.first_approval.is_none() => Event::FirstApproval,
        Verdict::Approve => Event::Approve,
        Verdict::Deny => Event::Deny,
    };
    let pressed = transition(app, request, event, Actor::approver(approver, channel), |row| {
        if event == Event::FirstApproval {
            row.first_approval = Some(decision.clone());
        } else {
            row.finished_at = (verdict == Verdict::Deny).then_some(now);
            row.decision = Some(decision.clone());
        }
    });
    match pressed.await {
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

/// A second press from the same approver with the same word makes sure that the first one is carried out; the process
/// may have died between storing the decision and handing it over.
async fn repeat(app: &App, approver: &Approver, request: &Request, verdict: Verdict) {
    let same =
        request.decision.as_ref().is_some_and(|decision| decision.by == approver.id && decision.verdict == verdict);
    if same && matches!(request.status, Status::Approved | Status::Denied) {
        wake(app, request).await;
    }
}

/// Records a press that does not count. The refusal stands whether or not it could be recorded.
async fn refuse(app: &App, approver: &Approver, channel: &str, request: &Request, why: Objection) {
    let why = why.as_str();
    tracing::warn!(request_id = %request.request_id, by = %approver.id, channel, why, "a press does not count");
    let entry = Entry::new(EventKind::Refused, Actor::approver(approver, channel), request).because(why);
    if let Err(error) = app.store.record(entry).await {
        tracing::error!(request_id = %request.request_id, %error, "a refusal could not be recorded");
    }
}

fn not_an_approver() -> UserError {
    no_permission("Only an approver decides.", "Have an approver decide it, or an admin make you one.")
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
