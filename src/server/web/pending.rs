//! What waits for a decision.

use super::frame;
use super::frame::Section;
use super::hub::Topic;
use super::live::stream_of;
use super::session::Visitor;
use super::state::Web;
use super::words::{title, until};
use crate::domain::caller::{Caller, Role};
use crate::domain::request::{Request, Status};
use crate::domain::text::{count, number};
use crate::domain::time::Time;
use crate::requests::kind::{Kinds, labels};
use crate::requests::status::waiting;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// Requests of the list.
const SHOWN: usize = 100;

/// `GET /`.
pub(super) async fn page(State(web): State<Web>, visitor: Visitor) -> Response {
    // The semaphore is never closed, so the place is always given.
    let _place = web.large_pages.acquire().await.ok();
    let rows = match waiting(&web.app).await {
        Ok(rows) => rows,
        Err(error) => return frame::failed(Some(&visitor), &error),
    };
    let content = html! {
        h1 { "Waiting for a decision" }
        div #live data-live="/live" data-events=[web.hub.is_open().then_some("/events")] data-pause="5" {
            (list(web.app.kinds, &rows, &visitor.caller))
        }
    };
    frame::page(Some(&visitor), Section::Pending, "Waiting", &content).into_response()
}

/// `GET /live`.
pub(super) async fn live(State(web): State<Web>, visitor: Visitor) -> Response {
    let _place = web.large_pages.acquire().await.ok();
    match waiting(&web.app).await {
        Ok(rows) => frame::fragment(&list(web.app.kinds, &rows, &visitor.caller)).into_response(),
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

/// `GET /events`.
pub(super) async fn events(State(web): State<Web>, visitor: Visitor) -> Response {
    let kinds = web.app.kinds;
    stream_of(&web, Topic::Waiting, move |rows| (list(kinds, &rows.requests, &visitor.caller), false))
}

fn list(kinds: Kinds, rows: &[Request], caller: &Caller) -> Markup {
    let now = Time::now();
    let open = |row: &&Request| row.status_at(now) == Status::PendingApproval && row.is_visible_to(caller);
    let rows: Vec<&Request> = rows.iter().filter(open).collect();
    html! {
        @if rows.is_empty() {
            div.empty {
                p.lead { "Nothing waits for you." }
                p.quiet {
                    @if caller.role >= Role::Approver { "A new request appears here by itself." }
                    @else { "Your own requests appear here while they wait for an approver." }
                }
            }
        } @else {
            p.quiet data-say { (count(rows.len(), "request")) ", soonest to expire first" }
            ul.cards {
                @for row in rows.iter().take(SHOWN) { (card(kinds, row)) }
            }
            @if rows.len() > SHOWN { p.quiet { "… and " (number(rows.len() - SHOWN)) " more, which follow as these are decided." } }
        }
    }
}

fn card(kinds: Kinds, row: &Request) -> Markup {
    let project = row.project.as_ref().map(|project| project.as_str());
    let labels = labels(kinds, &row.action);
    html! {
        li.card {
            h2 { a href={ "/requests/" (row.request_id) } { (title(&labels.title, project)) } }
            p.summary { (row.summary) }
            @if let Some(reason) = &row.reason { p.reason { (reason) } }
            p.meta {
                span.tag { (labels.label) }
                span { "asked by " (row.source.as_deref().unwrap_or(&row.caller_name)) }
                span { "until " (until(row.expires_at)) }
            }
        }
    }
}
