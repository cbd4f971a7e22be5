//! Serving a router on a listener until told to stop.

use axum::Router;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long open requests may go on after the server was told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Answers requests until `shutdown`, then lets open ones end within a few seconds.
pub(super) async fn until(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    let told = shutdown.clone();
    let serving = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move { told.cancelled().await });
    tokio::select! {
        outcome = serving => outcome,
        () = async { shutdown.cancelled().await; tokio::time::sleep(SHUTDOWN_GRACE).await } => Ok(()),
    }
}
