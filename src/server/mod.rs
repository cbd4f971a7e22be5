//! What answers HTTP and MCP: one router, served by a process ([`local`], [`hosted`]) or by a Lambda function
//! ([`lambda`]), over one table of tools.

mod guard;
pub mod hosted;
mod http;
pub mod lambda;
mod listen;
#[cfg(feature = "local")]
pub mod local;
mod mcp;
mod tools;

use crate::flow::app::App;
use crate::model::error::UserError;
use ::http::StatusCode;
use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware, routing};
use std::sync::Arc;
use std::time::Duration;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// The start of every table's name unless an installation says otherwise.
const TABLE_PREFIX: &str = "bouncer-";
/// The largest body: 50 MB of files as base64, and room for their names.
const MAX_BODY_BYTES: usize = 72 << 20;
/// How long a body may pause; a client that sends nothing holds no place for longer.
const BODY_PAUSE: Duration = Duration::from_secs(20);
/// Calls worked on at once; more wait.
const REQUESTS_AT_ONCE: usize = 256;

/// The whole HTTP surface of an installation; `open` are its routes that need no key.
fn router(app: Arc<App>, hosts: guard::Hosts, first_key: guard::FirstKey, open: Router<http::Api>) -> Router {
    let tools = Arc::new(tools::Tools::new(app.clone()));
    let api = http::Api { app: app.clone(), tools: tools.clone() };
    let keys = guard::Keys { app, first_key };
    let calls = http::tools()
        .route_service("/mcp", mcp::service(tools, MAX_BODY_BYTES))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(guard::LargeBodies::new(), guard::large_bodies));
    let keyed = |routes: Router<http::Api>| routes.layer(middleware::from_fn_with_state(keys.clone(), guard::key));
    Router::new()
        .merge(keyed(calls))
        .merge(open)
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_AT_ONCE))
        // What follows waits behind no call: decisions and health go through while the server is busy.
        .merge(keyed(http::control()))
        .route("/healthz", routing::get(http::alive))
        .fallback(nothing_here)
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
        .layer(middleware::from_fn_with_state(hosts, guard::hosts))
        .layer(CatchPanicLayer::new())
        .with_state(api)
}

async fn nothing_here() -> axum::response::Response {
    let error = UserError::not_found("There is nothing at this address.", "The tools are at /v1/tools and /mcp.");
    guard::refusal(StatusCode::NOT_FOUND, &error)
}
