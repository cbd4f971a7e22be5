//! Telegram as the environment sets it up, on either profile. What cannot work is refused at the start.

use crate::aws;
use crate::channels::telegram::{Intake, Language, PUBLIC_API, Settings, Telegram};
use crate::domain::ids::{InvalidId, KeyId};
use crate::server::variable;
use serde::Deserialize;
use std::collections::BTreeMap;

const TOKEN: &str = "BOUNCER_TELEGRAM_TOKEN";
const SECRET: &str = "BOUNCER_TELEGRAM_WEBHOOK_SECRET";
const SECRET_ARN: &str = "BOUNCER_TELEGRAM_SECRET_ARN";
const APPROVERS: &str = "BOUNCER_TELEGRAM_APPROVERS";
const CHATS: &str = "BOUNCER_TELEGRAM_CHATS";
const MODE: &str = "BOUNCER_TELEGRAM_MODE";
const API_URL: &str = "BOUNCER_TELEGRAM_API_URL";
const LANGUAGE: &str = "BOUNCER_LANG";

/// Why the settings of Telegram cannot be used. None of the messages holds the token.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum TelegramSetupError {
    #[error("{0} is set, but Telegram has no token: set {TOKEN}, or {SECRET_ARN}")]
    NoToken(&'static str),
    #[error("{TOKEN} does not look like a bot's token, such as 123456:ABC-…; @BotFather shows it")]
    BadToken,
    #[error("Telegram has no approvers: set {APPROVERS} to their numeric user ids, separated by commas")]
    NoApprovers,
    #[error("{APPROVERS} names '{0}', which is not a user's number such as 123456 or 123456=key-0123456789ab")]
    BadApprover(String),
    #[error("{APPROVERS} names the key of user {user} wrongly: {source}")]
    BadKey { user: i64, source: InvalidId },
    #[error("Telegram has no chat to ask in: name one in {CHATS}, or leave it unset to ask each approver in private")]
    NoChat,
    #[error("{CHATS} names '{0}', which is not a chat's number such as 123456 or -1001234567890")]
    BadChat(String),
    #[error("{MODE} is '{0}'; it is 'webhook' (Telegram calls) or 'polling' (Telegram is asked)")]
    BadMode(String),
    #[error("a Lambda function cannot poll Telegram; leave {MODE} unset")]
    NoPolling,
    #[error(
        "Telegram's calls need a secret: set {SECRET}, or webhook_secret in the secret of {SECRET_ARN}, to 16 to 256 characters of A-Z, a-z, 0-9, '_' and '-', or set {MODE}=polling"
    )]
    NoSecret,
    #[error("the webhook's secret has to be 16 to 256 characters of A-Z, a-z, 0-9, '_' and '-'")]
    BadSecret,
    #[error("{LANGUAGE} is '{0}'; the languages are en and zh-TW")]
    BadLanguage(String),
    #[error("{SECRET_ARN} cannot be used: {0}")]
    Secret(String),
    #[error("the HTTP client for Telegram cannot be made: {0}")]
    Http(String),
}

/// Where the server runs, which decides how Telegram's updates come in unless the settings say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Host {
    /// One machine, perhaps without a public address.
    Machine,
    /// A host of an installation on AWS.
    Host,
    /// The Lambda function.
    Function,
}

/// Telegram, set up.
pub(super) struct Setup {
    pub telegram: Telegram,
    pub approvers: Approvers,
    pub intake: Intake,
    pub secret: Option<String>,
}

/// Who decides on Telegram: user numbers, each with the key of the same person where they have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Approvers(BTreeMap<i64, Option<KeyId>>);

impl Approvers {
    /// The key of an approver; `None` for everybody else.
    pub fn find(&self, user: i64) -> Option<Option<&KeyId>> {
        self.0.get(&user).map(Option::as_ref)
    }

    fn parse(text: &str) -> Result<Self, TelegramSetupError> {
        let approvers = parts(text).map(|part| {
            let (user, key) = part.split_once('=').map_or((part, None), |(user, key)| (user, Some(key)));
            let user: i64 = user.trim().parse().map_err(|_| TelegramSetupError::BadApprover(part.to_owned()))?;
            // A group's number is negative, and everybody in it is somebody else.
            if user <= 0 {
                return Err(TelegramSetupError::BadApprover(part.to_owned()));
            }
            let key = key.map(|key| KeyId::parse(key.trim())).transpose();
            Ok((user, key.map_err(|source| TelegramSetupError::BadKey { user, source })?))
        });
        let approvers: BTreeMap<_, _> = approvers.collect::<Result<_, _>>()?;
        if approvers.is_empty() { Err(TelegramSetupError::NoApprovers) } else { Ok(Self(approvers)) }
    }
}

/// What the secret of an installation on AWS holds.
#[derive(Default, Deserialize)]
struct Secret {
    token: String,
    webhook_secret: Option<String>,
}

/// The bot alone, for registering its webhook.
pub(super) async fn bot(
    chats: Vec<i64>,
    intake: Intake,
) -> Result<Option<(Telegram, Option<String>)>, TelegramSetupError> {
    let Some(secret) = secret().await? else { return Ok(None) };
    let language = match variable(LANGUAGE) {
        Some(name) => Language::parse(&name).ok_or(TelegramSetupError::BadLanguage(name))?,
        None => Language::default(),
    };
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    if !secret.token.contains(':') || !secret.token.chars().all(is_token) {
        return Err(TelegramSetupError::BadToken);
    }
    let settings = Settings {
        api_url: variable(API_URL).unwrap_or_else(|| PUBLIC_API.to_owned()),
        token: secret.token,
        chats,
        language,
        intake,
    };
    let webhook_secret = variable(SECRET).or(secret.webhook_secret);
    if webhook_secret.as_deref().is_some_and(|secret| !is_webhook_secret(secret)) {
        return Err(TelegramSetupError::BadSecret);
    }
    Ok(Some((Telegram::new(settings).map_err(TelegramSetupError::Http)?, webhook_secret)))
}

/// Reads the environment; `None` when Telegram is not set up.
pub(super) async fn from_environment(place: Host) -> Result<Option<Setup>, TelegramSetupError> {
    if variable(TOKEN).is_none() && variable(SECRET_ARN).is_none() {
        return match [APPROVERS, CHATS, MODE, SECRET].into_iter().find(|name| variable(name).is_some()) {
            Some(set) => Err(TelegramSetupError::NoToken(set)),
            None => Ok(None),
        };
    }
    let approvers = Approvers::parse(&variable(APPROVERS).unwrap_or_default())?;
    let chats = match variable(CHATS) {
        Some(text) => chats(&text)?,
        None => approvers.0.keys().copied().collect(),
    };
    let intake = match variable(MODE).as_deref().map(str::trim) {
        Some("webhook") => Intake::Webhook,
        Some("polling") if place == Host::Function => return Err(TelegramSetupError::NoPolling),
        Some("polling") => Intake::Polling,
        Some(other) => return Err(TelegramSetupError::BadMode(other.to_owned())),
        None if place == Host::Machine => Intake::Polling,
        None => Intake::Webhook,
    };
    let Some((telegram, secret)) = bot(chats, intake).await? else { return Ok(None) };
    if intake == Intake::Webhook && secret.is_none() {
        return Err(TelegramSetupError::NoSecret);
    }
    Ok(Some(Setup { telegram, approvers, intake, secret }))
}

async fn secret() -> Result<Option<Secret>, TelegramSetupError> {
    if let Some(token) = variable(TOKEN) {
        return Ok(Some(Secret { token: token.trim().to_owned(), webhook_secret: None }));
    }
    let Some(arn) = variable(SECRET_ARN) else { return Ok(None) };
    let text = aws::secrets_from_environment().await.get_secret(&arn).await;
    let text = text.map_err(|error| TelegramSetupError::Secret(error.to_string()))?;
    // What cannot be read is not shown: it is a secret.
    let wrong = |_| TelegramSetupError::Secret("it has to be JSON with the members token and webhook_secret".into());
    serde_json::from_str(&text).map(Some).map_err(wrong)
}

fn is_webhook_secret(secret: &str) -> bool {
    (16..=256).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

fn chats(text: &str) -> Result<Vec<i64>, TelegramSetupError> {
    let mut chats = Vec::new();
    for part in parts(text) {
        let chat = part.parse().map_err(|_| TelegramSetupError::BadChat(part.to_owned()))?;
        if !chats.contains(&chat) {
            chats.push(chat);
        }
    }
    if chats.is_empty() { Err(TelegramSetupError::NoChat) } else { Ok(chats) }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvers_are_numbers_with_keys() {
        let approvers = Approvers::parse("7, 8=key-0123456789ab").unwrap();
        assert_eq!(approvers.find(7), Some(None));
        assert_eq!(approvers.find(8).flatten().map(KeyId::as_str), Some("key-0123456789ab"));
        assert_eq!(approvers.find(9), None);
        for bad in ["", ",", "@anna", "-7", "7=", "7=anna", "0"] {
            assert!(Approvers::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn chats_are_numbers() {
        assert_eq!(chats("7,-100123, 7").unwrap(), [7, -100_123]);
        assert!(chats(" , ").is_err() && chats("@channel").is_err());
        assert!(
            is_webhook_secret("0123456789abcDEF") && !is_webhook_secret("short") && !is_webhook_secret(&"é".repeat(20))
        );
    }
}
