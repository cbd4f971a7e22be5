//! `bouncer_status`: where a request stands.

use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::hint::Hint;
use crate::domain::ids::{DeployId, RequestId};
use crate::domain::kind::KindName;
use crate::domain::phrase::Phrase;
use crate::domain::progress::ProgressView;
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::unknown;
use crate::requests::prompts::page_url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Seconds after which a client should ask again while a request is open.
pub(crate) const POLL_AFTER_SECONDS: u64 = 5;

const AWAITING_APPROVAL: Phrase = Phrase::new("Waiting for approval", "等待核准");
const STARTING: Phrase = Phrase::new("Starting: the decision is stored", "開始執行：決定已儲存");
const RUNNING: Phrase = Phrase::new("Running", "執行中");

/// Arguments of `bouncer_status` and `bouncer_request_show`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WhichRequest {
    /// The request's id.
    pub request_id: String,
}

/// The answer of `bouncer_status`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestStatus {
    /// The request's id.
    pub request_id: String,
    /// Where it stands.
    pub status: Status,
    /// The kind of the request.
    pub action: KindName,
    /// One line.
    pub summary: String,
    /// Address of the request's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Ask again after so many seconds; absent once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_after_seconds: Option<u64>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Who asked, in their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked.
    pub created_at: Time,
    /// Until when it could be decided.
    pub expires_at: Time,
    /// Who has approved, where two must and one has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// How many different people must approve, where it is not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals_required: Option<u32>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
    /// The approver's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_reason: Option<String>,
    /// For a deploy: what bouncer_deploy_status takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_id: Option<DeployId>,
    /// When the work began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Seconds since the work began, while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_seconds: Option<u64>,
    /// Seconds the work took, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Where it is right now, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_hint: Option<String>,
    /// The same in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
    /// How it ended, in the shape that its kind documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What only this kind says: `changes` of a site, `commit_sha` or `failed_resources` of a backend.
    #[serde(flatten)]
    pub of_kind: Map<String, Value>,
}

/// Says where a request stands.
///
/// # Errors
/// Answers NOT_FOUND for one that does not exist or that the caller may not see.
pub async fn status(app: &App, caller: &Caller, args: WhichRequest) -> Result<RequestStatus, UserError> {
    let unknown = || unknown(&args.request_id);
    let id = RequestId::parse(args.request_id.as_str()).map_err(|_| unknown())?;
    let request =
        app.store.request_summary(&id).await?.filter(|request| request.is_visible_to(caller)).ok_or_else(unknown)?;
    Ok(status_of(app, request.into_request(), Time::now()))
}

/// Says where a request is right now: the sentence of `progress_hint`.
pub(crate) fn hint(app: &App, request: &Request, now: Time) -> Option<Hint> {
    let of_kind = || app.kinds.named(&request.action).and_then(|kind| kind.hint(request));
    match request.status_at(now) {
        Status::PendingApproval => Some(AWAITING_APPROVAL.into()),
        Status::Approved => Some(of_kind().unwrap_or_else(|| STARTING.into())),
        Status::Running => Some(of_kind().unwrap_or_else(|| RUNNING.into())),
        _ => None,
    }
}

pub(crate) fn status_of(app: &App, request: Request, now: Time) -> RequestStatus {
    let status = request.status_at(now);
    let running = status == Status::Running;
    let kind = app.kinds.named(&request.action);
    RequestStatus {
        status,
        url: page_url(app, &request),
        poll_after_seconds: (!status.has_ended()).then_some(POLL_AFTER_SECONDS),
        progress_hint: hint(app, &request, now).map(|hint| hint.to_string()),
        progress: kind.filter(|_| running).and_then(|kind| kind.progress(&request)),
        of_kind: kind.map(|kind| kind.status_fields(&request)).unwrap_or_default(),
        decided_by: request.decided_by(),
        approved_by: request.approved_by(),
        approvals_required: Some(request.approvals_required).filter(|required| *required > 1),
        decision_reason: request.decision.as_ref().and_then(|decision| decision.reason.clone()),
        action: request.action,
        summary: request.summary,
        project: request.project.map(String::from),
        source: request.source,
        reason: request.reason,
        created_at: request.created_at,
        expires_at: request.expires_at,
        decided_at: request.decision.map(|decision| decision.at),
        deploy_id: request.deploy_id,
        elapsed_seconds: request.started_at.filter(|_| running).map(|at| now.seconds_since(at)),
        duration_seconds: request.finished_at.zip(request.started_at).map(|(end, start)| end.seconds_since(start)),
        started_at: request.started_at,
        finished_at: request.finished_at,
        result: request.outcome.map(|outcome| outcome.result),
        request_id: request.request_id.into(),
    }
}
