//! Approvers are asked where the channels reach them, what they were sent follows the request, and they are reminded
//! once. A channel decides nothing: when it is out of order, deploys go on and other ways to decide remain.

use super::{prompt_of, prompt_with, stage};
use crate::domain::card::Card;
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::prompt::{Delivery, Prompt};
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::kind::CardView;
use crate::storage::StoreError;
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long asking may take on all channels together.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(20);
/// How long changing a prompt may hold up what changed it; the last change may take longer.
const CHANGE_PATIENCE: Duration = Duration::from_secs(3);
const LAST_CHANGE_PATIENCE: Duration = Duration::from_secs(10);
/// Between two changes that only tell of progress.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);
/// The same after a change that failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// How often a prompt is changed at once, while the request moves on under it.
const CHANGES_IN_A_ROW: usize = 3;
/// Requests of which this process remembers when their prompts were changed.
const REMEMBERED: usize = 1000;

/// Nobody was asked: there are channels, and none could be reached.
#[derive(Debug, thiserror::Error)]
#[error("none of the channels could be reached")]
pub(crate) struct Unreached;

/// Of each request whose prompts this process changes: one change at a time.
#[derive(Default)]
pub struct PromptLocks(Mutex<HashMap<RequestId, PromptLock>>);

type PromptLock = Arc<tokio::sync::Mutex<PromptState>>;

/// What is remembered between two changes.
struct PromptState {
    /// Progress is not shown again before.
    next: Instant,
    /// The card, which is made once: what a request would do does not change.
    card: Option<Card>,
}

impl PromptState {
    fn nothing() -> Self {
        Self { next: Instant::now(), card: None }
    }
}

impl PromptLocks {
    fn of(&self, id: &RequestId) -> PromptLock {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= REMEMBERED {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(id.clone()).or_insert_with(|| Arc::new(tokio::sync::Mutex::new(PromptState::nothing()))).clone()
    }
}

/// Asks on every channel, unless that was done. What was reached is kept with the request; when that is lost, a second
/// prompt will be sent, which is better than none.
pub(crate) async fn deliver(app: &App, id: &RequestId) -> Result<(), Unreached> {
    if app.channels.is_empty() {
        return Ok(());
    }
    let turn = app.turns.of(id);
    let mut shown = turn.lock().await;
    match app.store.request(id).await {
        Ok(Some(request)) if request.status != Status::PendingApproval || !request.deliveries.is_empty() => Ok(()),
        Ok(Some(request)) => deliver_now(app, &request, &mut shown.card).await,
        Ok(None) => Err(Unreached),
        Err(error) => {
            tracing::error!(request_id = %id, %error, "a request cannot be read to ask for its decision");
            Err(Unreached)
        }
    }
}

async fn prompt_once(app: &App, request: &Request, card: &mut Option<Card>) -> Result<Prompt, UserError> {
    let made = match card.take() {
        Some(made) => made,
        None => app.kinds.of(request)?.card(app, request, CardView::PROMPT).await?,
    };
    *card = Some(made.clone());
    prompt_with(app, request, made)
}

async fn deliver_now(app: &App, request: &Request, card: &mut Option<Card>) -> Result<(), Unreached> {
    let id = &request.request_id;
    let prompt = prompt_once(app, request, card).await.map_err(|error| {
        tracing::error!(request_id = %id, %error, "a prompt cannot be made");
        Unreached
    })?;
    let asked = app.channels.iter().map(|channel| async {
        match timeout(DELIVERY_PATIENCE, channel.deliver(&prompt)).await {
            Ok(Ok(deliveries)) => deliveries,
            Ok(Err(error)) => {
                tracing::warn!(request_id = %id, channel = %channel.name(), %error, phase = "ask", "approvers were not asked");
                vec![]
            }
            Err(_) => {
                tracing::warn!(request_id = %id, channel = %channel.name(), phase = "ask", "a channel took too long to ask");
                vec![]
            }
        }
    });
    let deliveries: Vec<Delivery> = join_all(asked).await.into_iter().flatten().collect();
    if deliveries.is_empty() {
        return Err(Unreached);
    }
    tracing::info!(request_id = %id, phase = "ask", prompts = deliveries.len(), "approvers are asked");
    if let Err(error) = app.store.set_deliveries(id, &deliveries).await {
        tracing::error!(request_id = %id, %error, "it could not be noted where approvers were asked");
    }
    // Whoever decided before that was noted could not change the prompts.
    if let Ok(Some(now)) = app.store.request(id).await
        && now.status != Status::PendingApproval
    {
        let _ = timeout(CHANGE_PATIENCE, show(app, id, card)).await;
    }
    Ok(())
}

/// Makes every prompt of a request say how it stands now. Never fails what it is called for.
pub(crate) async fn refresh(app: &App, request: &Request) {
    // Where it was asked may have been noted since this row was read, so the row says nothing about that.
    if app.channels.is_empty() {
        return;
    }
    let turn = app.turns.of(&request.request_id);
    let patience = if request.status.has_ended() { LAST_CHANGE_PATIENCE } else { CHANGE_PATIENCE };
    let changed = timeout(patience, async {
        let mut shown = turn.lock().await;
        change(app, &request.request_id, &mut shown).await;
    });
    if changed.await.is_err() {
        tracing::warn!(request_id = %request.request_id, phase = "prompt", "a prompt could not be changed in time");
    }
}

/// The same for progress: at most once a second, and rarely while a channel is out of order.
pub(crate) async fn refresh_progress(app: &App, request: &Request) {
    if app.channels.is_empty() || request.deliveries.is_empty() {
        return;
    }
    let turn = app.turns.of(&request.request_id);
    let Ok(mut shown) = turn.try_lock() else { return };
    if Instant::now() >= shown.next {
        change(app, &request.request_id, &mut shown).await;
    }
}

async fn change(app: &App, id: &RequestId, shown: &mut PromptState) {
    // For the case that this is given up half-way.
    shown.next = Instant::now() + PAUSE_AFTER_FAILURE;
    if timeout(LAST_CHANGE_PATIENCE, show(app, id, &mut shown.card)).await == Ok(true) {
        shown.next = Instant::now() + PROGRESS_PAUSE;
    }
}

/// Shows how the request stands until it stands so still; tells whether every prompt shows it.
async fn show(app: &App, id: &RequestId, card: &mut Option<Card>) -> bool {
    let mut shown = None;
    let mut everywhere = true;
    for _ in 0..CHANGES_IN_A_ROW {
        let request = match app.store.request(id).await {
            Ok(Some(request)) => request,
            Ok(None) => return true,
            Err(error) => {
                tracing::warn!(request_id = %id, %error, "a request cannot be read to change its prompts");
                return false;
            }
        };
        if request.deliveries.is_empty() {
            return true;
        }
        let stage = stage(app, &request, Time::now());
        if shown.as_ref() == Some(&stage) {
            break;
        }
        let prompt = match prompt_once(app, &request, card).await {
            Ok(prompt) => prompt,
            Err(error) => {
                tracing::warn!(request_id = %id, %error, "a prompt cannot be made");
                return false;
            }
        };
        everywhere = join_all(request.deliveries.iter().map(|delivery| update(app, delivery, &prompt)))
            .await
            .into_iter()
            .all(|updated| updated);
        shown = Some(stage);
    }
    everywhere
}

async fn update(app: &App, delivery: &Delivery, prompt: &Prompt) -> bool {
    // A channel that is no longer configured cannot be told anything.
    let Some(channel) = app.channels.iter().find(|channel| channel.name() == delivery.channel) else { return true };
    match channel.update(delivery, prompt).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(request_id = %prompt.request_id, channel = %channel.name(), %error, "a prompt was not changed");
            false
        }
    }
}

/// Reminds of a request that nobody has decided: at most once, whatever dies meanwhile. Where nobody could be asked
/// before, approvers are asked now.
pub(crate) async fn remind(app: &App, request: &Request) -> Result<(), TaskError> {
    if app.channels.is_empty() {
        return Ok(());
    }
    let id = &request.request_id;
    if request.deliveries.is_empty() {
        if deliver(app, id).await.is_err() {
            tracing::warn!(request_id = %id, phase = "remind", "approvers could not be asked on any channel");
        }
        return Ok(());
    }
    match app.store.set_reminded(id, Time::now()).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let prompt =
        prompt_of(app, request, CardView::PROMPT).await.map_err(|error| TaskError::unavailable(error.message))?;
    let reminded = request.deliveries.iter().map(|delivery| async {
        let Some(channel) = app.channels.iter().find(|channel| channel.name() == delivery.channel) else { return };
        match timeout(DELIVERY_PATIENCE, channel.remind(delivery, &prompt)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(request_id = %id, channel = %channel.name(), %error, "approvers were not reminded");
            }
            Err(_) => tracing::warn!(request_id = %id, channel = %channel.name(), "a channel took too long to remind"),
        }
    });
    join_all(reminded).await;
    tracing::info!(request_id = %id, phase = "remind", "approvers were reminded");
    Ok(())
}
