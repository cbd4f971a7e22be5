//! `bouncer_history` and `bouncer_stats`: what was asked in a span of time, one by one and in numbers. Both read the same
//! rows, so they agree.

use super::{ROWS, checked_limit};
use crate::domain::caller::{Caller, Role};
use crate::domain::error::UserError;
use crate::domain::ids::{KeyId, ProjectId, RequestId};
use crate::domain::kind::KindName;
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::parse_project_id;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows of one state read at a time.
const PAGE: usize = 200;
/// The longest span: as long as rows are kept, in hours.
const MAX_HOURS: u64 = 90 * 24;

/// A little later than now: another process's clock may be ahead.
fn ahead(now: Time) -> Time {
    now.plus_seconds(3600)
}

/// Which requests.
#[derive(Debug, Clone)]
struct Wanted {
    project: Option<ProjectId>,
    /// None: any.
    statuses: Vec<Status>,
    action: Option<KindName>,
    caller: Option<KeyId>,
    since: Time,
    now: Time,
}

impl Wanted {
    fn admits(&self, request: &Request) -> bool {
        request.created_at >= self.since
            && self.project.as_ref().is_none_or(|project| request.project.as_ref() == Some(project))
            && self.action.as_ref().is_none_or(|action| request.action == *action)
            && self.caller.as_ref().is_none_or(|caller| request.caller == *caller)
            && self.wants(request.status_at(self.now))
    }

    /// The states in which wanted rows can be stored. What is over its window may still be stored as pending.
    fn stored_in(&self) -> Vec<Status> {
        let all = Status::ALL.into_iter().filter(|status| *status != Status::Ready);
        all.filter(|stored| self.wants(*stored) || (*stored == Status::PendingApproval && self.wants(Status::Expired)))
            .collect()
    }

    fn wants(&self, status: Status) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }
}

/// Looks at the wanted requests of one state, newest first, until `look` has seen enough.
async fn each(
    app: &App,
    stored: Status,
    wanted: &Wanted,
    mut until: Time,
    mut look: impl FnMut(Request) -> bool,
) -> Result<(), UserError> {
    let mut seen_at_edge: Vec<RequestId> = vec![];
    loop {
        let page = app.store.requests_between(stored, wanted.since, until, PAGE + seen_at_edge.len()).await?;
        let fresh: Vec<Request> =
            page.into_iter().filter(|request| !seen_at_edge.contains(&request.request_id)).collect();
        let Some(edge) = fresh.last().map(|request| request.created_at) else { return Ok(()) };
        if edge != until {
            seen_at_edge.clear();
        }
        seen_at_edge.extend(
            fresh.iter().filter(|request| request.created_at == edge).map(|request| request.request_id.clone()),
        );
        until = edge;
        for request in fresh {
            let is_listed = app.kinds.named(&request.action).is_none_or(|kind| kind.is_listed());
            if is_listed && wanted.admits(&request) && !look(request) {
                return Ok(());
            }
        }
    }
}

/// The newest of the wanted requests that `admits` lets pass, of each stored state at most `limit`; sorted.
async fn newest(
    app: &App,
    wanted: &Wanted,
    until: Time,
    limit: usize,
    admits: impl Fn(&Request) -> bool,
) -> Result<Vec<Request>, UserError> {
    let mut found: Vec<Request> = vec![];
    for stored in wanted.stored_in() {
        let mut more = limit;
        each(app, stored, wanted, until, |request| {
            if admits(&request) {
                found.push(request);
                more -= 1;
            }
            more > 0
        })
        .await?;
    }
    found.sort_by(|a, b| (b.created_at, &b.request_id).cmp(&(a.created_at, &a.request_id)));
    Ok(found)
}

/// Requests with a plan that stand in one of these states and that a caller may see, newest first, at most `limit`.
pub async fn handled(
    app: &App,
    caller: &Caller,
    statuses: &[Status],
    project: Option<&str>,
    limit: usize,
) -> Result<Vec<Request>, UserError> {
    let project = match project.map(ProjectId::parse).transpose() {
        Ok(project) => project,
        // No project is called so.
        Err(_) => return Ok(vec![]),
    };
    let now = Time::now();
    let since = now.minus_seconds(u32::MAX);
    let wanted = Wanted { project, statuses: statuses.to_vec(), action: None, caller: None, since, now };
    let admits = |request: &Request| request.is_visible_to(caller) && request.plan.is_some();
    let mut found = newest(app, &wanted, ahead(now), limit, admits).await?;
    found.truncate(limit);
    Ok(found)
}

/// Arguments of `bouncer_history`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestHistory {
    /// Only requests of this project.
    pub project: Option<String>,
    /// Only requests that stand so.
    pub status: Option<Status>,
    /// Only requests for this.
    pub action: Option<KindName>,
    /// Only requests of this key.
    pub caller: Option<String>,
    /// Only requests of the last so many hours: 1 to 2160 (all).
    pub hours: Option<u64>,
    /// At most so many: 1 to 100 (20).
    pub limit: Option<u64>,
    /// From an earlier answer: continue behind it.
    pub cursor: Option<String>,
}

/// The answer of `bouncer_history`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PastRequests {
    /// Newest first.
    pub requests: Vec<PastRequest>,
    /// How many are listed.
    pub count: usize,
    /// Continue with this, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One request of the history.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PastRequest {
    /// The request's id.
    pub request_id: RequestId,
    /// What was asked.
    pub action: KindName,
    /// How it stands.
    pub status: Status,
    /// One line.
    pub summary: String,
    /// The project.
    pub project: Option<ProjectId>,
    /// Who asked, in their own words.
    pub source: Option<String>,
    /// The name of the key that asked.
    pub caller: String,
    /// Why.
    pub reason: Option<String>,
    /// When it was asked.
    pub created_at: Time,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Seconds until the decision.
    pub decision_seconds: Option<u64>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// Lists requests, newest first: a caller's own, or all for an approver.
pub async fn past(app: &App, caller: &Caller, args: RequestHistory) -> Result<PastRequests, UserError> {
    let limit = checked_limit(args.limit, 20, ROWS)?;
    let now = Time::now();
    let own = (caller.role < Role::Approver).then(|| caller.id.clone());
    let asked_for = args
        .caller
        .as_deref()
        .map(KeyId::parse)
        .transpose()
        .map_err(|error| UserError::invalid("caller", format!("The {error}."), "Take it from bouncer_key_list."))?;
    let wanted = Wanted {
        project: args.project.as_deref().map(parse_project_id).transpose()?,
        statuses: args.status.into_iter().collect(),
        action: args.action,
        caller: own.or(asked_for),
        since: since(args.hours.unwrap_or(MAX_HOURS), now)?,
        now,
    };
    let behind = args.cursor.as_deref().map(cursor).transpose()?;
    let until = behind.as_ref().map_or(ahead(now), |(at, _)| *at);
    let is_behind = |request: &Request| {
        behind.as_ref().is_none_or(|(at, id)| (request.created_at, &request.request_id) < (*at, id))
    };
    let mut found = newest(app, &wanted, until, limit + 1, is_behind).await?;
    let there_is_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor =
        found.last().filter(|_| there_is_more).map(|last| format!("{}/{}", last.created_at, last.request_id));
    let requests: Vec<PastRequest> = found.into_iter().map(|request| item(request, now)).collect();
    Ok(PastRequests { count: requests.len(), requests, next_cursor })
}

fn item(request: Request, now: Time) -> PastRequest {
    PastRequest {
        status: request.status_at(now),
        decided_by: request.decided_by(),
        decision_seconds: request.decision.as_ref().map(|decision| decision.at.seconds_since(request.created_at)),
        request_id: request.request_id,
        action: request.action.clone(),
        summary: request.summary,
        project: request.project,
        source: request.source,
        caller: request.caller_name,
        reason: request.reason,
        created_at: request.created_at,
        finished_at: request.finished_at,
    }
}

fn since(hours: u64, now: Time) -> Result<Time, UserError> {
    match u32::try_from(hours.saturating_mul(3600)) {
        Ok(seconds) if (1..=MAX_HOURS).contains(&hours) => Ok(now.minus_seconds(seconds)),
        _ => Err(UserError::invalid("hours", format!("{hours} hours are not accepted."), "Use 1 to 2160.")),
    }
}

fn cursor(text: &str) -> Result<(Time, RequestId), UserError> {
    let read = || {
        let (at, id) = text.split_once('/')?;
        Some((Time::try_from(at.to_owned()).ok()?, RequestId::parse(id).ok()?))
    };
    read().ok_or_else(|| {
        UserError::invalid(
            "cursor",
            "This is not a cursor of bouncer_history.",
            "Use next_cursor of an earlier answer.",
        )
    })
}

/// Arguments of `bouncer_stats`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WhichStats {
    /// Of the last so many hours: 1 to 2160 (24).
    pub hours: Option<u64>,
    /// Only requests of this project.
    pub project: Option<String>,
}

/// The answer of `bouncer_stats`: requests in numbers, by when they were asked.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stats {
    /// The span.
    pub hours: u64,
    /// All requests.
    pub total: u64,
    /// How many stand how.
    pub by_status: BTreeMap<&'static str, u64>,
    /// How many a human decided.
    pub decided: u64,
    /// Seconds until half of the decisions were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_seconds_median: Option<u64>,
    /// Seconds until 95 of 100 decisions were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_seconds_p95: Option<u64>,
    /// The same by project: how many stand how.
    pub by_project: BTreeMap<String, BTreeMap<&'static str, u64>>,
}

/// Counts requests: a caller's own, or all for an approver.
pub async fn stats(app: &App, caller: &Caller, args: WhichStats) -> Result<Stats, UserError> {
    let own = (caller.role < Role::Approver).then(|| caller.id.clone());
    count(app, args, own).await
}

/// Counts all requests, or one caller's.
pub async fn count(app: &App, args: WhichStats, of: Option<KeyId>) -> Result<Stats, UserError> {
    let (now, hours) = (Time::now(), args.hours.unwrap_or(24));
    let wanted = Wanted {
        project: args.project.as_deref().map(parse_project_id).transpose()?,
        statuses: vec![],
        action: None,
        caller: of,
        since: since(hours, now)?,
        now,
    };
    let (mut by_status, mut by_project) = (BTreeMap::new(), BTreeMap::new());
    let (mut total, mut seconds) = (0, vec![]);
    for stored in wanted.stored_in() {
        each(app, stored, &wanted, ahead(now), |request| {
            let status = request.status_at(now).as_str();
            total += 1;
            *by_status.entry(status).or_insert(0) += 1;
            if let Some(project) = &request.project {
                let of_project: &mut BTreeMap<_, _> = by_project.entry(project.to_string()).or_default();
                *of_project.entry(status).or_insert(0) += 1;
            }
            seconds.extend(request.decision.map(|decision| decision.at.seconds_since(request.created_at)));
            true
        })
        .await?;
    }
    seconds.sort_unstable();
    Ok(Stats {
        hours,
        total,
        by_status,
        decided: seconds.len() as u64,
        decision_seconds_median: percentile(&seconds, 50),
        decision_seconds_p95: percentile(&seconds, 95),
        by_project,
    })
}

/// The smallest value that is not below so many of a hundred.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=20).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 95)), (Some(10), Some(19)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 95), percentile(&[], 50)), (Some(7), Some(7), None));
    }
}
