//! The part of a request's page that changes by itself: where it stands, what can be decided, how it ended. Sent as a
//! stream where answers can be one, and on demand everywhere.

use super::frame;
use super::hub::{Rows, Topic};
use super::session::Visitor;
use super::state::Web;
use super::words::{pill, time, until};
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::pass::Pass;
use crate::domain::progress::{ProgressView, ResourceLine};
use crate::domain::prompt::{Outcome, Stage};
use crate::domain::request::{Request, Verdict};
use crate::domain::text::{duration, number, size};
use crate::domain::time::Time;
use crate::requests::find::find;
use crate::requests::page;
use crate::requests::page::{Standing, standing};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use futures::stream;
use maud::{Markup, html};
use std::convert::Infallible;
use std::time::Duration;

/// `GET /requests/{request_id}/live`.
pub(super) async fn fragment(State(web): State<Web>, visitor: Visitor, Path(id): Path<String>) -> Response {
    match page::standing_of(&web.app, &visitor.caller, &id).await {
        Ok(standing) => frame::fragment(&part(&standing, &visitor.session)).into_response(),
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

/// `GET /requests/{request_id}/events`.
pub(super) async fn events(State(web): State<Web>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let request = match find(&web.app, &visitor.caller, &id).await {
        Ok(request) => request,
        Err(error) => return frame::failed(Some(&visitor), &error),
    };
    let app = web.app.clone();
    stream_of(&web, Topic::Request(request.request_id), move |rows| {
        let Some(request) = rows.requests.first() else { return (Markup::default(), true) };
        let standing = standing(&app, Request::clone(request), &rows.context, &visitor.caller, Time::now());
        let has_ended = matches!(standing.stage, Stage::Ended { .. });
        (part(&standing, &visitor.session), has_ended)
    })
}

/// A stream of what `write` makes of a topic, each time it differs. `write` also says whether it was the last.
pub(super) fn stream_of(web: &Web, topic: Topic, write: impl Fn(&Rows) -> (Markup, bool) + Send + 'static) -> Response {
    let Some(listener) = web.hub.listen(topic) else {
        let error = UserError::new(
            ErrorCode::RateLimited,
            "This server sends no more streams at the moment.",
            "The page asks by itself instead.",
        );
        return (StatusCode::SERVICE_UNAVAILABLE, frame::error(None, &error)).into_response();
    };
    let state = (listener, write, String::new(), false);
    let events = stream::unfold(state, |(mut listener, write, mut sent, ended)| async move {
        if ended {
            return None;
        }
        loop {
            let rows = listener.next().await?;
            let (part, last) = write(&rows);
            let Html(html) = frame::fragment(&part);
            if html != sent || last {
                sent.clone_from(&html);
                let event = Event::default().event(if last { "last" } else { "part" }).data(html);
                return Some((Ok::<_, Infallible>(event), (listener, write, sent, last)));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

/// Where a request stands.
pub(super) fn part(standing: &Standing, session: &Pass) -> Markup {
    let status = &standing.status;
    html! {
        section.standing aria-labelledby="standing-title" data-stage=(stage_word(&standing.stage)) {
            h2 #standing-title .sr { "Where it stands" }
            p.state { (pill(status.status)) }
            @match &standing.stage {
                Stage::Asking { approved_by, approvals_required, .. } => {
                    p.clock { "Can be decided until " (until(status.expires_at)) }
                    @if *approvals_required > 1 {
                        p.approvals {
                            (approved_by.len()) " of " (approvals_required) " approvals"
                            @if !approved_by.is_empty() { ": " (approved_by.join(", ")) }
                        }
                    }
                    (decision(standing, session))
                }
                Stage::Running { decided_by, hint } => {
                    (decided(decided_by.as_deref(), "Approved by"))
                    @if let Some(hint) = hint { p.hint data-say { (hint.to_string()) } }
                    @if let Some(progress) = &status.progress { (bar(progress)) }
                    @if let Some(at) = status.started_at { p.quiet { "Began " (time(at)) } }
                }
                Stage::Ended { outcome, decided_by, detail } => {
                    p.hint data-say { (sentence(*outcome)) }
                    (decided(decided_by.as_deref(), who_word(*outcome)))
                    @if let Some(detail) = detail {
                        p.detail { @if detail.starts_with("rel-") { "Release " } (detail) }
                    }
                    @if let Some(seconds) = status.duration_seconds { p.quiet { "Took " (duration(seconds)) } }
                    (addresses(standing))
                }
            }
            @if status.started_at.is_some() && let Some(deploy) = &status.deploy_id {
                p { a href={ "/deploys/" (deploy) } { "Follow the deploy" } }
            }
        }
    }
}

fn stage_word(stage: &Stage) -> &'static str {
    match stage {
        Stage::Asking { .. } => "asking",
        Stage::Running { .. } => "running",
        Stage::Ended { .. } => "ended",
    }
}

fn decided(by: Option<&str>, word: &str) -> Markup {
    html! { @if let Some(by) = by { p.by { (word) " " strong { (by) } } } }
}

fn who_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Denied => "Denied by",
        Outcome::Cancelled => "Decided by",
        _ => "Approved by",
    }
}

fn sentence(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "Done. What was shown is in place.",
        Outcome::Failed => "It failed.",
        Outcome::PartlyDeployed => "It failed on the way: visitors may get some of the new files.",
        Outcome::Denied => "Denied. Nothing was changed.",
        Outcome::Expired => "Nobody decided in time. Nothing was changed.",
        Outcome::Cancelled => "Cancelled.",
    }
}

/// Where a published site can be seen.
fn addresses(standing: &Standing) -> Markup {
    let urls = standing.status.result.as_ref().and_then(|result| result["urls"].as_array());
    let urls = urls.into_iter().flatten().filter_map(|url| url.as_str());
    // Only what a browser opens as a page; anything else would be a program.
    let urls: Vec<&str> = urls.filter(|url| url.starts_with("https://") || url.starts_with("http://")).collect();
    html! { @for url in urls { p { a href=(url) rel="noopener" target="_blank" { "Open the live site" } } } }
}

/// The buttons whose press would count, and why any other is not there.
fn decision(standing: &Standing, session: &Pass) -> Markup {
    let id = &standing.status.request_id;
    let may_approve = standing.may.contains(&Verdict::Approve);
    html! {
        @if let Some(why) = &standing.why_not { p.quiet.why-not { (why.message) " " (why.suggestion) } }
        @if !standing.may.is_empty() { form.decide method="post" action={ "/requests/" (id) "/decision" } {
            input type="hidden" name="csrf" value=(session.form_token());
            @if let Some(hash) = standing.plan_hash { input type="hidden" name="plan" value=(hash); }
            @if may_approve && !standing.risks.is_empty() {
                fieldset.risks {
                    legend { "High risk" }
                    ul { @for risk in &standing.risks { li { (risk) } } }
                    label.check { input #seen type="checkbox" name="risks" value="seen"; span { "I have seen these risks and want this all the same." } }
                }
            }
            div.buttons {
                @for verdict in &standing.may { (button(*verdict, !standing.risks.is_empty())) }
            }
        } }
    }
}

fn button(verdict: Verdict, is_risky: bool) -> Markup {
    match verdict {
        Verdict::Approve => html! {
            button.primary type="submit" name="decision" value="approve" data-needs=[is_risky.then_some("seen")] { "Approve" }
        },
        Verdict::Deny => html! { button.danger type="submit" name="decision" value="deny" { "Deny" } },
    }
}

/// How far the work is: a bar, and what is worked on.
pub(super) fn bar(progress: &ProgressView) -> Markup {
    let label = format!("Step {} of {}", progress.step, progress.steps);
    html! {
        div.progress {
            p.quiet {
                (label)
                @if progress.total > 0 { ", " (number(progress.done)) " of " (number(progress.total)) }
                @if let (Some(done), Some(total)) = (progress.bytes_done, progress.bytes_total) {
                    @if total > 0 { ", " (size(done)) " of " (size(total)) }
                }
            }
            @if progress.total > 0 {
                progress aria-label=(label) max=(progress.total) value=(progress.done.min(progress.total)) {}
            } @else {
                progress aria-label=(label) max=(progress.steps) value=(progress.step.saturating_sub(1)) {}
            }
            (resources("Failed so far", "bad", &progress.failed))
            (resources("Being changed", "", &progress.in_progress))
        }
    }
}

fn resources(title: &str, tone: &str, lines: &[ResourceLine]) -> Markup {
    html! {
        @if !lines.is_empty() {
            h3 { (title) }
            ul.resources.(tone) {
                @for line in lines {
                    li {
                        strong { (line.resource) } " " span.quiet { (line.resource_type) }
                        @if !line.reason.is_empty() { p { (line.reason) } }
                    }
                }
            }
        }
    }
}
