//! What answers HTTP and MCP: one router, served by a process ([`local`], [`hosted`]) or by a Lambda function
//! ([`lambda`]), over one table of tools.

mod credentials;
mod files;
mod guard;
pub mod hosted;
mod http;
pub mod lambda;
mod listen;
pub mod local;
mod mcp;
mod sites;
mod tools;

pub use credentials::{Credentials, CredentialsError};

use crate::flow::app::App;
use crate::model::error::UserError;
use ::http::StatusCode;
use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware, routing};
use std::sync::Arc;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;

/// The start of every table's name unless an installation says otherwise.
const TABLE_PREFIX: &str = "bouncer-";
/// The largest body: 50 MB of files as base64, and room for their names.
const MAX_BODY_BYTES: usize = 72 << 20;
/// Requests worked on at once; more wait.
const REQUESTS_AT_ONCE: usize = 256;

/// The whole HTTP surface of an installation.
fn router(app: Arc<App>, hosts: guard::Hosts, first_key: guard::FirstKey) -> Router {
    let tools = Arc::new(tools::Tools::new(app.clone()));
    let api = http::Api { app: app.clone(), tools: tools.clone() };
    let keys = guard::Keys { app, first_key };
    let keyed = http::routes()
        .route_service("/mcp", mcp::service(tools, MAX_BODY_BYTES))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(guard::LargeBodies::new(), guard::large_bodies))
        .layer(middleware::from_fn_with_state(keys, guard::key));
    Router::new()
        .merge(keyed)
        .route("/healthz", routing::get(http::alive))
        .route("/sites/{project}", routing::get(sites::without_slash))
        .route("/sites/{project}/", routing::get(sites::root))
        .route("/sites/{project}/{*path}", routing::get(sites::file))
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(hosts, guard::hosts))
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_AT_ONCE))
        .layer(CatchPanicLayer::new())
        .with_state(api)
}

async fn nothing_here() -> axum::response::Response {
    let error = UserError::not_found("There is nothing at this address.", "The tools are at /v1/tools and /mcp.");
    guard::refusal(StatusCode::NOT_FOUND, &error)
}
