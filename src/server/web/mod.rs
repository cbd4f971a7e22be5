//! The web page: what approvers see and press in a browser. Pages are written on the server; the script only keeps them
//! fresh, and nothing needs it but the link that signs in.

mod card;
mod deploy;
mod frame;
mod history;
mod hub;
mod live;
mod manifests;
mod pending;
pub(super) mod preview;
mod preview_hosts;
mod releases;
mod request;
mod session;
mod sign_in;
mod state;
mod statics;
mod throttle;
pub(super) mod words;

pub(super) use preview::by_host;
pub(super) use preview_hosts::{PreviewHosts, is_number_of_loopback};
pub(super) use state::{PageSetup, Web};

use super::http::Api;
use crate::domain::error::UserError;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Router, routing};
use words::Host;

/// Every page.
pub(super) fn routes(web: &Web) -> Router<Api> {
    let pages = Router::new()
        .route("/", routing::get(pending::page))
        .route("/live", routing::get(pending::live))
        .route("/events", routing::get(pending::events))
        .route("/sign-in", routing::get(sign_in::page).post(sign_in::by_key))
        .route("/sign-in/link", routing::post(sign_in::by_link))
        .route("/sign-out", routing::post(sign_in::sign_out))
        .route("/requests/{request_id}", routing::get(request::page))
        .route("/requests/{request_id}/live", routing::get(live::fragment))
        .route("/requests/{request_id}/events", routing::get(live::events))
        .route("/requests/{request_id}/decision", routing::post(request::decide))
        .route("/requests/{request_id}/preview", routing::get(preview::open))
        .route("/history", routing::get(history::page))
        .route("/projects/{project}/releases", routing::get(releases::page))
        .route("/deploys/{deploy_id}", routing::get(deploy::page))
        .route("/deploys/{deploy_id}/live", routing::get(deploy::fragment))
        .route("/deploys/{deploy_id}/events", routing::get(deploy::events))
        .layer(middleware::from_fn(page_headers));
    let place = web.place.clone();
    Router::new()
        .merge(pages)
        .route("/static/{name}", routing::get(statics::file))
        .layer(middleware::from_fn_with_state(place, own_name))
        // A staged site has the headers it would have, and no other.
        .route("/preview/{request_id}/{pass}", routing::get(preview::without_slash))
        .route("/preview/{request_id}/{pass}/", routing::get(preview::root_by_path))
        .route("/preview/{request_id}/{pass}/{*path}", routing::get(preview::file_by_path))
        .with_state(web.clone())
}

/// Published sites are strangers' programs. They run under the loopback address as a number, so the page, whose cookies
/// and forms they must not reach, is never answered there.
async fn own_name(State(place): State<PageSetup>, request: Request, next: Next) -> Response {
    let host = Host::of(request.headers(), request.extensions());
    if !place.beside_sites || !is_number_of_loopback(host.name()) {
        return next.run(request).await;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::MISDIRECTED_REQUEST, "The page is at the name localhost.\n").into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Redirect::temporary(&format!("http://localhost{}{path}", host.port())).into_response()
}

/// What a browser is told of every page: nothing runs, loads or frames it but what is its own.
fn closed(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    const HEADERS: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer` a browser would hide the origin of this page's own forms, which is checked.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn page_headers(request: Request, next: Next) -> Response {
    closed(next.run(request).await)
}

/// The page of an address that leads nowhere.
pub(super) fn nothing_here(error: &UserError) -> Response {
    closed((StatusCode::NOT_FOUND, frame::error(None, error)).into_response())
}
