//! What every request passes first: the right Host and Origin, a key where one is needed,
//! and a place among the requests that are worked on.

use super::tools::Context;
use crate::flow::app::App;
use crate::model::caller::ApiKey;
use crate::model::error::{ErrorCode, UserError};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests worked on at once.
const REQUESTS_AT_ONCE: usize = 256;

/// The names under which this server may be reached.
#[derive(Debug, Clone)]
pub(super) struct Hosts(BTreeSet<String>);

impl Hosts {
    /// Loopback, the address listened on, and what the operator adds.
    pub(super) fn new(listen: IpAddr, added: &[String]) -> Self {
        let mut hosts: BTreeSet<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
        if !listen.is_unspecified() {
            hosts.insert(match listen {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            });
        }
        hosts.extend(added.iter().map(|host| host.to_ascii_lowercase()));
        Self(hosts)
    }

    fn allow(&self, host: &str) -> bool {
        self.0.contains(&host.to_ascii_lowercase())
    }
}

/// Refuses a foreign Host or Origin: a page on another site must not reach this server through a visitor's browser.
pub(super) async fn hosts(State(hosts): State<Hosts>, mut request: Request, next: Next) -> Response {
    let Some(host) = host_of(&request).filter(|host| hosts.allow(host)) else {
        return foreign("Host", "Start the server with --allow-host NAME to serve it under another name.");
    };
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        let origin = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
        let allowed =
            origin.as_ref().and_then(|uri| uri.authority()).is_some_and(|authority| hosts.allow(authority.host()));
        if !allowed {
            return foreign("Origin", "Call from a page of this server, or without a browser.");
        }
    }
    request.extensions_mut().insert(ReachedAs(host));
    next.run(request).await
}

/// The name by which a request reached this server.
#[derive(Debug, Clone)]
struct ReachedAs(String);

fn host_of(request: &Request) -> Option<String> {
    let text = match request.headers().get(header::HOST) {
        Some(value) => value.to_str().ok()?.to_owned(),
        None => request.uri().authority()?.to_string(),
    };
    let authority: http::uri::Authority = text.parse().ok()?;
    Some(authority.host().to_owned())
}

fn foreign(header: &str, suggestion: &str) -> Response {
    let sentence = format!("This server is not reached by the {header} of this request.");
    refusal(StatusCode::FORBIDDEN, &UserError::new(ErrorCode::Forbidden, sentence, suggestion))
}

/// Bounds how many requests are worked on at once; more wait.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(REQUESTS_AT_ONCE)))
    }
}

/// Takes a place for the work itself. A request whose body still comes in has none, so that callers who are slow to
/// say what they want keep nobody waiting.
pub(super) async fn place(State(places): State<Places>, request: Request, next: Next) -> Response {
    // The semaphore is never closed, so the place is always given.
    let _place = places.0.acquire().await.ok();
    next.run(request).await
}

/// Finds the caller by the bearer key and puts it beside the request.
pub(super) async fn key(State((app, places)): State<(Arc<App>, Places)>, mut request: Request, next: Next) -> Response {
    let over_mcp = request.uri().path().starts_with("/mcp");
    let Some(key) = bearer(request.headers()) else {
        return unauthorized(over_mcp, "The request carries no API key.");
    };
    let place = places.0.acquire().await.ok();
    let caller = app.store.caller(&key).await;
    drop(place);
    match caller {
        Ok(Some(caller)) => {
            let host = request.extensions().get::<ReachedAs>().map(|reached| reached.0.clone());
            request.extensions_mut().insert(Context { caller, host });
            next.run(request).await
        }
        Ok(None) => unauthorized(over_mcp, "The API key is unknown or revoked."),
        Err(error) => refusal(StatusCode::SERVICE_UNAVAILABLE, &error.into()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<ApiKey> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| ApiKey::from_text(token.trim())).flatten()
}

fn unauthorized(over_mcp: bool, sentence: &str) -> Response {
    let suggestion = "Send 'Authorization: Bearer bncr_…' with a key that an admin made.";
    let mut response = if over_mcp {
        // MCP clients read the error as OAuth defines it.
        let body = json!({ "error": "invalid_token", "error_description": format!("{sentence} {suggestion}") });
        (StatusCode::UNAUTHORIZED, Json(body)).into_response()
    } else {
        refusal(StatusCode::UNAUTHORIZED, &UserError::new(ErrorCode::Forbidden, sentence, suggestion))
    };
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

/// An error as an HTTP answer.
pub(super) fn refusal(status: StatusCode, error: &UserError) -> Response {
    (status, Json(error.to_json())).into_response()
}
