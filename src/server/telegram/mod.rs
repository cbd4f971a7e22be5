//! Telegram's users: what they press and write, whether Telegram calls (a webhook) or is asked (polling). Only configured
//! approvers decide or are told anything.

mod commands;
mod polling;
mod recent;
mod settings;
mod webhook;

pub use settings::TelegramSetupError;

use crate::channels::telegram::{CallbackQuery, Intake, NAME, Press, Pressed, Telegram, Update, User, Words};
use crate::channels::{Channel, ChannelError};
use crate::config::{Approvers, BotConfig, TelegramConfig, WebhookSecret};
use crate::domain::approver::Approver;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::{ApproverId, RequestId};
use crate::domain::prompt::Delivery;
use crate::domain::request::{Status, Verdict};
use crate::policy::decision;
use crate::requests::app::App;
use crate::requests::decide;
use crate::requests::kind::CardView;
use crate::requests::prompts::prompt_of;
use recent::Recent;
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(super) use webhook::routes;

/// Telegram as it is set up, before there is an application.
pub(super) struct TelegramSetup {
    telegram: Arc<Telegram>,
    approvers: Approvers,
    intake: Intake,
    secret: Option<WebhookSecret>,
}

impl TelegramSetup {
    /// Opens the bot of the settings.
    ///
    /// # Errors
    /// Fails when the bot cannot be opened, and when Telegram is to call and there is no secret to know it by.
    pub(super) async fn new(config: &TelegramConfig) -> Result<Self, TelegramSetupError> {
        let intake = settings::intake(config.intake);
        let (telegram, secret) = settings::bot(&config.bot, config.chats.clone(), intake).await?;
        if intake == Intake::Webhook && secret.is_none() {
            return Err(TelegramSetupError::NoWebhookSecret);
        }
        Ok(Self { telegram: Arc::new(telegram), approvers: config.approvers.clone(), intake, secret })
    }

    /// The channel.
    pub(super) fn channel(&self) -> Arc<dyn Channel> {
        self.telegram.clone()
    }

    /// What takes updates in, for an application.
    pub(super) fn open(self, app: Arc<App>) -> Bot {
        Bot {
            app,
            telegram: self.telegram,
            approvers: self.approvers,
            intake: self.intake,
            secret: self.secret,
            handled: Recent::default(),
            refused: Recent::default(),
        }
    }
}

/// Registers the webhook of a bot, or deletes it when `url` is `None`.
///
/// # Errors
/// Fails when the bot cannot be opened, has no secret for its webhook, or Telegram refuses.
pub async fn register(bot: &BotConfig, url: Option<&str>) -> Result<(), RegisterError> {
    let (telegram, secret) = settings::bot(bot, vec![], Intake::Webhook).await?;
    match url {
        Some(url) => {
            let secret = secret.ok_or(TelegramSetupError::NoWebhookSecret)?;
            telegram.set_webhook(url, secret.expose()).await?;
        }
        None => telegram.delete_webhook().await?,
    }
    Ok(())
}

/// Why a webhook was not registered.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum RegisterError {
    #[error(transparent)]
    Setup(#[from] TelegramSetupError),
    #[error(transparent)]
    Telegram(#[from] ChannelError),
}

/// Takes updates in.
pub(super) struct Bot {
    app: Arc<App>,
    telegram: Arc<Telegram>,
    approvers: Approvers,
    intake: Intake,
    secret: Option<WebhookSecret>,
    /// Updates that were dealt with: Telegram sends one again when it heard no answer.
    handled: Recent,
    /// Users who were told lately that they may nothing.
    refused: Recent,
}

impl Bot {
    /// Asks Telegram until `stop`, where that is how updates come in.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        if self.intake == Intake::Polling {
            polling::run(&self, stop).await;
        }
    }

    /// Deals with an update, once.
    async fn take(&self, update: Update) {
        if !self.handled.is_new(update.update_id) {
            tracing::debug!(update_id = update.update_id, "an update came again");
            return;
        }
        if let Some(query) = update.callback_query {
            self.pressed(query).await;
        } else if let Some(message) = update.message {
            self.wrote(message).await;
        }
    }

    /// Somebody pressed a button. Every press is answered, or the button would go on turning.
    async fn pressed(&self, query: CallbackQuery) {
        let words = self.telegram.renderer().words;
        let press = query.data.as_deref().and_then(Press::parse);
        let (answer, request_id) = match press {
            None if self.approvers.find(query.from.id).is_none() => (words.no_permission, None),
            None => (words.unknown_button, None),
            Some(press) => (self.decide(&query.from, &press, words).await, Some(press.request_id)),
        };
        if let Err(error) = self.telegram.answer(&query.id, answer).await {
            tracing::warn!(%error, "a press could not be answered");
        }
        if let (Some(request_id), Some(message)) = (request_id, query.message)
            && self.approvers.find(query.from.id).is_some()
        {
            self.tidy(&request_id, &message).await;
        }
    }

    async fn decide(&self, user: &User, press: &Press, words: &'static Words) -> &'static str {
        let Some(approver) = self.approver(user) else { return words.no_permission };
        let decided = decide::decide(
            &self.app,
            &approver,
            press.request_id.as_str(),
            // A button belongs to one message, which shows the one plan that its request has.
            decision::Press { verdict: press.verdict, plan_hash: None, acknowledged: press.acknowledged },
            None,
            NAME,
        )
        .await;
        match decided {
            Ok(decided) => match press.verdict {
                Verdict::Approve if decided.approvals_missing.is_some() => words.you_approved_first,
                Verdict::Approve => words.you_approved,
                Verdict::Deny => words.you_rejected,
            },
            Err(error) => refusal(&error, words),
        }
    }

    /// Who a user is as an approver. One that is not configured is none, and what it tries is recorded.
    fn approver(&self, user: &User) -> Option<Approver> {
        let known = self.approvers.find(user.id);
        let name: String = user.first_name.chars().filter(|c| !c.is_control()).take(40).collect();
        Some(Approver {
            id: ApproverId::parse(format!("{NAME}:{}", user.id)).ok()?,
            name: format!("{} (Telegram {})", name.trim(), user.id).trim().to_owned(),
            key: known.flatten().cloned(),
            may_decide: known.is_some(),
        })
    }

    /// Makes the message whose button was pressed say how the request stands. Its place may never have been recorded: when
    /// a process died between sending and recording, or a message was sent twice.
    async fn tidy(&self, request_id: &RequestId, message: &Pressed) {
        let outcome = async {
            let Some(request) = self.app.store.request(request_id).await? else { return Ok(()) };
            let prompt = prompt_of(&self.app, &request, CardView::PROMPT).await.map_err(|error| error.message)?;
            let place = format!("{}/{}", message.chat.id, message.message_id);
            self.telegram.update(&Delivery { channel: NAME, message: place }, &prompt).await?;
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        };
        if let Err(error) = outcome.await {
            tracing::warn!(request_id = %request_id, %error, "a pressed message could not be brought up to date");
        }
    }
}

/// Why a press does not count, in few words.
fn refusal(error: &UserError, words: &'static Words) -> &'static str {
    match error.code {
        ErrorCode::Forbidden => words.no_permission,
        ErrorCode::NotFound => words.unknown_request,
        ErrorCode::Conflict if error.details.get("request_status") == Some(&json!(Status::Expired)) => words.too_late,
        ErrorCode::Conflict => words.already_handled,
        _ => words.not_stored,
    }
}
