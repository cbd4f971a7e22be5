//! `bouncer telegram …`: what is to be told to Telegram once.

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::Render;
use super::serve::sentence;
use crate::config;
use crate::server::telegram::register;
use serde::Serialize;
use std::fmt::{self, Write};

/// What can be told to Telegram.
#[derive(Debug, clap::Subcommand)]
pub enum TelegramCommand {
    /// Have Telegram call an address; the bot is that of BOUNCER_TELEGRAM_TOKEN or BOUNCER_TELEGRAM_SECRET_ARN
    #[command(
        after_help = "Example:\n  bouncer telegram set-webhook --url https://bouncer.example.com/telegram/webhook"
    )]
    SetWebhook {
        /// The server's address from outside, with /telegram/webhook at its end
        #[arg(long, value_name = "URL", value_parser = webhook_address)]
        url: String,
    },
    /// Have Telegram call nobody, so that a server can ask for what it missed
    #[command(after_help = "Example:\n  bouncer telegram delete-webhook")]
    DeleteWebhook,
}

/// Telegram calls addresses over TLS alone.
fn webhook_address(text: &str) -> Result<String, String> {
    let is_ours = text.starts_with("https://") && text.ends_with("/telegram/webhook");
    if is_ours { Ok(text.to_owned()) } else { Err("it has to be https://…/telegram/webhook".to_owned()) }
}

/// Runs a command.
pub async fn run(context: &Context, command: TelegramCommand) -> Result<Exit, CliError> {
    let url = match command {
        TelegramCommand::SetWebhook { url } => Some(url),
        TelegramCommand::DeleteWebhook => None,
    };
    let bot = config::bot(&context.environment)?;
    register(&bot, url.as_deref()).await.map_err(|error| CliError::failed(sentence(&error)))?;
    context.printer.show(&Registered { status: "ok", url })?;
    Ok(Exit::Done)
}

#[derive(Debug, Serialize)]
struct Registered {
    status: &'static str,
    url: Option<String>,
}

impl Render for Registered {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        match &self.url {
            Some(url) => writeln!(out, "Telegram calls {url} from now on"),
            None => writeln!(out, "Telegram calls nobody from now on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    #[test]
    fn only_addresses_of_the_webhook_are_registered() {
        assert!(webhook_address("https://bouncer.example.com/telegram/webhook").is_ok());
        assert!(webhook_address("http://bouncer.example.com/telegram/webhook").is_err());
        assert!(webhook_address("https://bouncer.example.com/").is_err());
        let registered = Registered { status: "ok", url: Some("https://b.example/telegram/webhook".into()) };
        assert_eq!(text_of(&registered), "Telegram calls https://b.example/telegram/webhook from now on\n");
    }
}
