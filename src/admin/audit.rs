//! `bouncer_audit_list` and `bouncer_audit_verify`: what is recorded, and whether the record is whole.

use super::projects::require;
use crate::domain::audit::{Break, ChainedEvent, Entry, Fault, Walk};
use crate::domain::caller::{Caller, Role};
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::parse_project_id;
use crate::requests::status::checked_limit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Events of one answer, at most.
const ROWS: usize = 1000;
/// Events that one listing looks at, at most.
const LOOKED_AT: usize = 100_000;

/// How much the clocks of two processes may differ, in seconds.
const CLOCKS_APART: u32 = 3600;

/// Arguments of `bouncer_audit_list`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListAudit {
    /// Only events of this project.
    pub project: Option<String>,
    /// Only events of this request. Older events than the request are not looked at.
    pub request_id: Option<String>,
    /// Only events of the last so many hours.
    pub hours: Option<u64>,
    /// At most so many: 1 to 1000 (100).
    pub limit: Option<u64>,
    /// From an earlier answer: continue behind it.
    pub cursor: Option<u64>,
}

/// The answer of `bouncer_audit_list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditList {
    /// Newest first.
    pub events: Vec<AuditItem>,
    /// How many are listed.
    pub count: usize,
    /// Continue with this, if there may be more: after so many events as were asked for, or 100,000 that were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<u64>,
}

/// One event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditItem {
    /// Its place in the chain.
    pub number: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
    /// Its hash.
    pub hash: String,
}

impl From<ChainedEvent> for AuditItem {
    fn from(event: ChainedEvent) -> Self {
        Self { number: event.number, entry: event.entry, hash: event.hash.to_string() }
    }
}

/// Lists events, newest first.
pub async fn list(app: &App, caller: &Caller, args: ListAudit) -> Result<AuditList, UserError> {
    require(caller, Role::Approver)?;
    let limit = checked_limit(args.limit, 100, ROWS)?;
    let project = args.project.as_deref().map(parse_project_id).transpose()?;
    let request = args.request_id.as_deref().map(RequestId::parse).transpose().map_err(|error| {
        UserError::invalid(
            "request_id",
            format!("The {error}."),
            "Take it from bouncer_history or bouncer_list_pending.",
        )
    })?;
    let since = args
        .hours
        .map(|hours| Time::now().minus_seconds(u32::try_from(hours.saturating_mul(3600)).unwrap_or(u32::MAX)));
    let asked = match &request {
        Some(id) => app.store.request_summary(id).await?.map(|request| request.created_at.minus_seconds(CLOCKS_APART)),
        None => None,
    };
    let since = since.max(asked);
    let is_wanted = |entry: &Entry| {
        project.as_ref().is_none_or(|project| entry.project.as_ref() == Some(project))
            && request.as_ref().is_none_or(|request| entry.request_id == *request)
    };
    let mut events: Vec<AuditItem> = Vec::new();
    let mut behind = args.cursor;
    let mut looked_at = 0;
    while looked_at < LOOKED_AT {
        let page = app.store.audit_events(behind, true).await?;
        if page.is_empty() {
            return Ok(AuditList { count: events.len(), events, next_cursor: None });
        }
        for (place, event) in page {
            looked_at += 1;
            behind = Some(place);
            let Some(event) = event else { continue };
            if since.is_some_and(|since| event.entry.at < since) {
                return Ok(AuditList { count: events.len(), events, next_cursor: None });
            }
            if is_wanted(&event.entry) {
                events.push(event.into());
            }
            if events.len() == limit {
                return Ok(AuditList { count: events.len(), events, next_cursor: behind });
            }
        }
    }
    Ok(AuditList { count: events.len(), events, next_cursor: behind })
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct VerifyAudit {}

/// The answer of `bouncer_audit_verify`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditVerdict {
    /// "intact" or "broken".
    pub status: &'static str,
    /// Events that were read.
    pub events: u64,
    /// The first of them; older ones are past their 90 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_event: Option<u64>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_time: Option<Time>,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_event: Option<u64>,
    /// Its hash. Whoever keeps it elsewhere can tell later that the chain was not written anew as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_hash: Option<String>,
    /// Where the chain breaks first, and what is wrong there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_break: Option<Break>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Walks the chain from its oldest event to its end, a page at a time.
pub async fn verify(app: &App, caller: &Caller, _args: VerifyAudit) -> Result<AuditVerdict, UserError> {
    require(caller, Role::Approver)?;
    let now = Time::now();
    // What is added while this reads lies behind this end and is not looked at.
    let end = app.store.audit_end().await?;
    let last = end.as_ref().map_or(u64::MAX, |end| end.number);
    let mut walk = Walk::default();
    let walked = walk_to(app, &mut walk, last, now).await?;
    let mut broken = walked.broken.or_else(|| walk.finish(end.as_ref(), now).err());
    if broken.is_none() && walked.beyond && app.store.audit_end().await? == end {
        broken = Some(Break { number: last, fault: Fault::Head });
    }
    Ok(AuditVerdict {
        status: if broken.is_none() { "intact" } else { "broken" },
        events: walk.events,
        from_event: walk.first.as_ref().map(|first| first.number),
        from_time: walk.first.as_ref().map(|first| first.at),
        to_event: walk.last.as_ref().map(|last| last.number),
        to_hash: walk.last.as_ref().map(|last| last.hash.to_string()),
        message: broken.map(|broken| broken.to_string()),
        first_break: broken,
    })
}

/// How far a walk got.
#[derive(Default)]
struct Walked {
    broken: Option<Break>,
    /// Whether there is an event behind the end.
    beyond: bool,
}

async fn walk_to(app: &App, walk: &mut Walk, last: u64, now: Time) -> Result<Walked, UserError> {
    let mut behind = None;
    loop {
        let page = app.store.audit_events(behind, false).await?;
        if page.is_empty() {
            return Ok(Walked::default());
        }
        for (place, event) in page {
            if place > last {
                return Ok(Walked { beyond: true, ..Walked::default() });
            }
            if let Err(broken) = walk.step(place, event.as_ref(), now) {
                return Ok(Walked { broken: Some(broken), ..Walked::default() });
            }
            behind = Some(place);
        }
    }
}
