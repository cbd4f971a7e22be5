//! An installation on AWS: the same use cases over the services of an account.

use super::compose::{ComposeError, Composed, Services, compose, settings};
use super::telegram::Bot;
use super::{TABLE_PREFIX, guard, listen, previews, router, web};
use crate::aws;
use crate::config::{HostedConfig, ServerConfig, StateMachines, StorageConfig};
use crate::domain::profile::Profile;
use crate::kinds::KINDS;
use crate::requests::app::App;
use crate::requests::engine::Machine;
use crate::storage::{Documents, Store};
use crate::workflow::step_functions::StepFunctions;
use axum::Router;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Why an installation could not be opened or served.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum HostedError {
    #[error("cannot find out the account: set BOUNCER_ACCOUNT, or provide credentials that STS accepts")]
    NoAccount,
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the server stopped: {0}")]
    Serving(io::Error),
}

/// An opened installation.
pub struct Installation {
    /// Its use cases.
    pub app: Arc<App>,
    server: ServerConfig,
    first_key: guard::BootstrapKey,
    bot: Option<Arc<Bot>>,
}

impl Installation {
    /// Opens an installation with the AWS credentials and region of the environment.
    ///
    /// # Errors
    /// Fails when the account is neither configured nor known to STS, and when Telegram's secret cannot be used.
    pub(super) async fn open(config: HostedConfig) -> Result<Self, HostedError> {
        let HostedConfig { common, storage: names, machines } = config;
        let StorageConfig { account, table_prefix, staging_bucket, bootstrap_secret } = names;
        let prefix = table_prefix.as_deref().unwrap_or(TABLE_PREFIX);
        let (aws::Storage { records, objects, sites }, services) =
            aws::from_environment(common.external_id.clone()).await;
        let account = match account {
            Some(account) => account,
            None => services.identity.get_account().await.ok_or(HostedError::NoAccount)?,
        };
        let first_key = match bootstrap_secret {
            Some(secret) => guard::BootstrapKey::in_secret(services.secrets, secret),
            None => guard::BootstrapKey::none(),
        };
        let bucket = staging_bucket.unwrap_or_else(|| format!("bouncer-uploads-{account}"));
        let documents = Documents::new(objects.clone(), bucket);
        let engine = Arc::new(StepFunctions::new(services.workflows, by_machine(&machines)));
        let settings = settings(&common, Profile::Aws, &account);
        let services = Services { store: Store::new(records, prefix), documents, objects, sites, engine };
        let Composed { app, bot } = compose(&common, services, settings).await?;
        Ok(Self { app, server: common.server, first_key, bot })
    }

    /// Returns the HTTP surface behind an address that AWS routes: under the configured host names, or under any.
    pub(super) fn routed(&self) -> Router {
        let hosts = match &self.server.allowed_hosts {
            Some(hosts) => guard::Hosts::named(IpAddr::V4(Ipv4Addr::LOCALHOST), hosts),
            None => guard::Hosts::AsRouted,
        };
        // A function cannot stream its answer.
        let place = web::PageSetup { previews: previews(&self.server, false), beside_sites: false, streams: None };
        router(self.app.clone(), hosts, self.first_key.clone(), Router::new(), self.bot.clone(), place)
    }
}

/// Serves an installation from a host with AWS credentials until `shutdown`. Its tasks run in the Lambda function.
///
/// # Errors
/// Fails when the installation cannot be opened, and when the address cannot be listened on.
pub async fn serve(
    config: HostedConfig,
    address: SocketAddr,
    shutdown: CancellationToken,
    ready: oneshot::Sender<String>,
) -> Result<(), HostedError> {
    let Installation { app, server, first_key, bot } = Installation::open(config).await?;
    let listener = TcpListener::bind(address).await.map_err(|source| HostedError::Listen { address, source })?;
    let bound = listener.local_addr().map_err(HostedError::Serving)?;
    let hosts = guard::Hosts::named(address.ip(), server.allowed_hosts.as_deref().unwrap_or_default());
    let previews = previews(&server, address.ip().is_loopback());
    let place = web::PageSetup { previews, beside_sites: false, streams: Some(shutdown.clone()) };
    let router = router(app, hosts, first_key, Router::new(), bot.clone(), place);
    let stop = shutdown.child_token();
    let intake = tokio::spawn(async move {
        if let Some(bot) = bot {
            bot.run(stop).await;
        }
    });
    // The receiver may be gone; the server runs on without it.
    let _ = ready.send(format!("http://{bound}"));
    let outcome = listen::until(listener, router, shutdown.clone()).await.map_err(HostedError::Serving);
    shutdown.cancel();
    if let Err(error) = intake.await {
        tracing::error!(%error, "polling Telegram ended abnormally");
    }
    outcome
}

fn by_machine(machines: &StateMachines) -> HashMap<Machine, String> {
    let arn = |machine: Machine| Some((machine, machines.arn(machine.name)?.to_owned()));
    KINDS.machines().into_iter().filter_map(arn).collect()
}
