//! A deploy's page: what happened when, what is worked on, and why it failed.

use super::frame;
use super::frame::Section;
use super::hub::Topic;
use super::live::{bar, stream_of};
use super::session::Visitor;
use super::state::Web;
use super::words::{pill, time, title};
use crate::analysis::failure::{Branch, FailedResource, tree};
use crate::domain::request::Status;
use crate::domain::text::duration;
use crate::domain::time::Time;
use crate::requests::kind::{Kinds, labels};
use crate::requests::page;
use crate::requests::page::DeployPage;
use crate::requests::status::RequestStatus;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::de::DeserializeOwned;

/// `GET /deploys/{deploy_id}`.
pub(super) async fn page(State(web): State<Web>, visitor: Visitor, Path(id): Path<String>) -> Response {
    match page::deploy(&web.app, &visitor.caller, &id).await {
        Ok(look) => {
            let (path, has_ended) = (format!("/deploys/{id}"), look.deploy.status.has_ended());
            let content = html! {
                div #live data-live=[(!has_ended).then(|| format!("{path}/live"))]
                    data-events=[(!has_ended && web.hub.is_open()).then(|| format!("{path}/events"))] data-pause="2" {
                    (part(web.app.kinds, &look))
                }
            };
            frame::page(Some(&visitor), Section::Elsewhere, &heading(web.app.kinds, &look), &content).into_response()
        }
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

/// `GET /deploys/{deploy_id}/live`.
pub(super) async fn fragment(State(web): State<Web>, visitor: Visitor, Path(id): Path<String>) -> Response {
    match page::deploy(&web.app, &visitor.caller, &id).await {
        Ok(look) => frame::fragment(&part(web.app.kinds, &look)).into_response(),
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

/// `GET /deploys/{deploy_id}/events`.
pub(super) async fn events(State(web): State<Web>, visitor: Visitor, Path(id): Path<String>) -> Response {
    // Whoever may see it once may see it for as long as the stream lasts.
    let request_id = match page::deploy(&web.app, &visitor.caller, &id).await {
        Ok(look) => look.request_id,
        Err(error) => return frame::failed(Some(&visitor), &error),
    };
    let app = web.app.clone();
    stream_of(&web, Topic::Deploy(request_id), move |rows| match DeployPage::of(&app, &rows.requests, Time::now()) {
        Some(look) => (part(app.kinds, &look), look.deploy.status.has_ended()),
        None => (Markup::default(), true),
    })
}

fn heading(kinds: Kinds, look: &DeployPage) -> String {
    title(&labels(kinds, &look.deploy.action).title, look.deploy.project.as_deref())
}

/// All of the page, which changes while the deploy runs.
fn part(kinds: Kinds, look: &DeployPage) -> Markup {
    let DeployPage { deploy, question, .. } = look;
    html! {
        header.subject data-stage=(if deploy.status.has_ended() { "ended" } else { "running" }) {
            p.kind { "Deploy" }
            h1 { (heading(kinds, look)) }
            p.meta {
                (pill(deploy.status))
                @if let Some(commit) = text(deploy, "commit_short") { span.code { (commit) } }
                @if let Some(message) = text(deploy, "commit_message") { span { (message) } }
            }
        }
        div.columns {
            aside.side aria-label="Facts" {
                dl.facts {
                    @if let Some(id) = &deploy.deploy_id { dt { "Deploy" } dd.code { (id) } }
                    dt { "Request" } dd.code { a href={ "/requests/" (deploy.request_id) } { (deploy.request_id) } }
                    @if let Some(source) = &deploy.source { dt { "Asked by" } dd { (source) } }
                    @if let Some(reason) = &deploy.reason { dt { "Reason" } dd { (reason) } }
                    @if let Some(seconds) = deploy.duration_seconds { dt { "Took" } dd { (duration(seconds)) } }
                    @if let Some(branch) = text(deploy, "branch") { dt { "Branch" } dd { (branch) } }
                    @if let Some(build) = text(deploy, "build_status") { dt { "Build" } dd { (build) } }
                }
            }
            div.changes {
                @if let Some(hint) = &deploy.progress_hint {
                    section aria-labelledby="now-title" {
                        h2 #now-title { "Now" }
                        p.hint data-say { (hint) }
                        @if let Some(progress) = &deploy.progress { (bar(progress)) }
                        @if let Some(question) = question.as_ref().filter(|question| question.status == Status::PendingApproval) {
                            p { a.button.primary href={ "/requests/" (question.request_id) } { "Decide the question" } }
                        }
                    }
                }
                (failure(deploy))
                (timeline(deploy, question.as_ref()))
            }
        }
    }
}

/// Reads a text that only the deploy's kind says.
fn text<'a>(deploy: &'a RequestStatus, name: &str) -> Option<&'a str> {
    deploy.of_kind.get(name).and_then(|text| text.as_str())
}

fn list<T: DeserializeOwned>(deploy: &RequestStatus, name: &str) -> Vec<T> {
    deploy.of_kind.get(name).cloned().and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default()
}

fn failure(deploy: &RequestStatus) -> Markup {
    let said = |name: &str| deploy.result.as_ref().and_then(|result| result.get(name)).and_then(|text| text.as_str());
    let lines: Vec<String> = list(deploy, "error_lines");
    let resources: Vec<FailedResource> = list(deploy, "failed_resources");
    html! {
        @if deploy.status == Status::Failed {
            section.findings aria-labelledby="cause-title" {
                h2 #cause-title { "Why it failed" }
                p.lead { (said("error_summary").unwrap_or("The record does not say why.")) }
                @if let Some(suggestion) = text(deploy, "suggestion") { p { (suggestion) } }
                @if !lines.is_empty() { pre.lines tabindex="0" { (lines.join("\n")) } }
                (branches(&tree(&resources), resources.first()))
            }
        }
    }
}

/// What failed, nested as the stacks are.
fn branches(nodes: &[Branch<'_>], cause: Option<&FailedResource>) -> Markup {
    html! {
        @if !nodes.is_empty() {
            ul.tree {
                @for node in nodes {
                    li {
                        @match node.row {
                            Some(row) => (failed(row, cause.is_some_and(|cause| std::ptr::eq(cause, row)))),
                            None => p.what { strong { (node.name) } },
                        }
                        (branches(&node.below, cause))
                    }
                }
            }
        }
    }
}

fn failed(resource: &FailedResource, is_cause: bool) -> Markup {
    let word = match (is_cause, resource.cascade) {
        (true, _) => "Root cause",
        (_, true) => "Followed",
        _ => "Also failed",
    };
    html! {
        p.what {
            strong { (resource.resource) } " "
            span class={ "pill " (if resource.cascade { "quiet" } else { "bad" }) } { (word) }
        }
        p.meta {
            span.code { (resource.status) }
            @if !resource.is_own_row() { span { (resource.resource_type) } }
        }
        @if !resource.reason.is_empty() { p { (resource.reason) } }
    }
}

fn timeline(deploy: &RequestStatus, question: Option<&RequestStatus>) -> Markup {
    let mut events = vec![(deploy.created_at, "Asked".to_owned())];
    let decided = |of: &RequestStatus, yes: &str, no: &str| {
        let word = if of.status == Status::Denied { no } else { yes };
        let by = of.decided_by.clone().unwrap_or_default();
        of.decided_at.map(|at| (at, format!("{word} by {by}")))
    };
    events.extend(decided(deploy, "Approved", "Denied"));
    events.extend(deploy.started_at.map(|at| (at, "Began".to_owned())));
    if let Some(question) = question {
        events.push((question.created_at, "Asked about its infrastructure changes".to_owned()));
        events.extend(decided(question, "Infrastructure changes approved", "Infrastructure changes denied"));
    }
    let end = match deploy.status {
        Status::Completed => "Done",
        Status::Failed => "Failed",
        Status::Cancelled => "Cancelled",
        Status::Expired => "Expired: nobody decided in time",
        _ => "Ended",
    };
    let is_told = deploy.status == Status::Denied;
    events.extend(deploy.finished_at.filter(|_| !is_told).map(|at| (at, end.to_owned())));
    events.sort_by_key(|(at, _)| *at);
    html! {
        section aria-labelledby="timeline-title" {
            h2 #timeline-title { "What happened" }
            ol.timeline { @for (at, what) in events { li { strong { (what) } " " (time(at)) } } }
        }
    }
}
