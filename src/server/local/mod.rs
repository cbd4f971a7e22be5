//! The local profile: one process with embedded storage and the engine inside.

mod credentials;
mod files;
mod housekeeping;
mod sites;

pub use credentials::{Credentials, CredentialsError};

use super::compose::{ComposeError, Composed, Services, compose, settings};
use super::{TABLE_PREFIX, guard, listen, previews, router, web};
use crate::admin::passes;
use crate::aws;
use crate::config::Config;
use crate::domain::error::UserError;
use crate::domain::profile::Profile;
use crate::requests::app::Settings;
use crate::requests::recover;
use crate::storage::{Documents, Store, StoreError};
use crate::workflow::local::LocalEngine;
use crate::workflow::tasks::TaskRunner;
use embedded_aws::LocalError;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Stands in for an account, which the local profile does not have.
const LOCAL_ACCOUNT: &str = "000000000000";

/// How to serve the local profile.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where records, objects and keys are kept.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The settings.
    pub config: Config,
}

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum ServeError {
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("the records could not be prepared: {0}")]
    Store(#[from] StoreError),
    #[error("the object storage could not be prepared: {0}")]
    Objects(#[from] aws::error::AwsError),
    #[error("the work of an earlier run could not be resumed: {0}")]
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
    /// The DynamoDB API of its embedded storage; another address at every start.
    pub records_url: String,
    /// The S3 API of its embedded storage.
    pub objects_url: String,
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

/// Where a server answers.
pub struct Ready {
    /// The base URL of the API.
    pub url: String,
    /// The page of approvers.
    pub page_url: String,
    /// Signs the local approver in on the page; works once, within ten minutes.
    pub sign_in_url: String,
}

/// Serves the local profile until `shutdown`, and sends its addresses to `ready` once it answers requests.
///
/// # Errors
/// Fails when storage, settings or the listening address cannot be used.
pub async fn serve(
    options: ServeOptions,
    shutdown: CancellationToken,
    ready: oneshot::Sender<Ready>,
) -> Result<(), ServeError> {
    let storage_stop = CancellationToken::new();
    let storage = embedded_aws::start(&options.data_dir, options.listen.ip(), storage_stop.clone()).await?;
    let outcome = serve_over(&options, &storage, shutdown, ready).await;
    // Storage stops last: running tasks may still write.
    storage_stop.cancel();
    storage.stopped().await;
    outcome
}

async fn serve_over(
    options: &ServeOptions,
    embedded: &embedded_aws::Endpoints,
    shutdown: CancellationToken,
    ready: oneshot::Sender<Ready>,
) -> Result<(), ServeError> {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|source| ServeError::Listen { address: options.listen, source })?;
    let address = listener.local_addr().map_err(ServeError::Serving)?;
    let url = format!("http://{}", reachable(address));
    let config = &options.config;
    let allowed_hosts = config.server.allowed_hosts.as_deref().unwrap_or_default();
    let page_url = config.server.public_url.clone().unwrap_or_else(|| local_page_url(address));

    let endpoints = aws::Endpoints {
        records: format!("http://{}", embedded.records),
        objects: format!("http://{}", reachable(embedded.objects)),
        access_key_id: embedded.credentials.access_key_id.clone(),
        secret_access_key: embedded.credentials.secret_access_key.clone(),
    };
    let aws::Storage { records, objects, sites } = aws::local(&endpoints);
    let store = Store::new(records, TABLE_PREFIX);
    store.create_missing_tables().await?;
    let documents = Documents::new(objects.clone(), format!("bouncer-uploads-{LOCAL_ACCOUNT}"));
    let engine = LocalEngine::new(store.clone());
    let settings = Settings {
        public_url: Some(public_url(address, allowed_hosts)),
        page_url: Some(page_url.clone()),
        ..settings(config, Profile::Local, LOCAL_ACCOUNT)
    };
    let services = Services { store, documents, objects, sites, engine: engine.clone() };
    let Composed { app, bot } = compose(config, services, settings).await?;
    app.objects.create_bucket(app.documents.bucket()).await?;
    let credentials = Credentials::load_or_create(&options.data_dir, &app.store).await?;

    let work_stop = CancellationToken::new();
    let housekeeping = tokio::spawn(work_stop.clone().run_until_cancelled_owned(housekeeping::run(app.clone())));
    let work = tokio::spawn(engine.run(Arc::new(TaskRunner::new(app.clone())), work_stop.clone()));
    recover::recover(&app).await.map_err(ServeError::Recovery)?;

    let server_file = ServerFile::path(&options.data_dir);
    let content = ServerFile {
        url: url.clone(),
        pid: std::process::id(),
        records_url: endpoints.records,
        objects_url: endpoints.objects,
    };
    let failed = |source| ServeError::File { path: server_file.clone(), source };
    let bytes = serde_json::to_vec(&content).map_err(|error| failed(error.into()))?;
    files::write_private(&server_file, &bytes).map_err(failed)?;

    let hosts = guard::Hosts::named(options.listen.ip(), allowed_hosts);
    let sign_in = passes::sign_in_link(&app, credentials.approver.hash()).await.map_err(ServeError::Recovery)?;
    // The browser does not send the part after `#`; the page reads it.
    let sign_in_url = format!("{page_url}/sign-in#{}", sign_in.expose());
    let is_on_loopback = options.listen.ip().is_loopback() || options.listen.ip().is_unspecified();
    let previews = previews(&config.server, is_on_loopback);
    let place = web::PageSetup { previews, beside_sites: is_on_loopback, streams: Some(shutdown.clone()) };
    let router = router(app, hosts, guard::BootstrapKey::none(), sites::routes(), bot.clone(), place);
    let intake = bot.map(|bot| tokio::spawn(bot.run(work_stop.clone())));
    // The receiver may be gone; the server runs on without it.
    let _ = ready.send(Ready { url, page_url, sign_in_url });
    let outcome = listen::until(listener, router, shutdown).await.map_err(ServeError::Serving);

    work_stop.cancel();
    if let Some(intake) = intake
        && let Err(error) = intake.await
    {
        tracing::error!(%error, "polling Telegram ended abnormally");
    }
    if let Err(error) = housekeeping.await {
        tracing::error!(%error, "the housekeeping ended abnormally");
    }
    if let Err(error) = work.await {
        tracing::error!(%error, "the workflow engine ended abnormally");
    }
    // The next start rewrites it, and a reader of a stale file gets no answer at its address.
    let _ = std::fs::remove_file(&server_file);
    outcome
}

/// Returns an address by which this machine reaches a listener: loopback for one that listens on all addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], address.port())),
        IpAddr::V6(_) => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())),
    }
}

/// Returns the address of the page: `localhost`, because published sites are served under the numeric address.
fn local_page_url(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => format!("http://localhost:{}", address.port()),
        _ => format!("http://{address}"),
    }
}

/// Returns the address under which published sites are announced: the first allowed host name, if there is one.
fn public_url(address: SocketAddr, allowed_hosts: &[String]) -> String {
    match allowed_hosts.iter().find(|host| !host.starts_with('*')) {
        Some(host) => format!("http://{host}:{}", address.port()),
        None => format!("http://{}", reachable(address)),
    }
}
