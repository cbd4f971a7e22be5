//! A request's page: exactly what would change, and the decision.

use super::frame;
use super::frame::Section;
use super::session::{Visitor, check_form};
use super::state::Web;
use super::words::{time, title};
use super::{card, live};
use crate::domain::approver::Approver;
use crate::domain::channel::ChannelName;
use crate::domain::digest::Sha256;
use crate::domain::error::UserError;
use crate::domain::request::Verdict;
use crate::policy::decision::Press;
use crate::requests::decide;
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
    title(&look.prompt.card.title, look.prompt.project.as_ref().map(|project| project.as_str()))
}

fn content(web: &Web, visitor: &Visitor, look: &RequestPage, heading: &str) -> Markup {
    let (prompt, path) = (&look.prompt, format!("/requests/{}", look.prompt.request_id));
    let has_ended = look.standing.status.status.has_ended();
    html! {
        header.subject {
            p.kind { (prompt.label) }
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
                (card::sections(&prompt.card, &path, look.has_preview))
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
            @if let Some(project) = &prompt.project {
                dt { "Project" }
                dd { @if look.has_preview { a href={ "/projects/" (project) "/releases" } { (project) "’s releases" } } @else { (project) } }
            }
            (card::facts(&prompt.card))
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
    /// "seen" when the risks were acknowledged.
    #[serde(default)]
    risks: String,
    /// Why, in the approver's words.
    #[serde(default)]
    reason: String,
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
    let press = Press {
        verdict,
        plan_hash: Some(Sha256::parse(&form.plan).map_err(|_| {
            UserError::invalid("plan", "The form does not say which plan was shown.", "Reload the request's page.")
        })?),
        acknowledged: form.risks == "seen",
    };
    let reason = Some(form.reason.trim()).filter(|reason| !reason.is_empty());
    let approver = Approver::from(&visitor.caller);
    decide::decide(&web.app, &approver, id, press, reason, ChannelName::Web).await?;
    Ok(())
}
