//! The staged site as it would be served, before it is decided on. Its scripts are a stranger's: where a name of its own
//! can be had, the browser keeps them apart by that, and elsewhere they run in a sandbox without any origin.

use super::Web;
use super::frame;
use super::session::{Visitor, cookie, name, set_cookie};
use super::words::Host;
use crate::admin::passes;
use crate::aws::error::AwsError;
use crate::domain::digest::Sha256;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::pass::{Pass, PassKind};
use crate::domain::site::manifest::{Entry, Manifest};
use crate::server::guard::PreviewOf;
use crate::server::stream::{file_at, plain, stream_body};
use crate::storage::documents::blob_key;
use crate::storage::passes::StagedSite;
use axum::extract::{Path, Query, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

const COOKIE: &str = "bouncer_preview";
/// Where a preview's own name takes the link in; no file of a site is hidden by it for longer than that.
const ENTRANCE: &str = "/.bouncer/enter";
/// The name below which previews are on the approver's own machine: browsers lead all of it to that machine.
pub const LOCAL_PREVIEWS: &str = "preview.localhost";

/// Names below which each request's staged site has a name of its own.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct PreviewHosts {
    domains: Vec<String>,
}

impl PreviewHosts {
    /// The approver's own machine, and the domain whose names all lead to this server, if the operator has one.
    pub(in crate::server) fn new(is_on_loopback: bool, domain: Option<String>) -> Self {
        let local = is_on_loopback.then(|| LOCAL_PREVIEWS.to_owned());
        Self { domains: domain.map(|name| name.to_ascii_lowercase()).into_iter().chain(local).collect() }
    }

    /// The request whose preview has this name.
    pub(in crate::server) fn request_of(&self, host: &str) -> Option<RequestId> {
        let host = host.to_ascii_lowercase();
        let label = self.domains.iter().find_map(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'))?;
        RequestId::parse(label).ok()
    }

    /// The name of a request's preview for somebody who reached the page as `host`.
    fn name_for(&self, request: &RequestId, host: &Host) -> Option<String> {
        let is_local = matches!(host.name(), "localhost") || super::is_number_of_loopback(host.name());
        let fits = |domain: &&String| (domain.as_str() == LOCAL_PREVIEWS) == is_local;
        let domain = self.domains.iter().find(fits)?;
        Some(format!("{request}.{domain}"))
    }
}

/// `GET /requests/{request_id}/preview`: leads to where the staged site is shown.
pub(super) async fn open(
    State(web): State<Web>,
    visitor: Visitor,
    headers: HeaderMap,
    extensions: Extensions,
    Path(id): Path<String>,
) -> Response {
    let host = Host::of(&headers, &extensions);
    let named = RequestId::parse(id.as_str()).ok().and_then(|id| web.place.previews.name_for(&id, &host));
    let kind = if named.is_some() { PassKind::PreviewLink } else { PassKind::Preview };
    match passes::open_preview(&web.app, &visitor.caller, &visitor.session, &id, kind).await {
        Ok((request, pass)) => {
            let address = match named {
                Some(name) => {
                    format!("{}://{name}{}{ENTRANCE}?pass={}", host.scheme(), host.port(), pass.expose())
                }
                None => format!("/preview/{request}/{}/", pass.expose()),
            };
            Redirect::to(&address).into_response()
        }
        Err(error) => frame::failed(Some(&visitor), &error),
    }
}

/// Answers whatever comes by a preview's own name, and lets nothing of it go further.
pub(in crate::server) async fn by_host(State(web): State<Web>, request: Request, next: Next) -> Response {
    let Some(PreviewOf(id)) = request.extensions().get::<PreviewOf>().cloned() else {
        return next.run(request).await;
    };
    let host = Host::of(request.headers(), request.extensions());
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "A preview only shows.\n");
    }
    if request.uri().path() == ENTRANCE {
        return enter(&web, &id, request.uri(), &host).await;
    }
    let pass = cookie(request.headers(), &name(COOKIE, &host)).as_deref().and_then(Pass::from_text);
    match site(&web, pass, &id).await {
        Ok(site) => serve(&web, &site, request.uri().path()).await,
        Err(response) => *response,
    }
}

#[derive(Deserialize)]
struct Entering {
    #[serde(default)]
    pass: String,
}

/// Exchanges the link for a cookie of this name alone.
async fn enter(web: &Web, id: &RequestId, uri: &Uri, host: &Host) -> Response {
    let link = Query::<Entering>::try_from_uri(uri).ok().and_then(|query| Pass::from_text(&query.pass));
    let pass = match link {
        Some(link) => passes::follow_preview_link(&web.app, &link, id).await,
        None => Ok(None),
    };
    match pass {
        Ok(Some(pass)) => {
            let cookie = set_cookie(COOKIE, pass.expose(), PassKind::Preview.seconds(), "Lax", host);
            let headers =
                [(header::SET_COOKIE, cookie), (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))];
            (headers, Redirect::to("/")).into_response()
        }
        Ok(None) => ended(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.message)).into_response(),
    }
}

/// `GET /preview/{request_id}/{pass}`: links of the entry page would be resolved against the wrong folder.
pub(super) async fn without_slash(Path((id, pass)): Path<(String, String)>) -> Response {
    let path = crate::domain::site::paths::url_path;
    Redirect::permanent(&format!("/preview/{}/{}/", path(&id), path(&pass))).into_response()
}

/// `GET /preview/{request_id}/{pass}/`.
pub(super) async fn root_by_path(State(web): State<Web>, Path((id, pass)): Path<(String, String)>) -> Response {
    by_path(&web, &id, &pass, "/").await
}

/// `GET /preview/{request_id}/{pass}/…`, for servers that have one name only.
pub(super) async fn file_by_path(
    State(web): State<Web>,
    Path((id, pass, path)): Path<(String, String, String)>,
) -> Response {
    by_path(&web, &id, &pass, &crate::domain::site::paths::url_path(&format!("/{path}"))).await
}

async fn by_path(web: &Web, id: &str, pass: &str, path: &str) -> Response {
    let Ok(id) = RequestId::parse(id) else { return ended() };
    match site(web, Pass::from_text(pass), &id).await {
        Ok(site) => sandboxed(serve(web, &site, path).await),
        Err(response) => *response,
    }
}

/// Makes an answer a stranger's: its scripts run without an origin, so they reach no cookie, no storage and no answer of
/// this server's, and it is not read by address elsewhere.
pub(in crate::server) fn sandboxed(mut response: Response) -> Response {
    const HEADERS: [(header::HeaderName, &str); 3] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads",
        ),
        // What has no origin asks for its own fonts and modules as a stranger.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn site(web: &Web, pass: Option<Pass>, id: &RequestId) -> Result<StagedSite, Box<Response>> {
    let Some(pass) = pass else { return Err(Box::new(ended())) };
    match passes::previewed(&web.app, &pass).await {
        Ok(Some(site)) if site.request_id == *id => Ok(site),
        Ok(_) => Err(Box::new(ended())),
        Err(error) => Err(Box::new((StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.message)).into_response())),
    }
}

/// One file, with the headers it would be published with.
async fn serve(web: &Web, site: &StagedSite, path: &str) -> Response {
    let manifest = match web.manifests.get(web, &site.project, site.manifest).await {
        Ok(manifest) => manifest,
        Err(error) => return unreadable(&error),
    };
    let Some(entry) = find(&manifest, path) else {
        return plain(StatusCode::NOT_FOUND, "There is no such file in the staged site.\n");
    };
    let bucket = web.app.documents.bucket();
    match web.app.objects.open(bucket, &blob_key(&site.project, entry.sha256)).await {
        Ok(mut opened) => {
            opened.headers.content_type = Some(entry.content_type.clone());
            opened.headers.cache_control = Some(entry.cache_control.clone()).filter(|value| !value.is_empty());
            stream_body(opened)
        }
        Err(error) => unreadable(&error),
    }
}

/// The file at a path.
fn find<'a>(manifest: &'a Manifest, path: &str) -> Option<&'a Entry> {
    let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8().ok()?;
    let key = file_at(&path);
    let index = manifest.entries().binary_search_by(|entry| entry.path.as_str().cmp(&key)).ok()?;
    manifest.entries().get(index)
}

fn unreadable(error: &AwsError) -> Response {
    if error.is_not_found() {
        return plain(StatusCode::NOT_FOUND, "This is not kept any more: the request ended long ago.\n");
    }
    tracing::warn!(%error, "a staged site's file could not be read");
    plain(StatusCode::BAD_GATEWAY, "The staged site cannot be read right now.\n")
}

fn ended() -> Response {
    plain(StatusCode::FORBIDDEN, "This preview has ended. Open it again from the request's page.\n")
}

/// Lists of files that were read last: a page of a hundred files reads its list once.
#[derive(Default)]
pub(super) struct Manifests(Mutex<VecDeque<(Sha256, Arc<Manifest>)>>);

/// Lists that are kept.
const KEPT: usize = 4;

impl Manifests {
    async fn get(&self, web: &Web, project: &ProjectId, hash: Sha256) -> Result<Arc<Manifest>, AwsError> {
        let known = self.lock().iter().find(|(known, _)| *known == hash).map(|(_, manifest)| manifest.clone());
        if let Some(manifest) = known {
            return Ok(manifest);
        }
        // The hash is that of the whole list, so what is kept never goes stale.
        let manifest = Arc::new(web.app.documents.manifest(project, hash).await?);
        let mut kept = self.lock();
        if kept.iter().all(|(known, _)| *known != hash) {
            kept.push_front((hash, manifest.clone()));
            kept.truncate(KEPT);
        }
        Ok(manifest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Sha256, Arc<Manifest>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_has_exactly_its_own_name() {
        let hosts = PreviewHosts::new(true, Some("Preview.Example.com".into()));
        let id = RequestId::parse("req-0123456789abcdef").unwrap();
        for good in ["req-0123456789abcdef.preview.localhost", "REQ-0123456789abcdef.preview.example.com"] {
            assert_eq!(hosts.request_of(good).as_ref(), Some(&id), "{good}");
        }
        for bad in [
            "preview.localhost",
            "localhost",
            "x.preview.localhost",
            "req-0123456789abcdefpreview.localhost",
            "a.req-0123456789abcdef.preview.localhost",
            "req-0123456789abcdef.preview.localhost.evil.example",
        ] {
            assert_eq!(hosts.request_of(bad), None, "{bad}");
        }
        assert_eq!(PreviewHosts::default().request_of("req-0123456789abcdef.preview.localhost"), None);
    }

    #[test]
    fn where_it_is_shown_follows_from_where_it_was_asked_for() {
        let id = RequestId::parse("req-0123456789abcdef").unwrap();
        let host = |authority: &str| Host { authority: authority.into(), is_https: false };
        let both = PreviewHosts::new(true, Some("preview.example.com".into()));
        let name = |hosts: &PreviewHosts, authority: &str| hosts.name_for(&id, &host(authority));
        assert_eq!(name(&both, "localhost:8420").unwrap(), "req-0123456789abcdef.preview.localhost");
        assert_eq!(name(&both, "bouncer.example.com").unwrap(), "req-0123456789abcdef.preview.example.com");
        assert_eq!(name(&PreviewHosts::new(true, None), "bouncer.example.com"), None);
        assert_eq!(name(&PreviewHosts::new(false, None), "localhost:8420"), None);
    }
}
