//! Telegram: a message with buttons in every chat that is asked, changed as the request goes on. What users press and
//! write is taken in by the server.

mod api;
mod button;
mod content;
mod edits;
mod render;
mod text;
mod update;
mod words;

use crate::domain::channel::ChannelName;
pub use crate::domain::language::Language;
pub use api::PUBLIC_API;
pub use button::Press;
pub use render::{Message, Renderer};
pub use text::Text;
pub use update::{CallbackQuery, Chat, IncomingMessage, Pressed, Update, User};
pub use words::{Words, fill};

use super::{Channel, ChannelError};
use crate::domain::prompt::{Delivery, Outcome, Prompt, Stage};
use api::{Api, ApiError, Patience};
use async_trait::async_trait;
use edits::{Age, Edits, Last};
use futures::future::join_all;
use serde::Deserialize;
use std::time::Duration;
use teloxide_core::payloads::{
    AnswerCallbackQuery, DeleteWebhook, EditMessageText, GetMe, GetUpdates, GetWebhookInfo, PinChatMessage,
    SendMessage, SetWebhook, UnpinChatMessage,
};
use teloxide_core::types::{
    AllowedUpdate, CallbackQueryId, ChatId, InlineKeyboardMarkup, LinkPreviewOptions, MessageId, Recipient,
    ReplyMarkup, ReplyParameters,
};
use tokio::time::Instant;

/// The channel's name in records.
pub const NAME: ChannelName = ChannelName::Telegram;

/// How long Telegram keeps a question for updates open when there are none, in seconds.
const POLL_SECONDS: u16 = 25;
/// Updates taken at once.
const UPDATES_AT_ONCE: u8 = 20;

/// How to reach Telegram.
pub struct Settings {
    /// The Bot API's address.
    pub api_url: String,
    /// The bot's token.
    pub token: String,
    /// The chats that are asked.
    pub chats: Vec<i64>,
    /// The language of the messages.
    pub language: Language,
    /// How presses and commands come in.
    pub intake: Intake,
}

/// How presses and commands come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Telegram calls.
    Webhook,
    /// Telegram is asked.
    Polling,
}

/// Telegram as a channel.
pub struct Telegram {
    api: Api,
    chats: Vec<i64>,
    intake: Intake,
    renderer: Renderer,
    edits: Edits,
}

/// What this program needs of a message that was sent.
#[derive(Deserialize)]
struct Sent {
    message_id: i32,
}

impl Telegram {
    /// A bot with its chats. Nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self {
            api: Api::new(&settings.api_url, &settings.token)?,
            chats: settings.chats,
            intake: settings.intake,
            renderer: Renderer::new(settings.language),
            edits: Edits::default(),
        })
    }

    /// How messages are put together.
    pub fn renderer(&self) -> Renderer {
        self.renderer
    }

    /// Whether approvers are asked in this chat.
    pub fn asks_in(&self, chat: i64) -> bool {
        self.chats.contains(&chat)
    }

    /// Sends a message.
    pub async fn say(&self, chat: i64, message: Message) -> Result<(), ChannelError> {
        self.send(chat, message, None).await.map(drop)
    }

    /// Answers a press: the words appear above the chat for a moment.
    pub async fn answer(&self, query: &str, words: &str) -> Result<(), ChannelError> {
        let payload = AnswerCallbackQuery {
            text: Some(words.to_owned()),
            ..AnswerCallbackQuery::new(CallbackQueryId(query.to_owned()))
        };
        self.api.call::<_, bool>(&payload, Patience::LIGHT).await.map(drop).map_err(refused)
    }

    /// Updates from a number on; waits for some when there are none.
    pub async fn updates(&self, from: Option<i32>) -> Result<Vec<Update>, ChannelError> {
        let payload = GetUpdates {
            offset: from,
            limit: Some(UPDATES_AT_ONCE),
            timeout: Some(POLL_SECONDS.into()),
            allowed_updates: Some(taken_in()),
        };
        let time = Duration::from_secs(u64::from(POLL_SECONDS) + 10);
        self.api.call(&payload, Patience { each: time, whole: time, attempts: 1 }).await.map_err(refused)
    }

    /// Has Telegram call an address from now on, with a secret in the header.
    pub async fn set_webhook(&self, url: &str, secret: &str) -> Result<(), ChannelError> {
        let url = url.parse().map_err(|error| ChannelError::Refused {
            channel: NAME,
            reason: format!("the address cannot be read: {error}"),
        })?;
        let payload = SetWebhook {
            secret_token: Some(secret.to_owned()),
            allowed_updates: Some(taken_in()),
            ..SetWebhook::new(url)
        };
        self.api.call::<_, bool>(&payload, Patience::FIRM).await.map(drop).map_err(refused)
    }

    /// Has Telegram call nobody any more, so that it can be asked.
    pub async fn delete_webhook(&self) -> Result<(), ChannelError> {
        self.api.call::<_, bool>(&DeleteWebhook::new(), Patience::FIRM).await.map(drop).map_err(refused)
    }

    async fn send(&self, chat: i64, message: Message, reply_to: Option<i32>) -> Result<i32, ChannelError> {
        let reply = reply_to.map(|id| ReplyParameters::new(MessageId(id)).allow_sending_without_reply());
        let payload = SendMessage {
            entities: Some(message.entities),
            link_preview_options: Some(no_preview()),
            reply_parameters: reply,
            reply_markup: message.buttons.map(ReplyMarkup::InlineKeyboard),
            ..SendMessage::new(recipient(chat), message.text)
        };
        let sent: Sent = self.api.call(&payload, Patience::FIRM).await.map_err(refused)?;
        Ok(sent.message_id)
    }

    async fn edit(&self, (chat, id): (i64, i32), message: Message, patience: Patience) -> Result<(), ApiError> {
        let payload = EditMessageText {
            entities: Some(message.entities),
            link_preview_options: Some(no_preview()),
            // Without buttons of its own an edited message would keep those it had.
            reply_markup: Some(message.buttons.unwrap_or_else(|| InlineKeyboardMarkup::new(Vec::<Vec<_>>::new()))),
            ..EditMessageText::new(recipient(chat), MessageId(id), message.text)
        };
        match self.api.call::<_, Sent>(&payload, patience).await {
            Err(ApiError::Refused(said)) if said.contains("message is not modified") => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Pins the message while the work goes on. Where the bot may not pin, it goes on unpinned.
    async fn mark(&self, (chat, id): (i64, i32), last: &mut Last, stage: &Stage) {
        let outcome = match stage {
            Stage::Running { .. } if !last.pinned => {
                last.pinned = true;
                let quietly = PinChatMessage {
                    disable_notification: Some(true),
                    ..PinChatMessage::new(recipient(chat), MessageId(id))
                };
                self.api.call::<_, bool>(&quietly, Patience::LIGHT).await
            }
            // What was denied or ran out was never pinned.
            Stage::Ended { outcome, .. } if !matches!(outcome, Outcome::Denied | Outcome::Expired) => {
                last.pinned = false;
                let this =
                    UnpinChatMessage { message_id: Some(MessageId(id)), ..UnpinChatMessage::new(recipient(chat)) };
                self.api.call::<_, bool>(&this, Patience::LIGHT).await
            }
            _ => return,
        };
        if let Err(ApiError::Later { reason, .. } | ApiError::Refused(reason)) = outcome {
            tracing::debug!(reason, "a message could not be pinned or unpinned");
        }
    }
}

#[async_trait]
impl Channel for Telegram {
    fn name(&self) -> ChannelName {
        NAME
    }

    async fn check(&self) -> Result<String, ChannelError> {
        #[derive(Deserialize)]
        struct Me {
            username: Option<String>,
        }
        #[derive(Deserialize)]
        struct Webhook {
            #[serde(default)]
            url: String,
            last_error_message: Option<String>,
        }
        let me: Me = self.api.call(&GetMe::new(), Patience::LIGHT).await.map_err(refused)?;
        let webhook: Webhook = self.api.call(&GetWebhookInfo::new(), Patience::LIGHT).await.map_err(refused)?;
        let refuse = |reason: &str| Err(ChannelError::Refused { channel: NAME, reason: reason.to_owned() });
        match (self.intake, webhook.url.is_empty()) {
            (Intake::Webhook, true) => {
                return refuse(
                    "it knows no address to call; run bouncer telegram set-webhook --url https://…/telegram/webhook",
                );
            }
            (Intake::Polling, false) => {
                return refuse(
                    "it calls another address, so it answers no polling; run bouncer telegram delete-webhook",
                );
            }
            _ => {}
        }
        let name = me.username.unwrap_or_default();
        let intake = match self.intake {
            Intake::Webhook => "called by Telegram",
            Intake::Polling => "asking Telegram",
        };
        let chats = self.chats.len();
        let trouble = webhook.last_error_message.map(|said| format!("; Telegram's last call failed: {said}"));
        Ok(format!("@{name}, {intake}, chats asked: {chats}{}", trouble.unwrap_or_default()))
    }

    async fn deliver(&self, prompt: &Prompt) -> Result<Vec<Delivery>, ChannelError> {
        let message = self.renderer.prompt(prompt);
        let message = &message;
        let sent = self.chats.iter().map(|chat| async move {
            let id = self.send(*chat, message.clone(), None).await?;
            Ok(Delivery { channel: NAME, message: format!("{chat}/{id}") })
        });
        let (mut deliveries, mut failure) = (vec![], None);
        for outcome in join_all(sent).await {
            match outcome {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => {
                    tracing::warn!(request_id = %prompt.request_id, phase = "ask", %error, "a chat could not be asked");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if deliveries.is_empty() => Err(error),
            _ => Ok(deliveries),
        }
    }

    async fn update(&self, delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError> {
        let place = place(delivery)?;
        let message = self.renderer.prompt(prompt);
        let (slot, age) = (self.edits.of(&delivery.message), Age::of(&prompt.stage));
        let mut last = slot.lock().await;
        if !last.wants(age, &message.text, Instant::now()) {
            return Ok(());
        }
        let patience = if last.is_progress(age) { Patience::LIGHT } else { Patience::FIRM };
        let text = message.text.clone();
        if let Err(error) = self.edit(place, message, patience).await {
            let after = match &error {
                ApiError::Later { after, .. } => *after,
                ApiError::Refused(_) => None,
            };
            last.failed(after, Instant::now());
            return Err(refused(error));
        }
        last.says(age, text, Instant::now());
        self.mark(place, &mut last, &prompt.stage).await;
        Ok(())
    }

    async fn remind(&self, delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError> {
        let (chat, id) = place(delivery)?;
        self.send(chat, self.renderer.reminder(prompt), Some(id)).await.map(drop)
    }
}

/// "CHAT/MESSAGE".
fn place(delivery: &Delivery) -> Result<(i64, i32), ChannelError> {
    let numbers = delivery.message.split_once('/');
    let place = numbers.and_then(|(chat, message)| Some((chat.parse().ok()?, message.parse().ok()?)));
    place.ok_or_else(|| ChannelError::Refused {
        channel: NAME,
        reason: format!("'{}' names no message", delivery.message),
    })
}

fn recipient(chat: i64) -> Recipient {
    Recipient::Id(ChatId(chat))
}

/// The kinds of updates that are taken in.
fn taken_in() -> Vec<AllowedUpdate> {
    vec![AllowedUpdate::Message, AllowedUpdate::CallbackQuery]
}

/// Nothing behind a link is fetched and shown.
fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn refused(error: ApiError) -> ChannelError {
    match error {
        ApiError::Later { reason, .. } => ChannelError::Unavailable { channel: NAME, reason },
        ApiError::Refused(reason) => ChannelError::Refused { channel: NAME, reason },
    }
}
