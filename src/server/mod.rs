//! The server: one process that answers HTTP and MCP, keeps the records and runs the workflows.

use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The folder that holds everything the server keeps.
    pub data_dir: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host names it answers to, beside those of the listening address.
    pub allowed_hosts: Vec<String>,
    /// Seconds in which a request can be decided.
    pub approval_window: u64,
}

/// Why a server did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// This build holds no server.
    #[error("this build of Bouncer has no server")]
    Absent,
}

/// Runs until `shutdown` is cancelled. Sends the base URL once requests are answered.
pub async fn serve(
    options: ServeOptions,
    shutdown: CancellationToken,
    ready: oneshot::Sender<String>,
) -> Result<(), ServeError> {
    drop((options, shutdown, ready));
    Err(ServeError::Absent)
}
