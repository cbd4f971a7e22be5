//! What every request passes first: the right Host and Origin, and a key where one is needed.

use super::tools::Context;
use super::web::PreviewHosts;
use crate::admin::keys::new_key;
use crate::aws::secrets::Secrets;
use crate::domain::caller::{ApiKey, Caller, KEY_PREFIX, Role};
use crate::domain::digest::Sha256;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::RequestId;
use crate::requests::app::App;
use crate::storage::StoreError;
use crate::storage::keys::KeyRecord;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};

/// The names under which this server may be reached.
#[derive(Debug, Clone)]
pub(super) enum Hosts {
    /// These. A page elsewhere could make its own name lead to this address, so any other name is refused.
    Named(BTreeSet<String>),
    /// Whatever name AWS routed here: nobody else can make a name lead to a function.
    AsRouted,
}

impl Hosts {
    /// Loopback, the address listened on, and what the operator adds; `*.example.com` stands for every name that ends
    /// so.
    pub(super) fn named(listen: IpAddr, added: &[String]) -> Self {
        let mut hosts: BTreeSet<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
        if !listen.is_unspecified() {
            hosts.insert(match listen {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            });
        }
        hosts.extend(added.iter().map(|host| host.to_ascii_lowercase()));
        Self::Named(hosts)
    }

    fn allow_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        match self {
            Hosts::Named(hosts) => {
                hosts.iter().any(|name| name.strip_prefix('*').map_or(*name == host, |suffix| host.ends_with(suffix)))
            }
            Hosts::AsRouted => true,
        }
    }

    /// A page of this server, or of a host that is named in full: `*.example.com` may hold pages of strangers.
    fn allow_origin(&self, origin: &str, host: &str) -> bool {
        let named = match self {
            Hosts::Named(hosts) => hosts.contains(&origin.to_ascii_lowercase()),
            Hosts::AsRouted => false,
        };
        named || origin.eq_ignore_ascii_case(host)
    }
}

/// The names that lead here: the server's own, and those of staged sites.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub hosts: Hosts,
    pub previews: PreviewHosts,
}

/// Refuses a foreign Host or Origin: a page on another site must not reach this server through a visitor's browser. What
/// comes by a staged site's name is marked, and is that site's alone.
pub(super) async fn hosts(State(names): State<Names>, mut request: Request, next: Next) -> Response {
    let Names { hosts, previews } = names;
    let host = host_of(&request);
    let preview = host.as_ref().and_then(|host| previews.request_of(host));
    let Some(host) = host.filter(|host| preview.is_some() || hosts.allow_host(host)) else {
        return foreign("Host", "Start the server with --allowed-host NAME to serve it under another name.");
    };
    let allow_origin = |origin: &str| match preview {
        Some(_) => origin.eq_ignore_ascii_case(&host),
        None => hosts.allow_origin(origin, &host),
    };
    let origin = request.headers().get(header::ORIGIN);
    if let Some(origin) = origin.filter(|origin| !(*origin == "null" && is_strangers_file(&request))) {
        let origin = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
        let allowed =
            origin.as_ref().and_then(|uri| uri.authority()).is_some_and(|authority| allow_origin(authority.host()));
        if !allowed {
            return foreign("Origin", "Call from a page of this server, or without a browser.");
        }
    }
    if let Some(request_id) = preview {
        request.extensions_mut().insert(PreviewOf(request_id));
    }
    request.extensions_mut().insert(ReachedAs(host));
    next.run(request).await
}

/// A file of a staged or published site: a page in a sandbox has no origin, and asks so for its own scripts and fonts.
/// Nothing of who asks counts there.
fn is_strangers_file(request: &Request) -> bool {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    reads && (path.starts_with("/preview/") || path.starts_with("/sites/"))
}

/// Marks what came by the name of a request's staged site.
#[derive(Debug, Clone)]
pub(super) struct PreviewOf(pub RequestId);

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

/// What finding a caller needs.
#[derive(Clone)]
pub(super) struct Keys {
    pub app: Arc<App>,
    pub first_key: BootstrapKey,
    /// Bounds how many keys are looked up at once; more wait.
    pub lookups: Arc<Semaphore>,
}

impl Keys {
    /// Who holds a key; `None` when it is unknown or revoked.
    pub(super) async fn caller(&self, key: &ApiKey) -> Result<Option<Caller>, StoreError> {
        // The semaphore is never closed, so the place is always given.
        let _place = self.lookups.acquire().await.ok();
        match self.app.store.caller(key).await {
            Ok(None) => self.first_key.adopt(&self.app, key).await,
            known => known,
        }
    }
}

/// The admin key that an installation is born with, kept in a secret. It becomes a row like any other the first time it
/// is used, and can be revoked like any other.
#[derive(Clone)]
pub(super) struct BootstrapKey(Option<Arc<BootstrapSecret>>);

struct BootstrapSecret {
    secrets: Secrets,
    secret_id: String,
    hash: OnceCell<Option<Sha256>>,
}

impl BootstrapKey {
    /// For installations that make their keys themselves.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// The key in a secret: JSON with a member `admin`, which is the key without its prefix.
    pub(super) fn in_secret(secrets: Secrets, secret_id: String) -> Self {
        Self(Some(Arc::new(BootstrapSecret { secrets, secret_id, hash: OnceCell::new() })))
    }

    /// Makes the row of the first key, if this is it and nobody else is admin: its text goes on lying in the secret, where
    /// it must open nothing once the owner has a key.
    async fn adopt(&self, app: &App, key: &ApiKey) -> Result<Option<Caller>, StoreError> {
        let Some(born) = &self.0 else { return Ok(None) };
        if *born.hash.get_or_init(|| born.read()).await != Some(key.hash()) {
            return Ok(None);
        }
        let is_other_admin =
            |row: &KeyRecord| row.key_hash != key.hash() && row.role == Role::Admin && row.revoked_at.is_none();
        if app.store.keys().await?.iter().any(is_other_admin) {
            return Ok(None);
        }
        let record = KeyRecord { key_hash: key.hash(), ..new_key("first admin", Role::Admin).0 };
        match app.store.create_key(&record).await {
            // The row decides: it may have been made by another process, or be revoked.
            Ok(()) | Err(StoreError::Conflict) => app.store.caller(key).await,
            Err(error) => Err(error),
        }
    }
}

impl BootstrapSecret {
    /// The key's hash; `None` when the secret cannot be read, which is then not tried again by this process.
    async fn read(&self) -> Option<Sha256> {
        #[derive(serde::Deserialize)]
        struct NewKey {
            admin: String,
        }
        let text = match self.secrets.get_secret(&self.secret_id).await {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "the first admin key cannot be read");
                return None;
            }
        };
        let born: NewKey = serde_json::from_str(&text).ok()?;
        ApiKey::from_text(&format!("{KEY_PREFIX}{}", born.admin)).map(|key| key.hash())
    }
}

/// Finds the caller by the bearer key and puts it beside the request.
pub(super) async fn key(State(keys): State<Keys>, mut request: Request, next: Next) -> Response {
    let over_mcp = request.uri().path().starts_with("/mcp");
    let Some(key) = bearer(request.headers()) else {
        return unauthorized(over_mcp, "The request carries no API key.");
    };
    match keys.caller(&key).await {
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
