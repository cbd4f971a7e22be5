//! A stand-in for Telegram's Bot API: one bot, the chats a test names, and the messages in them. It refuses what the real
//! one refuses, in its words, and misbehaves on request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::http::listen;
use super::wait::{DEADLINE, wait_until};

/// The token of the bot.
pub const BOT_TOKEN: &str = "123456:stand-in_0123456789abcdef";

/// A running stand-in. It ends with the test's runtime.
#[derive(Clone)]
pub struct Telegram {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    bot: Mutex<Bot>,
    news: Notify,
}

#[derive(Default)]
struct Bot {
    chats: Vec<i64>,
    messages: Vec<ChatMessage>,
    updates: Vec<Value>,
    last_update: i64,
    /// Presses that wait for their answer, and those that have it.
    queries: BTreeMap<String, Option<String>>,
    webhook: String,
    calls: Vec<(Instant, String, Value)>,
    faults: Vec<(usize, &'static str, Mishap)>,
    refusals: Vec<String>,
}

/// What happens to a call instead of being answered.
#[derive(Clone, Copy, Debug)]
pub enum Mishap {
    /// This status with this description.
    Answer(u16, &'static str),
    /// "Too Many Requests", for so many seconds.
    Flood(u64),
    /// It is done, and the connection breaks off in the middle of the answer.
    Cut,
    /// No answer, ever.
    Silence,
}

/// A message of the bot, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatMessage {
    pub chat: i64,
    pub id: i64,
    pub text: String,
    pub entities: Value,
    pub buttons: Value,
    pub pinned: bool,
    pub reply_to: Option<i64>,
}

impl ChatMessage {
    /// The data of its buttons, in order.
    pub fn data(&self) -> Vec<String> {
        let rows = self.buttons.as_array().into_iter().flatten();
        let buttons = rows.flat_map(|row| row.as_array().into_iter().flatten());
        buttons.map(|button| button["callback_data"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Telegram {
    /// Starts one whose bot may write to these chats.
    pub async fn start(chats: &[i64]) -> Self {
        let bot = Bot { chats: chats.to_vec(), last_update: 1000, ..Bot::default() };
        let shared = Arc::new(Shared { bot: Mutex::new(bot), news: Notify::new() });
        let router = Router::new().route("/bot{token}/{method}", post(call)).with_state(shared.clone());
        let url = listen(router).await;
        Self { url, shared }
    }

    /// The API's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn bot(&self) -> MutexGuard<'_, Bot> {
        self.shared.bot()
    }

    /// From now on this happens to so many calls of a method; "" is every one.
    pub fn next(&self, times: usize, method: &'static str, mishap: Mishap) {
        self.bot().faults.push((times, method, mishap));
    }

    /// No more mishaps.
    pub fn heal(&self) {
        self.bot().faults.clear();
    }

    /// The messages of the bot, in the order they were sent.
    pub fn messages(&self) -> Vec<ChatMessage> {
        self.bot().messages.clone()
    }

    /// The message in a chat that a probe accepts, once there is one.
    pub async fn message(&self, chat: i64, what: &str, accept: impl Fn(&ChatMessage) -> bool) -> ChatMessage {
        wait_until(what, DEADLINE, async || {
            self.messages().into_iter().find(|message| message.chat == chat && accept(message))
        })
        .await
    }

    /// The calls of a method: when, and with what.
    pub fn calls(&self, method: &str) -> Vec<(Instant, Value)> {
        let bot = self.bot();
        let calls = bot.calls.iter().filter(|(_, name, _)| name.eq_ignore_ascii_case(method));
        calls.map(|(at, _, body)| (*at, body.clone())).collect()
    }

    /// What was refused because the real API would refuse it; empty after a good test.
    pub fn refusals(&self) -> Vec<String> {
        self.bot().refusals.clone()
    }

    /// An update: a user presses a button. For a webhook, or for [`Telegram::push`].
    pub fn press(&self, user: i64, message: &ChatMessage, data: &str) -> Value {
        let mut bot = self.bot();
        bot.last_update += 1;
        let query = format!("query-{}", bot.last_update);
        bot.queries.insert(query.clone(), None);
        json!({
            "update_id": bot.last_update,
            "callback_query": {
                "id": query,
                "from": { "id": user, "is_bot": false, "first_name": "Bea", "language_code": "en" },
                "message": {
                    "message_id": message.id, "date": 1_767_322_800, "text": message.text,
                    "chat": { "id": message.chat, "type": "private", "first_name": "Bea" },
                },
                "chat_instance": "1",
                "data": data,
            },
        })
    }

    /// An update: a user writes.
    pub fn writes(&self, user: i64, chat: i64, text: &str) -> Value {
        let mut bot = self.bot();
        bot.last_update += 1;
        json!({
            "update_id": bot.last_update,
            "message": {
                "message_id": 100_000 + bot.last_update, "date": 1_767_322_800, "text": text,
                "from": { "id": user, "is_bot": false, "first_name": "Bea" },
                "chat": { "id": chat, "type": if chat > 0 { "private" } else { "supergroup" } },
            },
        })
    }

    /// Gives an update to whoever polls.
    pub fn push(&self, update: Value) {
        self.bot().updates.push(update);
        self.shared.news.notify_waiters();
    }

    /// What a press was answered with, once it was.
    pub async fn answer_to(&self, press: &Value) -> String {
        let query = press["callback_query"]["id"].as_str().expect("a press").to_owned();
        wait_until("the press to be answered", DEADLINE, async || self.bot().queries[&query].clone()).await
    }

    /// The webhook that is set; "" for none.
    pub fn webhook(&self) -> String {
        self.bot().webhook.clone()
    }
}

impl Shared {
    fn bot(&self) -> MutexGuard<'_, Bot> {
        self.bot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer = Result<Value, (u16, String)>;

fn bad(description: impl Into<String>) -> (u16, String) {
    (400, format!("Bad Request: {}", description.into()))
}

async fn call(
    State(shared): State<Arc<Shared>>,
    Path((token, method)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let method = method.to_lowercase();
    let parameters = serde_json::from_slice::<Value>(&body);
    let mishap = {
        let mut bot = shared.bot();
        bot.calls.push((Instant::now(), method.clone(), parameters.as_ref().cloned().unwrap_or_default()));
        let meets = |(left, name, _): &&mut (usize, &'static str, Mishap)| {
            *left > 0 && (name.is_empty() || name.eq_ignore_ascii_case(&method))
        };
        bot.faults.iter_mut().find(meets).map(|(left, _, mishap)| {
            *left -= 1;
            *mishap
        })
    };
    match mishap {
        Some(Mishap::Answer(status, description)) => return refusal(status, description, Value::Null),
        Some(Mishap::Flood(seconds)) => {
            let description = format!("Too Many Requests: retry after {seconds}");
            return refusal(429, &description, json!({ "retry_after": seconds }));
        }
        Some(Mishap::Silence) => return std::future::pending().await,
        Some(Mishap::Cut) | None => {}
    }
    let outcome = match parameters {
        _ if token != BOT_TOKEN => Err((401, "Unauthorized".to_owned())),
        Ok(Value::Object(parameters)) if method == "getupdates" => updates(&shared, &parameters).await,
        Ok(Value::Object(parameters)) => shared.bot().answer(&method, &parameters),
        _ => Err(bad("the body is no JSON object")),
    };
    if matches!(mishap, Some(Mishap::Cut)) {
        let pieces = [Ok(Bytes::from_static(b"{\"ok\":tr")), Err(std::io::Error::other("cut"))];
        return Body::from_stream(futures::stream::iter(pieces)).into_response();
    }
    match outcome {
        Ok(result) => Json(json!({ "ok": true, "result": result })).into_response(),
        Err((status, description)) => {
            if !description.contains("message is not modified") && !description.contains("to unpin not found") {
                shared.bot().refusals.push(format!("{method}: {description}"));
            }
            refusal(status, &description, Value::Null)
        }
    }
}

fn refusal(status: u16, description: &str, parameters: Value) -> Response {
    let mut answer = json!({ "ok": false, "error_code": status, "description": description });
    if !parameters.is_null() {
        answer["parameters"] = parameters;
    }
    (StatusCode::from_u16(status).expect("a status"), Json(answer)).into_response()
}

/// Long polling: updates below the offset are forgotten, those from it on are given, or waited for.
async fn updates(shared: &Shared, parameters: &Map<String, Value>) -> Answer {
    known(parameters, &["offset", "limit", "timeout", "allowed_updates"])?;
    let offset = parameters.get("offset").and_then(Value::as_i64).unwrap_or(0);
    let limit = parameters.get("limit").and_then(Value::as_u64).unwrap_or(100);
    let end = Instant::now() + Duration::from_secs(parameters.get("timeout").and_then(Value::as_u64).unwrap_or(0));
    loop {
        let news = shared.news.notified();
        {
            let mut bot = shared.bot();
            if !bot.webhook.is_empty() {
                return Err((409, "Conflict: can't use getUpdates method while webhook is active".into()));
            }
            bot.updates.retain(|update| update["update_id"].as_i64() >= Some(offset));
            let waiting: Vec<Value> = bot.updates.iter().take(usize::try_from(limit).unwrap()).cloned().collect();
            if !waiting.is_empty() || Instant::now() >= end {
                return Ok(json!(waiting));
            }
        }
        let pause = Duration::from_millis(500).min(end.saturating_duration_since(Instant::now()));
        let _ = tokio::time::timeout(pause, news).await;
    }
}

impl Bot {
    fn answer(&mut self, method: &str, parameters: &Map<String, Value>) -> Answer {
        match method {
            "getme" => Ok(json!({ "id": 123_456, "is_bot": true, "first_name": "B", "username": "bouncer_bot" })),
            "getwebhookinfo" => Ok(json!({
                "url": self.webhook, "has_custom_certificate": false, "pending_update_count": 0,
            })),
            "setwebhook" => self.set_webhook(parameters),
            "deletewebhook" => {
                self.webhook.clear();
                Ok(json!(true))
            }
            "sendmessage" => self.send(parameters),
            "editmessagetext" => self.edit(parameters),
            "pinchatmessage" => {
                known(parameters, &["chat_id", "message_id", "disable_notification"])?;
                self.find(parameters, "pin")?.pinned = true;
                Ok(json!(true))
            }
            "unpinchatmessage" => {
                known(parameters, &["chat_id", "message_id"])?;
                let message = self.find(parameters, "unpin")?;
                match std::mem::take(&mut message.pinned) {
                    true => Ok(json!(true)),
                    false => Err(bad("message to unpin not found")),
                }
            }
            "answercallbackquery" => self.answer_press(parameters),
            _ => Err((404, "Not Found: method not found".into())),
        }
    }

    fn set_webhook(&mut self, parameters: &Map<String, Value>) -> Answer {
        known(parameters, &["url", "secret_token", "allowed_updates"])?;
        let secret = text(parameters, "secret_token")?;
        let is_secret = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if secret.is_empty() || secret.len() > 256 || !secret.chars().all(is_secret) {
            return Err(bad("secret token contains unallowed characters"));
        }
        let url = text(parameters, "url")?;
        if !url.starts_with("https://") {
            return Err(bad("bad webhook: An HTTPS URL must be provided for webhook"));
        }
        self.webhook = url.to_owned();
        Ok(json!(true))
    }

    fn send(&mut self, parameters: &Map<String, Value>) -> Answer {
        let known_names = ["chat_id", "text", "entities", "link_preview_options", "reply_parameters", "reply_markup"];
        known(parameters, &known_names)?;
        let chat = number(parameters, "chat_id")?;
        if !self.chats.contains(&chat) {
            return Err(bad("chat not found"));
        }
        let (text, entities, buttons) = content(parameters)?;
        let id = self.messages.len() as i64 + 1;
        let reply_to = parameters.get("reply_parameters").and_then(|reply| reply["message_id"].as_i64());
        self.messages.push(ChatMessage { chat, id, text, entities, buttons, pinned: false, reply_to });
        Ok(json!({ "message_id": id, "date": 1_767_322_800, "chat": { "id": chat, "type": "private" } }))
    }

    fn edit(&mut self, parameters: &Map<String, Value>) -> Answer {
        known(parameters, &["chat_id", "message_id", "text", "entities", "link_preview_options", "reply_markup"])?;
        let (text, entities, buttons) = content(parameters)?;
        let message = self.find(parameters, "edit")?;
        if (&message.text, &message.entities, &message.buttons) == (&text, &entities, &buttons) {
            return Err(bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        (message.text, message.entities, message.buttons) = (text, entities, buttons);
        Ok(
            json!({ "message_id": message.id, "date": 1_767_322_800, "chat": { "id": message.chat, "type": "private" } }),
        )
    }

    fn find(&mut self, parameters: &Map<String, Value>, what: &str) -> Result<&mut ChatMessage, (u16, String)> {
        let (chat, id) = (number(parameters, "chat_id")?, number(parameters, "message_id")?);
        let message = self.messages.iter_mut().find(|message| message.chat == chat && message.id == id);
        message.ok_or_else(|| bad(format!("message to {what} not found")))
    }

    fn answer_press(&mut self, parameters: &Map<String, Value>) -> Answer {
        known(parameters, &["callback_query_id", "text", "show_alert"])?;
        let words = text(parameters, "text")?.to_owned();
        if words.encode_utf16().count() > 200 {
            return Err(bad("MESSAGE_TOO_LONG"));
        }
        match self.queries.get_mut(text(parameters, "callback_query_id")?) {
            Some(answer) => {
                *answer = Some(words);
                Ok(json!(true))
            }
            None => Err(bad("query is too old and response timeout expired or query ID is invalid")),
        }
    }
}

fn known(parameters: &Map<String, Value>, names: &[&str]) -> Result<(), (u16, String)> {
    match parameters.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(bad(format!("the method has no parameter \"{name}\""))),
        None => Ok(()),
    }
}

fn number(parameters: &Map<String, Value>, name: &str) -> Result<i64, (u16, String)> {
    parameters.get(name).and_then(Value::as_i64).ok_or_else(|| bad(format!("{name} is no number")))
}

fn text<'a>(parameters: &'a Map<String, Value>, name: &str) -> Result<&'a str, (u16, String)> {
    parameters.get(name).and_then(Value::as_str).ok_or_else(|| bad(format!("{name} is no text")))
}

/// The text, entities and buttons of a message, when Telegram would take them.
fn content(parameters: &Map<String, Value>) -> Result<(String, Value, Value), (u16, String)> {
    let message = text(parameters, "text")?;
    let units: Vec<u16> = message.encode_utf16().collect();
    if message.trim().is_empty() {
        return Err(bad("message text is empty"));
    }
    if units.len() > 4096 {
        return Err(bad("message is too long"));
    }
    let entities = parameters.get("entities").cloned().unwrap_or_else(|| json!([]));
    for entity in entities.as_array().ok_or_else(|| bad("can't parse entities"))? {
        let fields = entity.as_object().ok_or_else(|| bad("expected an object as a MessageEntity"))?;
        known(fields, &["type", "offset", "length"])?;
        if !["bold", "italic", "code", "pre"].contains(&text(fields, "type")?) {
            return Err(bad(format!("{} is no kind of entity that is used here", fields["type"])));
        }
        let (offset, length) = (number(fields, "offset")?, number(fields, "length")?);
        let range = usize::try_from(offset).ok().zip(usize::try_from(offset + length).ok());
        let Some((start, end)) = range.filter(|(_, end)| length > 0 && *end <= units.len()) else {
            return Err(bad("ENTITY_BOUNDS_INVALID"));
        };
        let splits = |at: usize| units.get(at).is_some_and(|unit| (0xDC00..0xE000).contains(unit));
        if splits(start) || splits(end) {
            return Err(bad("an entity splits a surrogate pair"));
        }
    }
    if entities.as_array().is_some_and(|entities| entities.len() > 100) {
        return Err(bad("more than 100 entities, of which Telegram drops some"));
    }
    let markup = parameters.get("reply_markup").cloned().unwrap_or_else(|| json!({ "inline_keyboard": [] }));
    known(markup.as_object().ok_or_else(|| bad("object expected as reply markup"))?, &["inline_keyboard"])?;
    for row in markup["inline_keyboard"].as_array().ok_or_else(|| bad("field \"inline_keyboard\" must be an Array"))? {
        for button in row.as_array().ok_or_else(|| bad("a row must be an Array"))? {
            let fields = button.as_object().ok_or_else(|| bad("InlineKeyboardButton must be an Object"))?;
            known(fields, &["text", "callback_data"])?;
            if text(fields, "text")?.is_empty() || !(1..=64).contains(&text(fields, "callback_data")?.len()) {
                return Err(bad("BUTTON_DATA_INVALID"));
            }
        }
    }
    Ok((message.to_owned(), entities, markup["inline_keyboard"].clone()))
}
