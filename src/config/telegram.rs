//! Approvals on Telegram: the bot, who decides, and which chats are asked.

use super::error::Problem;
use super::parse::{arn, items, web_address};
use super::reader::Reader;
use super::variables::{
    LANG, TELEGRAM_API_URL, TELEGRAM_APPROVERS, TELEGRAM_CHATS, TELEGRAM_MODE, TELEGRAM_SECRET_ARN, TELEGRAM_TOKEN,
    TELEGRAM_WEBHOOK_SECRET,
};
use crate::domain::ids::KeyId;
use crate::domain::language::Language;
use std::collections::BTreeMap;
use std::fmt;

/// Where the server runs, which decides how Telegram's updates come in unless the environment says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// One machine, perhaps without a public address.
    Machine,
    /// A host of an installation on AWS.
    Server,
    /// The Lambda function.
    Function,
}

/// How presses and commands come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Telegram calls.
    Webhook,
    /// The server polls.
    Polling,
}

/// Approvals on Telegram.
#[derive(Debug, Clone)]
pub struct TelegramConfig {
    /// The bot.
    pub bot: BotConfig,
    /// Who decides.
    pub approvers: Approvers,
    /// The chats that are asked; at least one.
    pub chats: Vec<i64>,
    /// How presses and commands come in.
    pub intake: Intake,
}

/// A bot and how to reach it.
#[derive(Debug, Clone)]
pub struct BotConfig {
    /// Where its token comes from.
    pub credentials: BotCredentials,
    /// What Telegram presents with every call; wins over the one in AWS Secrets Manager.
    pub webhook_secret: Option<WebhookSecret>,
    /// Another Bot API server than Telegram's.
    pub api_url: Option<String>,
    /// The language of its messages.
    pub language: Language,
}

/// Where a bot's token comes from.
#[derive(Debug, Clone)]
pub enum BotCredentials {
    /// The environment itself.
    Token(BotToken),
    /// A secret in AWS Secrets Manager, by its ARN.
    Secret(String),
}

/// A bot's token.
#[derive(Clone, PartialEq, Eq)]
pub struct BotToken(String);

impl BotToken {
    /// Parses a token; `None` for text that cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
        (text.contains(':') && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }

    /// Returns the secret text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BotToken(…)")
    }
}

/// What Telegram presents with every call.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// Parses a secret; `None` unless it is 16 to 256 of the characters that Telegram allows.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        ((16..=256).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// Returns the secret text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// Who decides on Telegram: user numbers, each with the key of the same person where they have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvers(BTreeMap<i64, Option<KeyId>>);

impl Approvers {
    /// Returns the key of an approver; `None` for everybody else.
    pub fn find(&self, user: i64) -> Option<Option<&KeyId>> {
        self.0.get(&user).map(Option::as_ref)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let approvers: BTreeMap<_, _> = items(text).map(approver).collect::<Result<_, _>>()?;
        if approvers.is_empty() { Err("names no approver".to_owned()) } else { Ok(Self(approvers)) }
    }
}

fn approver(item: &str) -> Result<(i64, Option<KeyId>), String> {
    let (user, key) = item.split_once('=').map_or((item, None), |(user, key)| (user, Some(key)));
    // The number of a group is negative, and anyone in it could press.
    let user = user.trim().parse().ok().filter(|user: &i64| *user > 0);
    let user = user.ok_or_else(|| format!("contains '{item}', not the number of a user"))?;
    let key = key.map(|key| KeyId::parse(key.trim())).transpose();
    let key = key.map_err(|error| format!("does not name the key of user {user} properly ({error})"))?;
    Ok((user, key))
}

impl TelegramConfig {
    /// Reads the area; `None` when Telegram is not set up.
    pub(super) fn read(reader: &mut Reader<'_>, host: Host) -> Option<Self> {
        let bot = bot(reader);
        let approvers = reader.read(&TELEGRAM_APPROVERS, Approvers::parse);
        let chats = reader.read(&TELEGRAM_CHATS, chats);
        let named = reader.read(&TELEGRAM_MODE, intake);
        if !reader.is_set(&TELEGRAM_TOKEN) && !reader.is_set(&TELEGRAM_SECRET_ARN) {
            refuse_without_bot(reader);
            return None;
        }
        reader.require(&TELEGRAM_APPROVERS, "Telegram has no approvers without it");
        let intake = named.unwrap_or(if host == Host::Machine { Intake::Polling } else { Intake::Webhook });
        if host == Host::Function && intake == Intake::Polling {
            let why = "a Lambda function cannot poll; leave it unset";
            reader.report(Problem::Conflict(format!("{} is 'polling', but {why}", TELEGRAM_MODE.name)));
        }
        let (bot, approvers) = (bot?, approvers?);
        let has_secret = bot.webhook_secret.is_some() || matches!(bot.credentials, BotCredentials::Secret(_));
        if intake == Intake::Webhook && !has_secret {
            reader.require(&TELEGRAM_WEBHOOK_SECRET, "Telegram's calls need a secret when the mode is 'webhook'");
        }
        let chats = chats.unwrap_or_else(|| approvers.0.keys().copied().collect());
        Some(Self { bot, approvers, chats, intake })
    }
}

/// Refuses settings of Telegram that no bot could use.
fn refuse_without_bot(reader: &mut Reader<'_>) {
    let idle = [&TELEGRAM_APPROVERS, &TELEGRAM_CHATS, &TELEGRAM_MODE, &TELEGRAM_WEBHOOK_SECRET];
    if let Some(set) = idle.into_iter().find(|variable| reader.is_set(variable)) {
        let (token, secret) = (TELEGRAM_TOKEN.name, TELEGRAM_SECRET_ARN.name);
        let text = format!("{} is set, but Telegram has no token; set {token} or {secret}", set.name);
        reader.report(Problem::Conflict(text));
    }
}

/// Reads the bot alone; `None` when there is none.
pub(super) fn bot(reader: &mut Reader<'_>) -> Option<BotConfig> {
    let token = reader.read(&TELEGRAM_TOKEN, |text| {
        BotToken::parse(text).ok_or_else(|| "does not look like a bot's token".to_owned())
    });
    let secret = reader.read(&TELEGRAM_SECRET_ARN, arn("secretsmanager", "secret:"));
    let webhook_secret = reader.read(&TELEGRAM_WEBHOOK_SECRET, |text| {
        WebhookSecret::parse(text).ok_or_else(|| "Telegram does not accept".to_owned())
    });
    let api_url = reader.read(&TELEGRAM_API_URL, web_address);
    let language =
        reader.read(&LANG, |text| Language::parse(text).ok_or_else(|| "is not one of the languages".to_owned()));
    let credentials = token.map(BotCredentials::Token).or(secret.map(BotCredentials::Secret))?;
    Some(BotConfig { credentials, webhook_secret, api_url, language: language.unwrap_or_default() })
}

/// The problem of a bot that is not set.
pub(super) fn no_bot() -> Problem {
    let (token, secret) = (TELEGRAM_TOKEN.name, TELEGRAM_SECRET_ARN.name);
    Problem::Conflict(format!("no bot is set up; set {token} or {secret}"))
}

fn chats(text: &str) -> Result<Vec<i64>, String> {
    let mut chats = Vec::new();
    for item in items(text) {
        let chat = item.parse().map_err(|_| format!("contains '{item}', not the number of a chat"))?;
        if !chats.contains(&chat) {
            chats.push(chat);
        }
    }
    if chats.is_empty() { Err("names no chat to ask in".to_owned()) } else { Ok(chats) }
}

fn intake(text: &str) -> Result<Intake, String> {
    match text {
        "webhook" => Ok(Intake::Webhook),
        "polling" => Ok(Intake::Polling),
        _ => Err("is not a mode".to_owned()),
    }
}
