//! A deploy's page: what happened when, what is worked on, and why it failed.

use super::Web;
use super::frame::{self, Place};
use super::live::bar;
use super::session::Visitor;
use super::words::{duration, pill, time, title};
use crate::flow::status::{RequestStatus, WhichRequest, status};
use crate::model::error::UserError;
use crate::model::failure::FailedResource;
use crate::model::ids::DeployId;
use crate::model::request::Status;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// `GET /deploys/{deploy_id}`.
pub(super) async fn page(State(web): State<Web>, visitor: Visitor, Path(id): Path<String>) -> Response {
    match find(&web, &visitor, &id).await {
        Ok((deploy, question)) => {
            let heading = title(deploy.action, deploy.project.as_deref());
            let content = content(&deploy, question.as_ref(), &heading);
            frame::page(Some(&visitor), Place::Elsewhere, &heading, &content).into_response()
        }
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

/// The deploy, and the question about its infrastructure if there is one.
async fn find(web: &Web, visitor: &Visitor, id: &str) -> Result<(RequestStatus, Option<RequestStatus>), UserError> {
    let unknown = || {
        let shown: String = id.chars().take(80).collect();
        UserError::not_found(format!("There is no deploy '{shown}' that you may see."), "Check the id.")
    };
    let deploy_id = DeployId::parse(id).map_err(|_| unknown())?;
    let which = |request_id: String| status(&web.app, &visitor.caller, WhichRequest { request_id });
    let deploy = which(deploy_id.request_id().into()).await.map_err(|_| unknown())?;
    if deploy.deploy_id.as_ref() != Some(&deploy_id) {
        return Err(unknown());
    }
    let question = match deploy.backend.as_ref().and_then(|backend| backend.infrastructure_request_id.clone()) {
        Some(question) => Some(which(question.into()).await?),
        None => None,
    };
    Ok((deploy, question))
}

fn content(deploy: &RequestStatus, question: Option<&RequestStatus>, heading: &str) -> Markup {
    html! {
        header.subject {
            p.kind { "Deploy" }
            h1 { (heading) }
            p.meta {
                (pill(deploy.status))
                @if let Some(backend) = &deploy.backend { span.code { (backend.commit_short) } span { (backend.commit_message) } }
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
                    @if let Some(backend) = &deploy.backend {
                        dt { "Branch" } dd { (backend.branch) }
                        @if let Some(build) = &backend.build_status { dt { "Build" } dd { (build) } }
                    }
                }
            }
            div.changes {
                @if let Some(hint) = &deploy.progress_hint {
                    section aria-labelledby="now-title" {
                        h2 #now-title { "Now" }
                        p.hint { (hint) }
                        @if let Some(progress) = &deploy.progress { (bar(progress)) }
                        @if let Some(question) = question.filter(|question| question.status == Status::PendingApproval) {
                            p { a.button.primary href={ "/requests/" (question.request_id) } { "Decide the infrastructure change" } }
                        }
                    }
                }
                (failure(deploy))
                (timeline(deploy, question))
            }
        }
    }
}

fn failure(deploy: &RequestStatus) -> Markup {
    let said = |name: &str| deploy.result.as_ref().and_then(|result| result.get(name)).and_then(|text| text.as_str());
    let backend = deploy.backend.as_ref();
    let lines = backend.and_then(|backend| backend.error_lines.as_deref()).unwrap_or_default();
    let resources = backend.and_then(|backend| backend.failed_resources.as_deref()).unwrap_or_default();
    html! {
        @if deploy.status == Status::Failed {
            section.findings aria-labelledby="cause-title" {
                h2 #cause-title { "Why it failed" }
                p.lead { (said("error_summary").unwrap_or("The record does not say why.")) }
                @if let Some(suggestion) = backend.and_then(|backend| backend.suggestion.as_ref()) { p { (suggestion) } }
                @if !lines.is_empty() { pre.lines tabindex="0" { (lines.join("\n")) } }
                @if let Some((cause, others)) = resources.split_first() {
                    ul.tree {
                        li {
                            (failed(cause, "Root cause"))
                            @if !others.is_empty() {
                                ul { @for other in others { li { (failed(other, if other.cascade { "Followed" } else { "Also failed" })) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn failed(resource: &FailedResource, word: &str) -> Markup {
    html! {
        p.what {
            strong { (resource.resource) } " "
            span class={ "pill " (if resource.cascade { "quiet" } else { "bad" }) } { (word) }
        }
        p.meta { span.code { (resource.status) } span { (resource.resource_type) } span.quiet { (resource.stack) } }
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
