//! What was asked and how it ended.

use super::frame;
use super::frame::Section;
use super::session::Visitor;
use super::state::Web;
use super::words::{pill, time, title};
use crate::admin::projects;
use crate::admin::projects::NoArguments;
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;
use crate::requests::kind::{Kinds, labels};
use crate::requests::status::handled;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// Requests of the page.
const SHOWN: usize = 100;

/// The states one can look for, with their words.
const STATES: [(Status, &str); 7] = [
    (Status::Approved, "Approved"),
    (Status::Running, "Running"),
    (Status::Completed, "Completed"),
    (Status::Failed, "Failed"),
    (Status::Denied, "Denied"),
    (Status::Expired, "Expired"),
    (Status::Cancelled, "Cancelled"),
];

/// What is looked for; a blank is anything.
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    project: String,
    #[serde(default)]
    status: String,
}

/// `GET /history`.
pub(super) async fn page(State(web): State<Web>, visitor: Visitor, Query(filter): Query<Filter>) -> Response {
    // The semaphore is never closed, so the place is always given.
    let _place = web.large_pages.acquire().await.ok();
    let all = STATES.map(|(status, _)| status);
    let wanted: Vec<Status> = all.into_iter().filter(|status| status.as_str() == filter.status).collect();
    let states = if wanted.is_empty() { &all[..] } else { &wanted[..] };
    let project = Some(filter.project.as_str()).filter(|project| !project.is_empty());
    let rows = handled(&web.app, &visitor.caller, states, project, SHOWN).await;
    let projects = projects::list(&web.app, &visitor.caller, NoArguments {}).await;
    match (rows, projects) {
        (Ok(rows), Ok(projects)) => {
            let ids: Vec<String> = projects.projects.into_iter().map(|project| project.project_id).collect();
            let content = html! {
                h1 { "History" }
                (form(&filter, &ids))
                (list(web.app.kinds, &rows))
            };
            frame::page(Some(&visitor), Section::History, "History", &content).into_response()
        }
        (Err(error), _) | (_, Err(error)) => frame::failed(Some(&visitor), &error),
    }
}

fn form(filter: &Filter, projects: &[String]) -> Markup {
    html! {
        form.filter method="get" action="/history" {
            label for="project" { "Project" }
            select #project name="project" {
                option value="" { "All" }
                @for project in projects { option value=(project) selected[*project == filter.project] { (project) } }
            }
            label for="status" { "State" }
            select #status name="status" {
                option value="" { "All" }
                @for (status, word) in STATES {
                    option value=(status) selected[status.as_str() == filter.status] { (word) }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

fn list(kinds: Kinds, rows: &[Request]) -> Markup {
    html! {
        @if rows.is_empty() {
            div.empty { p.lead { "Nothing of that kind." } p.quiet { "Choose another project or state." } }
        } @else {
            ul.cards.slim { @for row in rows { (item(kinds, row)) } }
            @if rows.len() == SHOWN { p.quiet { "The newest " (SHOWN) " are shown." } }
        }
    }
}

fn item(kinds: Kinds, row: &Request) -> Markup {
    let project = row.project.as_ref().map(|project| project.as_str());
    let labels = labels(kinds, &row.action);
    html! {
        li.card {
            div.row {
                h2 { a href={ "/requests/" (row.request_id) } { (title(&labels.title, project)) } }
                (pill(row.status_at(Time::now())))
            }
            p.summary { (row.summary) }
            p.meta {
                span.tag { (labels.label) }
                span { "asked by " (row.source.as_deref().unwrap_or(&row.caller_name)) }
                @if let Some(by) = row.decided_by() { span { "decided by " (by) } }
                span { (time(row.created_at)) }
            }
        }
    }
}
