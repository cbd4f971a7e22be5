//! What stands around every page, and the page of an error.

use super::session::Visitor;
use super::statics::{ICON, SCRIPT, STYLE};
use crate::domain::error::UserError;
use crate::domain::text::visible_lines;
use crate::server::http::status_code;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// Where in the navigation a page stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Pending,
    History,
    Elsewhere,
}

/// A whole page.
pub(super) fn page(visitor: Option<&Visitor>, place: Section, title: &str, content: &Markup) -> Html<String> {
    document(
        title,
        &html! {},
        &html! {
            a.skip href="#main" { "Skip to the content" }
            header.top {
                a.brand href="/" { (mark()) "Bouncer" }
                @if let Some(visitor) = visitor {
                    nav aria-label="Pages" {
                        (link("/", "Waiting", place == Section::Pending))
                    (link("/history", "History", place == Section::History))
                    }
                    form.who method="post" action="/sign-out" {
                        input type="hidden" name="csrf" value=(visitor.session.form_token());
                        span.name title=(format!("{} key", visitor.caller.role)) { (visitor.caller.name) }
                        button.link type="submit" { "Sign out" }
                    }
                }
            }
            main #main tabindex="-1" { (content) }
        },
    )
}

fn link(path: &str, text: &str, is_here: bool) -> Markup {
    html! { a href=(path) aria-current=[is_here.then_some("page")] { (text) } }
}

fn document(title: &str, head: &Markup, body: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Bouncer" }
                link rel="icon" type="image/svg+xml" href=(ICON.path());
                link rel="stylesheet" href=(STYLE.path());
                script src=(SCRIPT.path()) defer {}
                (head)
            }
            body { (body) }
        }
    };
    fragment(&page)
}

/// A page or a part of one. Our own markup holds nothing that cannot be seen, so whatever does was written by others.
pub(super) fn fragment(markup: &Markup) -> Html<String> {
    Html(visible_lines(&markup.0))
}

/// The mark beside the name: a door, ajar.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false" {
            path d="M4 21V3h11v3M4 21h11v-3" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" {}
            path d="M9 6l11-2v16L9 18z" fill="currentColor" {}
        }
    }
}

/// Leads to the same address again, from here.
pub(super) fn once_more(path: &str) -> Html<String> {
    let head = html! { meta http-equiv="refresh" content={ "0;url=" (path) }; };
    let body = html! {
        main.narrow { h1 { "One moment" } p { a href=(path) { "Go on to the page" } } }
    };
    document("One moment", &head, &body)
}

/// A page of one sentence and the way out.
pub(super) fn error(visitor: Option<&Visitor>, error: &UserError) -> Html<String> {
    refusal(visitor, error, "/", "Back to what waits")
}

/// The same with another way back.
pub(super) fn refusal(visitor: Option<&Visitor>, error: &UserError, back: &str, to: &str) -> Html<String> {
    page(
        visitor,
        Section::Elsewhere,
        "Not done",
        &html! {
            section.message role="alert" {
                h1 { (error.message) }
                // What names a tool is for who calls tools.
            @if !error.suggestion.contains("bouncer_") { p { (error.suggestion) } }
                p { a.button href=(back) { (to) } }
            }
        },
    )
}

/// The same as an answer.
pub(super) fn failed(visitor: Option<&Visitor>, problem: &UserError) -> Response {
    (status_code(problem.code), error(visitor, problem)).into_response()
}
