//! Telegram as it is configured, on either profile.

use crate::aws;
use crate::aws::error::AwsError;
use crate::channels::telegram::{Intake, PUBLIC_API, Settings, Telegram};
use crate::config;
use crate::config::{BotConfig, BotCredentials, BotToken, WebhookSecret};
use serde::Deserialize;

/// Why a configured bot cannot be used. No message contains the token.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum TelegramSetupError {
    #[error("cannot read the secret of BOUNCER_TELEGRAM_SECRET_ARN")]
    Unreadable(#[from] AwsError),
    #[error("the secret of BOUNCER_TELEGRAM_SECRET_ARN must be JSON with the members token and webhook_secret")]
    NotJson,
    #[error(
        "the token in the secret of BOUNCER_TELEGRAM_SECRET_ARN does not look like a bot's token, such as 123456:ABC-…; @BotFather shows it"
    )]
    BadToken,
    #[error(
        "webhook_secret in the secret of BOUNCER_TELEGRAM_SECRET_ARN must be 16 to 256 characters of A-Z, a-z, 0-9, '_' and '-'"
    )]
    BadWebhookSecret,
    #[error(
        "Telegram's calls need a secret: set BOUNCER_TELEGRAM_WEBHOOK_SECRET, or webhook_secret in the secret of BOUNCER_TELEGRAM_SECRET_ARN, or on a host BOUNCER_TELEGRAM_MODE=polling"
    )]
    NoWebhookSecret,
    #[error("cannot create the HTTP client for Telegram: {0}")]
    Http(String),
}

/// What the secret in AWS Secrets Manager holds.
#[derive(Deserialize)]
struct StoredSecret {
    token: String,
    webhook_secret: Option<String>,
}

/// Opens a bot. Returns the secret that Telegram presents with its calls, too.
///
/// # Errors
/// Fails when the token is in a secret that cannot be read or used, and when the HTTP client cannot be created.
pub(super) async fn bot(
    config: &BotConfig,
    chats: Vec<i64>,
    intake: Intake,
) -> Result<(Telegram, Option<WebhookSecret>), TelegramSetupError> {
    let (token, stored) = match &config.credentials {
        BotCredentials::Token(token) => (token.clone(), None),
        BotCredentials::Secret(arn) => read_secret(arn).await?,
    };
    let settings = Settings {
        api_url: config.api_url.clone().unwrap_or_else(|| PUBLIC_API.to_owned()),
        token: token.expose().to_owned(),
        chats,
        language: config.language,
        intake,
    };
    let telegram = Telegram::new(settings).map_err(TelegramSetupError::Http)?;
    Ok((telegram, config.webhook_secret.clone().or(stored)))
}

/// Translates the mode of the settings.
pub(super) fn intake(intake: config::Intake) -> Intake {
    match intake {
        config::Intake::Webhook => Intake::Webhook,
        config::Intake::Polling => Intake::Polling,
    }
}

async fn read_secret(arn: &str) -> Result<(BotToken, Option<WebhookSecret>), TelegramSetupError> {
    let text = aws::secrets_from_environment().await.get_secret(arn).await?;
    parse_secret(&text)
}

fn parse_secret(text: &str) -> Result<(BotToken, Option<WebhookSecret>), TelegramSetupError> {
    // The parser's error could quote the secret, so it is dropped.
    let stored: StoredSecret = serde_json::from_str(text).map_err(|_| TelegramSetupError::NotJson)?;
    let token = BotToken::parse(&stored.token).ok_or(TelegramSetupError::BadToken)?;
    let secret = stored.webhook_secret.map(|secret| WebhookSecret::parse(&secret));
    let secret = secret.map(|secret| secret.ok_or(TelegramSetupError::BadWebhookSecret)).transpose()?;
    Ok((token, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_secrets_are_checked_without_quoting_them() {
        let (token, secret) = parse_secret(r#"{"token": "1:a", "webhook_secret": "0123456789abcdef"}"#).unwrap();
        assert_eq!((token.expose(), secret.unwrap().expose()), ("1:a", "0123456789abcdef"));
        assert!(parse_secret(r#"{"token": "1:a"}"#).unwrap().1.is_none());
        for (bad, part) in [
            ("1:hidden", "JSON"),
            (r#"{"webhook_secret": "hidden"}"#, "JSON"),
            (r#"{"token": "hidden"}"#, "token"),
            (r#"{"token": "1:hidden", "webhook_secret": "hidden"}"#, "webhook_secret"),
        ] {
            let error = parse_secret(bad).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hidden"), "{error}");
        }
    }
}
