//! One process that answers HTTP and MCP, runs the state machines, and in the local profile holds the storage too.

mod bodies;
mod credentials;
mod files;
mod guard;
mod http;
mod mcp;
mod sites;
mod tools;

pub use credentials::{Credentials, CredentialsError};

use crate::aws;
use crate::engine::local::LocalEngine;
use crate::engine::tasks::TaskRunner;
use crate::flow::app::{App, Limits, Profile, PublishSettings, Settings};
use crate::flow::approval;
use crate::local::{self, LocalError};
use crate::model::error::UserError;
use crate::store::StoreError;
use ::http::StatusCode;
use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware, routing};
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

/// The account of the local profile: there is none, so the number is none.
const LOCAL_ACCOUNT: &str = "000000000000";
/// The start of every table's name.
const TABLE_PREFIX: &str = "bouncer-";
/// How long open requests may go on after the server was told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How to serve the local profile.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where records, objects and keys are kept.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names beside loopback and the listening address under which the server is reached.
    pub allowed_hosts: Vec<String>,
    /// How long a frontend deploy waits for a decision, in seconds.
    pub approval_window: u64,
}

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum ServeError {
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("the records could not be prepared: {0}")]
    Store(#[from] StoreError),
    #[error("the object storage could not be prepared: {0}")]
    Objects(#[from] aws::objects::ObjectError),
    #[error("what was left by an earlier run could not be taken up: {0}")]
    Recovery(UserError),
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the server stopped: {0}")]
    Serving(io::Error),
    #[error("{} cannot be written: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// `server.json`: where the server of a data folder answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerFile {
    /// The base URL, for programs on the same machine.
    pub url: String,
    /// The server's process.
    pub pid: u32,
}

impl ServerFile {
    /// The file's place in a data folder.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("server.json")
    }

    /// Reads the file of a data folder; `None` when no server has written one.
    pub fn load(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(data_dir)).ok()?).ok()
    }
}

/// Serves the local profile until `shutdown`. `ready` is told the base URL once requests are answered.
pub async fn serve(
    options: ServeOptions,
    shutdown: CancellationToken,
    ready: oneshot::Sender<String>,
) -> Result<(), ServeError> {
    let storage_stop = CancellationToken::new();
    let storage = local::start(&options.data_dir, options.listen.ip(), storage_stop.clone()).await?;
    let outcome = serve_over(&options, &storage, shutdown, ready).await;
    // The storage goes last: what still runs may want to write.
    storage_stop.cancel();
    storage.stopped().await;
    outcome
}

async fn serve_over(
    options: &ServeOptions,
    storage: &local::Endpoints,
    shutdown: CancellationToken,
    ready: oneshot::Sender<String>,
) -> Result<(), ServeError> {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|source| ServeError::Listen { address: options.listen, source })?;
    let address = listener.local_addr().map_err(ServeError::Serving)?;
    let url = format!("http://{}", reachable(address));

    let endpoints = aws::Endpoints {
        records: format!("http://{}", storage.records),
        objects: format!("http://{}", reachable(storage.objects)),
        access_key_id: storage.credentials.access_key_id.clone(),
        secret_access_key: storage.credentials.secret_access_key.clone(),
    };
    let (store, objects) = aws::local(&endpoints, TABLE_PREFIX);
    store.create_missing_tables().await?;
    let engine = LocalEngine::new(store.clone());
    let app = Arc::new(App {
        store,
        objects,
        engine: engine.clone(),
        settings: Settings {
            profile: Profile::Local,
            account: LOCAL_ACCOUNT.to_owned(),
            approval_window: options.approval_window,
            public_url: url.clone(),
            limits: Limits::default(),
            publish: PublishSettings::default(),
        },
    });
    app.objects.create_bucket(&app.settings.staging_bucket()).await?;
    Credentials::load_or_create(&options.data_dir, &app.store).await?;

    let work_stop = CancellationToken::new();
    let work = tokio::spawn(engine.run(Arc::new(TaskRunner::new(app.clone())), work_stop.clone()));
    approval::recover(&app).await.map_err(ServeError::Recovery)?;

    let server_file = ServerFile::path(&options.data_dir);
    let content = ServerFile { url: url.clone(), pid: std::process::id() };
    let failed = |source| ServeError::File { path: server_file.clone(), source };
    let bytes = serde_json::to_vec(&content).map_err(|error| failed(error.into()))?;
    files::write_private(&server_file, &bytes).map_err(failed)?;

    let hosts = guard::Hosts::new(options.listen.ip(), &options.allowed_hosts);
    let router = router(app, hosts);
    // Whoever waits for readiness may have gone; that stops nothing.
    let _ = ready.send(url);
    let outcome = run_until(listener, router, shutdown).await;

    work_stop.cancel();
    if let Err(error) = work.await {
        tracing::error!(%error, "the workflow engine did not stop in order");
    }
    // The next start writes it anew; a reader that finds it stale finds nobody listening.
    let _ = std::fs::remove_file(&server_file);
    outcome
}

async fn run_until(listener: TcpListener, router: Router, shutdown: CancellationToken) -> Result<(), ServeError> {
    let told = shutdown.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { told.cancelled().await });
    tokio::select! {
        outcome = serving => outcome.map_err(ServeError::Serving),
        () = async { shutdown.cancelled().await; tokio::time::sleep(SHUTDOWN_GRACE).await } => Ok(()),
    }
}

/// The whole HTTP surface of an installation.
fn router(app: Arc<App>, hosts: guard::Hosts) -> Router {
    let tools = Arc::new(tools::Tools::new(app.clone()));
    let api = http::Api { app: app.clone(), tools: tools.clone() };
    let places = guard::Places::new();
    let place = middleware::from_fn_with_state(places.clone(), guard::place);
    let keyed = http::routes()
        .route_service("/mcp", mcp::service(tools, bodies::MAX_BODY_BYTES))
        // The body is in memory, and was bounded on its way there.
        .layer(DefaultBodyLimit::disable())
        .layer(place.clone())
        .layer(middleware::from_fn_with_state(bodies::LargeBodies::new(), bodies::take_in))
        .layer(middleware::from_fn_with_state((app, places), guard::key));
    let open = Router::new()
        .route("/sites/{project}", routing::get(sites::without_slash))
        .route("/sites/{project}/", routing::get(sites::root))
        .route("/sites/{project}/{*path}", routing::get(sites::file))
        .layer(place);
    Router::new()
        .merge(keyed)
        .merge(open)
        .route("/healthz", routing::get(http::alive))
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(hosts, guard::hosts))
        .layer(CatchPanicLayer::new())
        .with_state(api)
}

async fn nothing_here() -> axum::response::Response {
    let error = UserError::not_found("There is nothing at this address.", "The tools are at /v1/tools and /mcp.");
    guard::refusal(StatusCode::NOT_FOUND, &error)
}

/// An address by which this machine reaches a listener: one on all addresses is reached by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], address.port())),
        IpAddr::V6(_) => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())),
    }
}
