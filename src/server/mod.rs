//! What answers HTTP and MCP: one router, served by a process ([`local`], [`hosted`]) or by a Lambda function
//! ([`lambda`]), over one table of tools.

mod backend;
mod bodies;
mod compose;
mod guard;
pub mod hosted;
mod http;
pub mod lambda;
mod listen;
#[cfg(feature = "local")]
pub mod local;
mod mcp;
mod stream;
pub mod telegram;
mod tools;
mod web;

use crate::config::ServerConfig;
use crate::domain::error::UserError;
use crate::requests::app::App;
use ::http::header::ACCEPT;
use ::http::{HeaderMap, StatusCode};
use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware, routing};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;

/// The start of every table's name unless an installation says otherwise.
const TABLE_PREFIX: &str = "bouncer-";
/// The largest body: 50 MB of files as base64, and room for their names.
const MAX_BODY_BYTES: usize = 72 << 20;
/// The largest body of a decision.
const MAX_DECISION_BYTES: usize = 64 << 10;
/// Calls worked on at once; more wait.
const REQUESTS_AT_ONCE: usize = 256;

/// The whole HTTP surface of an installation; `open` are its routes that need no key, `bot` takes Telegram's calls in.
fn router(
    app: Arc<App>,
    hosts: guard::Hosts,
    first_key: guard::BootstrapKey,
    open: Router<http::Api>,
    bot: Option<Arc<telegram::Bot>>,
    place: web::PageSetup,
) -> Router {
    let tools = Arc::new(tools::Tools::new(app.clone()));
    let api = http::Api { app: app.clone(), tools: tools.clone() };
    let keys = || {
        let lookups = Arc::new(Semaphore::new(REQUESTS_AT_ONCE));
        guard::Keys { app: app.clone(), first_key: first_key.clone(), lookups }
    };
    let key = || middleware::from_fn_with_state(keys(), guard::key);
    let body = |max_bytes| middleware::from_fn_with_state(bodies::Bodies::up_to(max_bytes), bodies::take_in);
    // A place is for the work itself: a request whose body still comes in has none, so that callers who are slow to say
    // what they want keep nobody waiting.
    let room = GlobalConcurrencyLimitLayer::new(REQUESTS_AT_ONCE);
    let calls = http::tools()
        .route_service("/mcp", mcp::service(tools, MAX_BODY_BYTES))
        .layer(room.clone())
        .layer(body(MAX_BODY_BYTES))
        .layer(key());
    // Decisions and health wait behind no call: they go through while the server is busy.
    let control = http::control().layer(body(MAX_DECISION_BYTES)).layer(key());
    let names = guard::Names { hosts, previews: place.previews.clone() };
    let web = web::Web::new(app.clone(), keys(), place);
    let pages = web::routes(&web).layer(body(MAX_DECISION_BYTES));
    let webhook = bot.map(telegram::routes).unwrap_or_default();
    Router::new()
        .merge(calls)
        .merge(control)
        .merge(pages)
        .merge(webhook)
        .merge(open.layer(room))
        .route("/healthz", routing::get(http::alive))
        .fallback(nothing_here)
        // Bodies are bounded on their way into memory, where they are read.
        .layer(DefaultBodyLimit::disable())
        // What comes by a staged site's name goes no further than this.
        .layer(middleware::from_fn_with_state(web, web::by_host))
        .layer(middleware::from_fn_with_state(names, guard::hosts))
        .layer(CatchPanicLayer::new())
        .with_state(api)
}

/// Returns the names of staged sites: below the configured domain, and on the approver's own machine.
fn previews(config: &ServerConfig, is_on_loopback: bool) -> web::PreviewHosts {
    web::PreviewHosts::new(is_on_loopback, config.preview_domain.clone())
}

async fn nothing_here(headers: HeaderMap) -> axum::response::Response {
    let error = UserError::not_found("There is nothing at this address.", "The tools are at /v1/tools and /mcp.");
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match accepted.contains("text/html") {
        true => web::nothing_here(&error),
        false => guard::refusal(StatusCode::NOT_FOUND, &error),
    }
}
