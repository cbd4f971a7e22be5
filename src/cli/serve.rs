//! `bouncer serve`.

#[cfg(feature = "local")]
mod local;
#[cfg(not(feature = "local"))]
#[path = "serve/without_local.rs"]
mod local;

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::signals;
use crate::config::{Config, HostedConfig, ServeConfig};
use crate::domain::profile::Profile;
use crate::server::hosted;
use std::net::SocketAddr;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer serve
  bouncer serve --data-dir /var/lib/bouncer --listen 0.0.0.0:8420 --allowed-host bouncer.example.com

The first start writes credentials.json into the data folder: an admin, an approver and an agent key.
The log goes to stderr; BOUNCER_LOG sets what is logged, for example BOUNCER_LOG=debug.";

/// Where a server listens unless told otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:8420";

/// Where records, objects and workflows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ProfileArg {
    /// In this process, on the data folder
    Local,
    /// In an AWS account, as infra/template.yaml makes them; credentials and region come from the standard settings
    Aws,
}

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Where records, objects and workflows are
    ///
    /// [env: BOUNCER_PROFILE] [default: local]
    #[arg(long, value_enum)]
    profile: Option<ProfileArg>,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// A host name the server answers to, beside its own address; may be repeated
    #[arg(long = "allowed-host", value_name = "HOST")]
    allowed_hosts: Vec<String>,
    /// How long a request can be decided, in seconds
    ///
    /// [env: BOUNCER_APPROVAL_WINDOW] [default: 600]
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    approval_window: Option<u64>,
    /// How many decisions a caller may ask for in a minute; 0 for any number
    ///
    /// [env: BOUNCER_ASKS_PER_MINUTE] [default: 5]
    #[arg(long, value_name = "N")]
    asks_per_minute: Option<usize>,
    /// How many requests of a caller may wait for a decision; 0 for any number
    ///
    /// [env: BOUNCER_PENDING_PER_CALLER] [default: 10]
    #[arg(long, value_name = "N")]
    pending_per_caller: Option<usize>,
}

impl ServeArgs {
    /// Lets options win over the environment; allowed hosts add to the environment's.
    fn apply(&self, mut config: Config) -> Config {
        let approvals = &mut config.approvals;
        approvals.window = self.approval_window.unwrap_or(approvals.window);
        approvals.quota.per_minute = self.asks_per_minute.unwrap_or(approvals.quota.per_minute);
        approvals.quota.pending = self.pending_per_caller.unwrap_or(approvals.quota.pending);
        if !self.allowed_hosts.is_empty() {
            let others = config.server.allowed_hosts.unwrap_or_default();
            config.server.allowed_hosts = Some(self.allowed_hosts.iter().cloned().chain(others).collect());
        }
        config
    }
}

/// Runs the command until it is told to stop.
pub async fn run(context: &Context, args: ServeArgs) -> Result<Exit, CliError> {
    let profile = args.profile.map(|profile| match profile {
        ProfileArg::Local => Profile::Local,
        ProfileArg::Aws => Profile::Aws,
    });
    match ServeConfig::load(&context.environment, profile)? {
        ServeConfig::Local(config) => local::run(context, args.listen, args.apply(config)).await,
        ServeConfig::Aws(HostedConfig { common, storage, machines }) => {
            let config = HostedConfig { common: args.apply(common), storage, machines };
            run_hosted(context, args.listen, config).await
        }
    }
}

async fn run_hosted(context: &Context, listen: SocketAddr, config: HostedConfig) -> Result<Exit, CliError> {
    let (shutdown, (announce, ready)) = (CancellationToken::new(), oneshot::channel());
    let announcement = async {
        let Ok(url) = ready.await else { return };
        context.progress.note(&format!("Bouncer listens on {url}, for the installation in your AWS account"));
    };
    let running = hosted::serve(config, listen, shutdown.clone(), announce);
    until_stopped(async { tokio::join!(running, announcement).0 }, &shutdown).await
}

/// Runs a server until it ends by itself or is told to; told twice, it stops at once.
async fn until_stopped<E: std::error::Error>(
    running: impl Future<Output = Result<(), E>>,
    shutdown: &CancellationToken,
) -> Result<Exit, CliError> {
    let stopping = async {
        signals::interrupted().await;
        shutdown.cancel();
        // Whoever asks twice does not want to wait for what is still going on.
        signals::interrupted().await;
    };
    tokio::select! {
        outcome = running => outcome.map(|()| Exit::Done).map_err(|error| CliError::failed(sentence(&error))),
        () = stopping => {
            Err(CliError::failed("Stopped at once.").hint("The next start carries on with what was going on."))
        }
    }
}

/// An error and its causes as one sentence.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
