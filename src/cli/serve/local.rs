//! The local profile: storage, workflows and server in this process.

use super::until_stopped;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::config::Config;
use crate::server::local::{Ready, ServeOptions, serve};
use std::net::SocketAddr;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Serves the data folder.
pub(super) async fn run(context: &Context, listen: SocketAddr, config: Config) -> Result<Exit, CliError> {
    let data_dir = context.connection.data_dir()?;
    let credentials = data_dir.join("credentials.json");
    let is_fresh = !credentials.exists();
    let options = ServeOptions { data_dir: data_dir.clone(), listen, config };
    let (shutdown, (announce, ready)) = (CancellationToken::new(), oneshot::channel::<Ready>());
    let announcement = async {
        // The sender is dropped when the server does not start; its own error says why.
        let Ok(ready) = ready.await else { return };
        context.progress.note(&format!("Bouncer listens on {}", ready.url));
        context.progress.note(&format!("Page for approvers: {}", ready.page_url));
        context.progress.note(&format!("Sign in there once, within 10 minutes: {}", ready.sign_in_url));
        context.progress.note(&format!("Data folder: {}", data_dir.display()));
        if is_fresh {
            context.progress.note(&format!("API keys were made for you: {}", credentials.display()));
        }
    };
    until_stopped(async { tokio::join!(serve(options, shutdown.clone(), announce), announcement).0 }, &shutdown).await
}
