//! Asking Telegram for updates, where it cannot call.

use super::Bot;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Takes updates in until `stop`. An update is confirmed, by asking for those after it, once it has been dealt with: one
/// on which the process dies comes again.
pub(super) async fn run(bot: &Arc<Bot>, stop: CancellationToken) {
    let (mut from, mut pause) = (None, FIRST_PAUSE);
    loop {
        let updates = tokio::select! {
            updates = bot.telegram.updates(from) => updates,
            () = stop.cancelled() => return,
        };
        match updates {
            Ok(updates) => {
                if pause > FIRST_PAUSE {
                    tracing::info!("Telegram answers again");
                }
                pause = FIRST_PAUSE;
                let last = updates.iter().map(|update| update.update_id).max();
                // Each by itself: none waits for the answer to another, and none that fails takes the others along.
                let taken = updates.into_iter().map(|update| {
                    let bot = bot.clone();
                    tokio::spawn(async move { bot.take(update).await })
                });
                for outcome in join_all(taken).await {
                    if let Err(error) = outcome {
                        tracing::error!(%error, "an update could not be dealt with");
                    }
                }
                from = last.and_then(|last| i32::try_from(last.saturating_add(1)).ok()).or(from);
            }
            Err(error) => {
                // Said once, not at every attempt.
                if pause == FIRST_PAUSE {
                    tracing::warn!(%error, "Telegram cannot be asked for updates; trying on");
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
