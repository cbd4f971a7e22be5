//! Who looks: the session cookie, and the proof that a form was this page's own.

use super::frame;
use super::state::Web;
use super::words::{Host, local_path};
use crate::admin::passes;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::pass::{Pass, PassKind};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

const COOKIE: &str = "bouncer_session";

/// Somebody who is signed in.
pub(super) struct Visitor {
    pub caller: Caller,
    pub session: Pass,
}

impl FromRequestParts<Web> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        let host = Host::of(&parts.headers, &parts.extensions);
        let found = match cookie(&parts.headers, &name(COOKIE, &host)).as_deref().and_then(Pass::from_text) {
            Some(session) => match passes::session(&web.app, &session).await {
                Ok(caller) => caller.map(|caller| Visitor { caller, session }),
                Err(error) => return Err(frame::failed(None, &error)),
            },
            None => None,
        };
        found.ok_or_else(|| signed_out(parts))
    }
}

/// Leads to the sign-in and from there back.
fn signed_out(parts: &Parts) -> Response {
    let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_page =
        parts.method == Method::GET && said(&parts.headers, "sec-fetch-dest").is_none_or(|it| it == "document");
    if !is_page || wanted.ends_with("/live") || wanted.ends_with("/events") {
        let error =
            UserError::new(ErrorCode::Forbidden, "You are not signed in, so nothing was done.", "Sign in again.");
        return (StatusCode::UNAUTHORIZED, frame::error(None, &error)).into_response();
    }
    // A link on another site leads here without the cookie, which is for this site's own. Once more from here, with it.
    if said(&parts.headers, "sec-fetch-site") == Some("cross-site") {
        return frame::once_more(&local_path(wanted)).into_response();
    }
    Redirect::to(&sign_in_path(&parts.uri)).into_response()
}

fn sign_in_path(wanted: &Uri) -> String {
    let path = wanted.path_and_query().map_or("/", |path| path.as_str());
    match path {
        "/" => "/sign-in".to_owned(),
        path => format!("/sign-in?next={}", crate::domain::site::paths::url_path(path)),
    }
}

/// The header that hands a browser its session, for this name alone and to no script.
pub(super) fn give(session: &Pass, host: &Host) -> HeaderValue {
    set_cookie(COOKIE, session.expose(), PassKind::Session.seconds(), "Strict", host)
}

/// The header that takes it back.
pub(super) fn clear_cookie(host: &Host) -> HeaderValue {
    set_cookie(COOKIE, "", 0, "Strict", host)
}

/// A cookie for one name and no script.
pub(super) fn set_cookie(base: &str, value: &str, seconds: u64, same_site: &str, host: &Host) -> HeaderValue {
    let secure = if host.is_https { "; Secure" } else { "" };
    let text =
        format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}", name(base, host));
    // All of it is ASCII.
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Where it is encrypted, a browser makes sure by the name that nobody else has set it.
pub(super) fn name(base: &str, host: &Host) -> String {
    if host.is_https { format!("__Host-{base}") } else { base.to_owned() }
}

/// The value of a cookie.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

/// Refuses a form that another page sent: by its origin, and by the session's token in it.
pub(super) fn check_form(visitor: &Visitor, headers: &HeaderMap, token: &str) -> Result<(), UserError> {
    check_origin(headers)?;
    if visitor.session.accepts_form(token) { Ok(()) } else { Err(foreign_form()) }
}

/// Refuses what another page sent.
pub(super) fn check_origin(headers: &HeaderMap) -> Result<(), UserError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let is_own = origin.and_then(|origin| origin.split_once("://")).is_some_and(|(_, authority)| authority == host);
    let is_told_own = said(headers, "sec-fetch-site").is_none_or(|site| site == "same-origin");
    if is_own && is_told_own { Ok(()) } else { Err(foreign_form()) }
}

fn foreign_form() -> UserError {
    UserError::new(
        ErrorCode::Forbidden,
        "This form was not sent by the page it belongs to, so nothing was done.",
        "Open the page again and press there.",
    )
}

fn said<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn one_cookie_is_found_among_others() {
        let sent = headers(&[("cookie", "a=1; bouncer_session=x;  b=2")]);
        assert_eq!(cookie(&sent, COOKIE).as_deref(), Some("x"));
        assert_eq!(cookie(&sent, "session"), None);
        assert_eq!(cookie(&headers(&[]), COOKIE), None);
    }

    #[test]
    fn a_form_comes_from_its_own_page() {
        let own = |pairs: &[(&'static str, &'static str)]| check_origin(&headers(pairs)).is_ok();
        let host = ("host", "localhost:8420");
        assert!(own(&[host, ("origin", "http://localhost:8420")]));
        assert!(own(&[host, ("origin", "http://localhost:8420"), ("sec-fetch-site", "same-origin")]));
        for foreign in ["http://localhost:3000", "http://localhost", "http://127.0.0.1:8420", "null", ""] {
            assert!(!own(&[host, ("origin", foreign)]), "{foreign}");
        }
        assert!(!own(&[host]), "no origin");
        assert!(!own(&[host, ("origin", "http://localhost:8420"), ("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn cookies_are_for_one_name_and_no_script() {
        let plain = Host { authority: "localhost:8420".into(), is_https: false };
        let secure = Host { authority: "bouncer.example.com".into(), is_https: true };
        let text = |host: &Host| set_cookie("x", "1", 5, "Strict", host).to_str().unwrap().to_owned();
        assert_eq!(text(&plain), "x=1; Path=/; Max-Age=5; HttpOnly; SameSite=Strict");
        assert_eq!(text(&secure), "__Host-x=1; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure");
    }
}
