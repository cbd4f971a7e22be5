//! What a bucket's lifecycle rules do on AWS.

use crate::requests::app::App;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks: all that goes has been there for days.
const PERIOD: Duration = Duration::from_secs(6 * 3600);

/// Removes what goes by its age, now and every few hours; never ends by itself.
pub(super) async fn run(app: Arc<App>) {
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        match app.documents.delete_expired().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "uploads that nobody came back to were removed"),
            Err(error) => tracing::warn!(%error, "old uploads could not be removed"),
        }
    }
}
