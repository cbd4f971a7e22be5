//! The staged site as it would be served, before it is decided on. Its scripts are a stranger's: where a name of its own
//! can be had, the browser keeps them apart by that, and elsewhere they run in a sandbox without any origin.

use super::frame;
use super::session::{Visitor, cookie, name, set_cookie};
use super::state::Web;
use super::words::Host;
use crate::admin::passes;
use crate::aws::error::AwsError;
use crate::domain::ids::RequestId;
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

const COOKIE: &str = "bouncer_preview";
/// Where a preview's own name takes the link in; no file of a site is hidden by it for longer than that.
const ENTRANCE: &str = "/.bouncer/enter";
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
    let manifest = match web.manifests.get(&web.app.documents, &site.project, site.manifest).await {
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
