//! The releases of a project: what visitors got, and what they get now.

use super::frame;
use super::frame::Section;
use super::session::Visitor;
use super::state::Web;
use super::words::time;
use crate::domain::text::{count, number, size};
use crate::kinds::frontend_deploy::releases::{ReleaseView, WhichReleases, releases};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// `GET /projects/{project}/releases`.
pub(super) async fn page(State(web): State<Web>, visitor: Visitor, Path(project): Path<String>) -> Response {
    match releases(&web.app, &visitor.caller, WhichReleases { project }).await {
        Ok(list) => {
            let content = html! {
                header.subject {
                    p.kind { "Releases" }
                    h1 { (list.project) }
                    p.quiet { (count(list.count, "release")) " kept, the newest first" }
                }
                @if list.releases.is_empty() {
                    div.empty { p.lead { "Nothing went live yet." } }
                } @else {
                    ul.cards.slim { @for release in &list.releases { (item(release)) } }
                }
            };
            frame::page(Some(&visitor), Section::Elsewhere, &format!("Releases of {}", list.project), &content)
                .into_response()
        }
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

fn item(release: &ReleaseView) -> Markup {
    html! {
        li.card {
            div.row {
                h2 { a href={ "/deploys/" (release.deploy_id) } { (release.release_id.as_str()) } }
                @if release.current { span class="pill good" { "Live now" } }
            }
            @if let Some(reason) = &release.reason { p.reason { (reason) } }
            p.meta {
                span { (count(release.file_count, "file")) ", " (size(release.total_size)) }
                @if let Some(changes) = &release.changes {
                    span { (number(changes.added)) " added, " (number(changes.changed)) " changed, " (number(changes.removed)) " removed" }
                }
                @if let Some(earlier) = &release.restores { span { "went back to " span.code { (earlier) } } }
                @if release.adopted { span { "was there before Bouncer" } }
                @if let Some(by) = &release.triggered_by { span { "asked by " (by) } }
                @if let Some(by) = &release.decided_by { span { "decided by " (by) } }
                span { (time(release.live_at)) }
            }
        }
    }
}
