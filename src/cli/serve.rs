//! `bouncer serve`.

#[cfg(feature = "local")]
mod local;
#[cfg(not(feature = "local"))]
#[path = "serve/without_local.rs"]
mod local;

use super::Context;
use super::error::CliError;
use super::exit::Exit;
use super::signals;
use crate::domain::quota::QuotaLimits;
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
    #[arg(long, value_enum, default_value_t = ProfileArg::Local)]
    profile: ProfileArg,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// A host name the server answers to, beside its own address; may be repeated
    #[arg(long = "allowed-host", value_name = "HOST")]
    allowed_hosts: Vec<String>,
    /// How long a request can be decided, in seconds
    #[arg(long, env = "BOUNCER_APPROVAL_WINDOW", hide_env_values = true)]
    #[arg(value_name = "SECS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    approval_window: u64,
    /// How many decisions a caller may ask for in a minute; 0 for any number
    #[arg(long, env = "BOUNCER_ASKS_PER_MINUTE", hide_env_values = true)]
    #[arg(value_name = "N", default_value_t = QuotaLimits::default().per_minute)]
    asks_per_minute: usize,
    /// How many requests of a caller may wait for a decision; 0 for any number
    #[arg(long, env = "BOUNCER_PENDING_PER_CALLER", hide_env_values = true)]
    #[arg(value_name = "N", default_value_t = QuotaLimits::default().pending)]
    pending_per_caller: usize,
}

impl ServeArgs {
    fn asking(&self) -> QuotaLimits {
        QuotaLimits { per_minute: self.asks_per_minute, pending: self.pending_per_caller }
    }
}

/// Runs the command until it is told to stop.
pub async fn run(context: &Context, args: ServeArgs) -> Result<Exit, CliError> {
    match args.profile {
        ProfileArg::Local => local::run(context, args).await,
        ProfileArg::Aws => run_hosted(context, args).await,
    }
}

async fn run_hosted(context: &Context, args: ServeArgs) -> Result<Exit, CliError> {
    let (shutdown, (announce, ready)) = (CancellationToken::new(), oneshot::channel());
    let announcement = async {
        let Ok(url) = ready.await else { return };
        context.progress.note(&format!("Bouncer listens on {url}, for the installation in your AWS account"));
    };
    let running = hosted::serve(
        args.listen,
        &args.allowed_hosts,
        args.approval_window,
        args.asking(),
        shutdown.clone(),
        announce,
    );
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
