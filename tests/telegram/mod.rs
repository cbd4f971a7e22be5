//! Approvals on Telegram, with the real server and a stand-in for the Bot API: what approvers are sent, what their presses
//! do, and what happens when Telegram, the network or a user misbehaves.

mod commands;
mod failures;
mod messages;
mod presses;
mod settings;
mod webhook;

use serde_json::{Value, json};

use crate::support::{BOT_TOKEN, ChatMessage, DEADLINE, Options, Role, Server, Site, Telegram, text, wait_until};
use crate::tools::{accepted, frontend_request};

/// The approvers: Bea and Cai. Their private chats have their numbers.
const BEA: i64 = 70_001;
const CAI: i64 = 70_002;
/// Somebody else.
const EVE: i64 = 66_666;
/// The webhook's secret.
const SECRET: &str = "stand-in-webhook-secret";

/// A server that asks on Telegram.
struct World {
    telegram: Telegram,
    server: Server,
}

impl World {
    /// One that polls.
    async fn polling() -> Self {
        Self::start(&[]).await
    }

    /// One that Telegram calls.
    async fn called() -> Self {
        let secret = ("BOUNCER_TELEGRAM_WEBHOOK_SECRET", SECRET);
        Self::start(&[("BOUNCER_TELEGRAM_MODE", "webhook"), secret]).await
    }

    async fn start(more: &[(&str, &str)]) -> Self {
        Self::with(&[], more).await
    }

    /// With more arguments and environment.
    async fn with(arguments: &'static [&'static str], more: &[(&str, &str)]) -> Self {
        let telegram = Telegram::start(&[BEA, CAI, EVE]).await;
        let server = Server::start_with(Options { arguments, ..options(&telegram, more) }).await;
        server.add_project("shop").await;
        Self { telegram, server }
    }

    /// Asks for a deploy; its request's id.
    async fn ask(&self, seed: u64) -> String {
        self.ask_for(&Site::new(seed, 1, 1)).await
    }

    async fn ask_for(&self, site: &Site) -> String {
        let asked = self.server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", site)).await;
        let pending = accepted(asked);
        assert_eq!(pending["status"], "pending_approval", "{pending:#}");
        text(&pending["request_id"]).to_owned()
    }

    /// The message in a chat that asks about a request.
    async fn prompt(&self, chat: i64, request_id: &str) -> ChatMessage {
        let asks = |message: &ChatMessage| message.text.contains(request_id) && message.reply_to.is_none();
        self.telegram.message(chat, "the prompt", asks).await
    }

    /// A user presses a button where updates are polled; what the press is answered with.
    async fn press(&self, user: i64, message: &ChatMessage, data: &str) -> String {
        let press = self.telegram.press(user, message, data);
        self.telegram.push(press.clone());
        self.telegram.answer_to(&press).await
    }

    /// Sends an update to the webhook; the status.
    async fn call(&self, update: &Value) -> u16 {
        let call = self.server.request(reqwest::Method::POST, "/telegram/webhook").json(update);
        call.header("X-Telegram-Bot-Api-Secret-Token", SECRET).send().await.expect("an answer").status().as_u16()
    }

    async fn status(&self, request_id: &str) -> Value {
        let asked = self.server.tool(Role::Approver, "bouncer_status", json!({ "request_id": request_id })).await;
        accepted(asked)["status"].clone()
    }

    /// The prompt in a chat once it begins so.
    async fn says(&self, chat: i64, request_id: &str, start: &str) -> ChatMessage {
        let what = format!("the prompt of {request_id} to begin with {start:?}");
        wait_until(&what, DEADLINE, async || {
            let message = self.prompt(chat, request_id).await;
            message.text.starts_with(start).then_some(message)
        })
        .await
    }

    /// Nothing was sent that the real Bot API would not take, and no secret was logged.
    fn assert_clean(&self) {
        assert_eq!(self.telegram.refusals(), [""; 0]);
        self.assert_secret();
    }

    fn assert_secret(&self) {
        let log = self.server.stderr();
        assert!(!log.contains(BOT_TOKEN) && !log.contains(SECRET), "a secret is in the log:\n{log}");
    }
}

fn options(telegram: &Telegram, more: &[(&str, &str)]) -> Options {
    let approvers = format!("{BEA},{CAI}");
    let usual = [
        ("BOUNCER_TELEGRAM_API_URL", telegram.url()),
        ("BOUNCER_TELEGRAM_TOKEN", BOT_TOKEN),
        ("BOUNCER_TELEGRAM_APPROVERS", approvers.as_str()),
    ];
    let variables = usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Options { variables: variables.collect(), ..Options::default() }
}
