//! Signing in, with a key or by a link that works once, and out.

use super::frame;
use super::frame::Section;
use super::session;
use super::session::{Visitor, check_form, check_origin};
use super::state::Web;
use super::words::{Host, local_path};
use crate::admin::passes;
use crate::domain::caller::ApiKey;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::pass::Pass;
use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use lambda_http::request::RequestContext;
use maud::html;
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Instant;

/// Where to go after signing in.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`.
pub(super) async fn page(Query(wanted): Query<Wanted>) -> Html<String> {
    form(&wanted.next, None)
}

fn form(next: &str, problem: Option<&UserError>) -> Html<String> {
    let next = local_path(next);
    frame::page(
        None,
        Section::Elsewhere,
        "Sign in",
        &html! {
            section.sign-in {
                h1 { "Sign in" }
                p.lead { "See exactly what would change, then decide." }
                @if let Some(problem) = problem {
                    p.problem role="alert" { strong { (problem.message) } " " (problem.suggestion) }
                }
                form #key-form method="post" action="/sign-in" {
                    input type="hidden" name="next" value=(next);
                    label for="key" { "Approver key" }
                    input #key type="password" name="key" autocomplete="current-password" autocapitalize="off"
                        spellcheck="false" required autofocus aria-describedby="key-help";
                    p #key-help .help { "It begins with bncr_. This browser keeps a session of 12 hours, and never the key." }
                    button.primary type="submit" { "Sign in" }
                }
                // Filled in and sent by the script when the address carries a link's secret.
                form #link-form method="post" action="/sign-in/link" hidden {
                    input type="hidden" name="link";
                }
            }
        },
    )
}

#[derive(Deserialize)]
pub(super) struct WithKey {
    #[serde(default)]
    key: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`: a key for a session.
pub(super) async fn by_key(
    State(web): State<Web>,
    headers: HeaderMap,
    extensions: Extensions,
    Form(with): Form<WithKey>,
) -> Response {
    if let Err(error) = check_origin(&headers) {
        return frame::failed(None, &error);
    }
    let (address, now) = (address(&extensions), Instant::now());
    if web.throttle.is_blocked(&address, now) {
        let error = UserError::new(
            ErrorCode::RateLimited,
            "Too many keys were tried from here.",
            "Wait a minute, then try again.",
        );
        return (StatusCode::TOO_MANY_REQUESTS, form(&with.next, Some(&error))).into_response();
    }
    let key = ApiKey::from_text(with.key.trim());
    let holder = match &key {
        Some(key) => web.keys.caller(key).await,
        None => Ok(None),
    };
    match (key, holder) {
        (Some(key), Ok(Some(caller))) => match passes::open_session(&web.app, key.hash()).await {
            Ok(session) => {
                tracing::info!(by = %caller.id, "signed in to the page");
                enter(&session, &headers, &extensions, &local_path(&with.next))
            }
            Err(error) => frame::failed(None, &error),
        },
        (_, Err(error)) => frame::failed(None, &error.into()),
        (_, Ok(_)) => {
            web.throttle.note(&address, now);
            let error = UserError::new(
                ErrorCode::Forbidden,
                "This key is unknown or revoked.",
                "Check that all of it was pasted.",
            );
            (StatusCode::UNAUTHORIZED, form(&with.next, Some(&error))).into_response()
        }
    }
}

#[derive(Deserialize)]
pub(super) struct WithLink {
    #[serde(default)]
    link: String,
}

/// `POST /sign-in/link`: what the page read behind the `#` of its address, for a session.
pub(super) async fn by_link(
    State(web): State<Web>,
    headers: HeaderMap,
    extensions: Extensions,
    Form(with): Form<WithLink>,
) -> Response {
    if let Err(error) = check_origin(&headers) {
        return frame::failed(None, &error);
    }
    let session = match Pass::from_text(&with.link) {
        Some(link) => passes::follow_sign_in_link(&web.app, &link).await,
        None => Ok(None),
    };
    match session {
        Ok(Some(session)) => enter(&session, &headers, &extensions, "/"),
        Ok(None) => {
            let error = UserError::new(
                ErrorCode::Forbidden,
                "This link was used before, or is older than 10 minutes.",
                "Sign in with a key, or restart the server for a new link.",
            );
            (StatusCode::UNAUTHORIZED, form("", Some(&error))).into_response()
        }
        Err(error) => frame::failed(None, &error),
    }
}

fn enter(session: &Pass, headers: &HeaderMap, extensions: &Extensions, next: &str) -> Response {
    let cookie = session::give(session, &Host::of(headers, extensions));
    ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
}

#[derive(Deserialize)]
pub(super) struct SignOut {
    #[serde(default)]
    csrf: String,
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    State(web): State<Web>,
    visitor: Visitor,
    headers: HeaderMap,
    extensions: Extensions,
    Form(form): Form<SignOut>,
) -> Response {
    if let Err(error) = check_form(&visitor, &headers, &form.csrf) {
        return frame::failed(Some(&visitor), &error);
    }
    match passes::sign_out(&web.app, &visitor.session).await {
        Ok(()) => {
            let cookie = session::clear_cookie(&Host::of(&headers, &extensions));
            ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
        }
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

/// Where a request came from, as far as this server can know.
fn address(extensions: &Extensions) -> String {
    if let Some(ConnectInfo(address)) = extensions.get::<ConnectInfo<SocketAddr>>() {
        return address.ip().to_string();
    }
    match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone().unwrap_or_default(),
        _ => String::new(),
    }
}
