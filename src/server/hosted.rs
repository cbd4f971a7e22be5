//! An installation on AWS: the same use cases over the account's services. Settings come from the environment, as
//! `infra/template.yaml` writes it.

use super::backend;
use super::backend::BackendSetupError;
use super::telegram::{Bot, Host, TelegramSetup, TelegramSetupError};
use super::{TABLE_PREFIX, guard, limits, listen, page_url, previews, router, variable, web};
use crate::aws;
use crate::domain::quota::QuotaLimits;
use crate::requests::app::{App, Profile, PublishSettings, Settings, TRANSFER_ROOM_KIB};
use crate::requests::engine::Machine;
use crate::storage::{Documents, Store};
use crate::workflow::step_functions::StepFunctions;
use axum::Router;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

/// How long a frontend deploy waits for a decision, in seconds.
const APPROVAL_WINDOW: u64 = 600;

/// Upload addresses in one answer, in bytes. Lambda bounds an answer to 6 MB, and MCP carries each twice.
const ANSWER_BYTES: usize = 2 << 20;

/// Why an installation could not be opened or served.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum HostedError {
    #[error("the environment variable {0} is not set; infra/template.yaml sets it for the functions it makes")]
    Missing(String),
    #[error("the account is not known: set BOUNCER_ACCOUNT, or give credentials that STS knows")]
    NoAccount,
    #[error(transparent)]
    Backend(#[from] BackendSetupError),
    #[error(transparent)]
    Telegram(#[from] TelegramSetupError),
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the server stopped: {0}")]
    Serving(io::Error),
}

/// An opened installation.
pub struct Installation {
    /// What its use cases work with.
    pub app: Arc<App>,
    first_key: guard::BootstrapKey,
    bot: Option<Arc<Bot>>,
}

impl Installation {
    /// Reads the environment. `approval_window` (seconds) is what a command line says of it; beyond that,
    /// `BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY` and `BOUNCER_STATE_MACHINE_DEPLOY` (ARNs) are required;
    /// `BOUNCER_STAGING_BUCKET`, `BOUNCER_TABLE_PREFIX`, `BOUNCER_ACCOUNT`, `BOUNCER_EXTERNAL_ID`,
    /// `BOUNCER_ASKS_PER_MINUTE`, `BOUNCER_PENDING_PER_CALLER`,
    /// `BOUNCER_APPROVAL_WINDOW` (seconds), `BOUNCER_ANSWER_BYTES`, `BOUNCER_BOOTSTRAP_SECRET_ARN`, `BOUNCER_PUBLIC_URL`
    /// (where the page is reached) and `BOUNCER_PREVIEW_DOMAIN` are not. Telegram's settings depend on the place.
    pub(super) async fn from_environment(
        approval_window: Option<u64>,
        asking: Option<QuotaLimits>,
        place: Host,
    ) -> Result<Self, HostedError> {
        let machines = machines()?;
        let prefix = variable("BOUNCER_TABLE_PREFIX").unwrap_or_else(|| TABLE_PREFIX.to_owned());
        let (storage, services) = aws::from_environment(variable("BOUNCER_EXTERNAL_ID")).await;
        let account = match variable("BOUNCER_ACCOUNT") {
            Some(account) => account,
            None => services.identity.get_account().await.ok_or(HostedError::NoAccount)?,
        };
        let staging_bucket = variable("BOUNCER_STAGING_BUCKET").unwrap_or_else(|| format!("bouncer-uploads-{account}"));
        let window = approval_window.or_else(|| variable("BOUNCER_APPROVAL_WINDOW").and_then(|text| text.parse().ok()));
        let first_key = match variable("BOUNCER_BOOTSTRAP_SECRET_ARN") {
            Some(secret) => guard::BootstrapKey::in_secret(services.secrets, secret),
            None => guard::BootstrapKey::none(),
        };
        let entrance = TelegramSetup::from_environment(place).await?;
        let app = App {
            kinds: crate::kinds::KINDS,
            store: Store::new(storage.records, prefix),
            documents: Documents::new(storage.objects.clone(), staging_bucket),
            objects: storage.objects,
            sites: storage.sites,
            backend: backend::from_environment().await?,
            engine: Arc::new(StepFunctions::new(services.workflows, machines)),
            channels: entrance.iter().map(TelegramSetup::channel).collect(),
            turns: Default::default(),
            settings: Settings {
                profile: Profile::Aws,
                account,
                approval_window: window.unwrap_or(APPROVAL_WINDOW),
                asking: asking.unwrap_or_else(asking_of_environment),
                public_url: None,
                page_url: page_url(),
                limits: limits(ANSWER_BYTES),
                publish: PublishSettings::default(),
            },
            waiting: Default::default(),
            transfer_room: Semaphore::new(TRANSFER_ROOM_KIB),
        };
        let app = Arc::new(app);
        let bot = entrance.map(|entrance| Arc::new(entrance.open(app.clone())));
        Ok(Self { app, first_key, bot })
    }

    /// The HTTP surface behind an address that AWS routes: under the names of `BOUNCER_ALLOWED_HOSTS`, or under any.
    pub(super) fn routed(&self) -> Router {
        let hosts = match variable("BOUNCER_ALLOWED_HOSTS") {
            Some(_) => named(IpAddr::V4(Ipv4Addr::LOCALHOST), &[]),
            None => guard::Hosts::AsRouted,
        };
        // A function's answer is no stream.
        let place = web::PageSetup { previews: previews(false), beside_sites: false, streams: None };
        router(self.app.clone(), hosts, self.first_key.clone(), Router::new(), self.bot.clone(), place)
    }
}

/// Serves an installation from a host with AWS credentials until `shutdown`. Its tasks run in the function.
pub async fn serve(
    address: SocketAddr,
    allowed_hosts: &[String],
    approval_window: u64,
    asking: QuotaLimits,
    shutdown: CancellationToken,
    ready: oneshot::Sender<String>,
) -> Result<(), HostedError> {
    let installation = Installation::from_environment(Some(approval_window), Some(asking), Host::Host).await?;
    let listener = TcpListener::bind(address).await.map_err(|source| HostedError::Listen { address, source })?;
    let bound = listener.local_addr().map_err(HostedError::Serving)?;
    let hosts = named(address.ip(), allowed_hosts);
    let place = web::PageSetup {
        previews: previews(address.ip().is_loopback()),
        beside_sites: false,
        streams: Some(shutdown.clone()),
    };
    let first_key = installation.first_key;
    let router = router(installation.app, hosts, first_key, Router::new(), installation.bot.clone(), place);
    let (stop, bot) = (shutdown.child_token(), installation.bot);
    let intake = tokio::spawn(async move {
        if let Some(bot) = bot {
            bot.run(stop).await;
        }
    });
    // Whoever waits for readiness may have gone; that stops nothing.
    let _ = ready.send(format!("http://{bound}"));
    let outcome = listen::until(listener, router, shutdown.clone()).await.map_err(HostedError::Serving);
    shutdown.cancel();
    if let Err(error) = intake.await {
        tracing::error!(%error, "Telegram's updates were not taken in to the end");
    }
    outcome
}

/// How much one caller may ask of humans, as the environment says it.
fn asking_of_environment() -> QuotaLimits {
    let number = |name| variable(name).and_then(|text| text.trim().parse().ok());
    let default = QuotaLimits::default();
    QuotaLimits {
        per_minute: number("BOUNCER_ASKS_PER_MINUTE").unwrap_or(default.per_minute),
        pending: number("BOUNCER_PENDING_PER_CALLER").unwrap_or(default.pending),
    }
}

fn named(listen: IpAddr, allowed_hosts: &[String]) -> guard::Hosts {
    let more = variable("BOUNCER_ALLOWED_HOSTS").unwrap_or_default();
    let more = more.split(',').map(str::trim).filter(|host| !host.is_empty()).map(str::to_owned);
    let hosts: Vec<String> = allowed_hosts.iter().cloned().chain(more).collect();
    guard::Hosts::named(listen, &hosts)
}

fn machines() -> Result<HashMap<Machine, String>, HostedError> {
    let arn = |machine: Machine| {
        let name = format!("BOUNCER_STATE_MACHINE_{}", machine.name.to_uppercase());
        variable(&name).map(|arn| (machine, arn)).ok_or(HostedError::Missing(name))
    };
    crate::kinds::KINDS.machines().into_iter().map(arn).collect()
}
