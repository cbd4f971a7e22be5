//! A request's page: exactly what would change, and the decision.

use super::Web;
use super::frame;
use super::frame::Section;
use super::session::{Visitor, check_form};
use super::words::{kind, time, title};
use super::{files, live, review};
use crate::domain::approver::Approver;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::prompt::Content;
use crate::domain::request::Verdict;
use crate::requests::approval;
use crate::requests::page;
use crate::requests::page::RequestPage;
use crate::server::http::status_code;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// Which part of a long list.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    page: usize,
}

/// `GET /requests/{request_id}`.
pub(super) async fn page(
    State(web): State<Web>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(part): Query<PageQuery>,
) -> Response {
    // The semaphore is never closed, so the place is always given.
    let _place = web.large_pages.acquire().await.ok();
    match page::request_page(&web.app, &visitor.caller, &id, part.page).await {
        Ok(look) => {
            let heading = heading(&look);
            let content = content(&web, &visitor, &look, &heading);
            frame::page(Some(&visitor), Section::Elsewhere, &heading, &content).into_response()
        }
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

fn heading(look: &RequestPage) -> String {
    title(look.prompt.action, look.prompt.project.as_ref().map(|project| project.as_str()))
}

fn content(web: &Web, visitor: &Visitor, look: &RequestPage, heading: &str) -> Markup {
    let (prompt, path) = (&look.prompt, format!("/requests/{}", look.prompt.request_id));
    let has_ended = look.standing.status.status.has_ended();
    html! {
        header.subject {
            p.kind { (kind(prompt.action)) }
            h1 { (heading) }
            @if let Some(reason) = &prompt.reason { blockquote.reason { (reason) } }
        }
        div.columns {
            aside.side aria-label="Decision" {
                div #live data-live=[(!has_ended).then(|| format!("{path}/live"))]
                    data-events=[(!has_ended && web.hub.is_open()).then(|| format!("{path}/events"))] data-pause="2" {
                    (live::part(&look.standing, &visitor.session))
                }
                (facts(look))
            }
            div.changes {
                @match &prompt.content {
                    Content::Site(site) => (files::site(site, look.site.as_ref(), &path)),
                    Content::Backend(backend) => (review::backend(backend)),
                    Content::Infrastructure(change) => (review::infrastructure(change)),
                    Content::Other(line) => p.lead { (line) },
                }
            }
        }
    }
}

fn facts(look: &RequestPage) -> Markup {
    let prompt = &look.prompt;
    html! {
        dl.facts {
            @if let Some(source) = &prompt.source { dt { "Asked by" } dd { (source) } }
            dt { "With the key" } dd { (prompt.caller) }
            dt { "Asked" } dd { (time(prompt.created_at)) }
            @match &prompt.content {
                Content::Site(site) => {
                    @if let Some(project) = &prompt.project {
                        dt { "Project" } dd { a href={ "/projects/" (project) "/releases" } { (project) "’s releases" } }
                    }
                    dt { "Bucket" } dd { (site.target.bucket) " " span.quiet { (site.target.region) } }
                    @if let Some(id) = &site.target.distribution_id { dt { "Distribution" } dd { (id) } }
                    @if let Some(role) = &site.target.deploy_role_arn { dt { "Role" } dd.code { (role) } }
                }
                Content::Backend(backend) => {
                    dt { "Stack" } dd { (backend.stack_name) }
                    @if let Some(role) = &backend.target_role_arn { dt { "Role" } dd.code { (role) } }
                }
                Content::Infrastructure(change) => { dt { "Change set" } dd.code { (change.change_set_id) } }
                Content::Other(_) => {}
            }
            dt { "Request" } dd.code { (prompt.request_id) }
            @if let Some(hash) = look.standing.plan_hash { dt { "Plan" } dd.code { (hash) } }
        }
    }
}

/// The form of a decision.
#[derive(Deserialize)]
pub(super) struct Decision {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    decision: String,
    /// The plan that was shown.
    #[serde(default)]
    plan: String,
    /// "seen" when the risks were confirmed.
    #[serde(default)]
    risks: String,
}

/// `POST /requests/{request_id}/decision`.
pub(super) async fn decide(
    State(web): State<Web>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<Decision>,
) -> Response {
    let outcome = match check_form(&visitor, &headers, &form.csrf) {
        Ok(()) => press(&web, &visitor, &id, &form).await,
        Err(error) => Err(error),
    };
    let path = format!("/requests/{}", crate::domain::site::paths::url_path(&id));
    match outcome {
        Ok(()) => Redirect::to(&path).into_response(),
        Err(error) => {
            let page = frame::refusal(Some(&visitor), &error, &path, "Back to the request");
            (status_code(error.code), page).into_response()
        }
    }
}

async fn press(web: &Web, visitor: &Visitor, id: &str, form: &Decision) -> Result<(), UserError> {
    let verdict = match form.decision.as_str() {
        "approve" => Verdict::Approve,
        "deny" => Verdict::Deny,
        _ => return Err(UserError::invalid("decision", "The form names no decision.", "Press one of its buttons.")),
    };
    let request = page::visible(&web.app, &visitor.caller, id).await?;
    let shown = request.plan_hash.map(|hash| hash.to_string()).unwrap_or_default();
    if form.plan != shown {
        return Err(UserError::new(
            ErrorCode::Conflict,
            "This is not the plan that you were shown, so nothing was decided.",
            "RequestPage at the request again.",
        ));
    }
    let has_risks = !page::risks(&request).is_empty();
    if verdict == Verdict::Approve && has_risks && form.risks != "seen" {
        return Err(UserError::invalid(
            "risks",
            "The risks were not confirmed, so nothing was decided.",
            "Tick the box below the risks first.",
        ));
    }
    approval::decide(&web.app, &Approver::from(&visitor.caller), id, verdict, "web").await.map(|_| ())
}
