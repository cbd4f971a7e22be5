//! Approvals on Telegram, installed: the bot's secret in Secrets Manager, prompts sent by the functions, and Telegram calling
//! the function.

use reqwest::Method;
use serde_json::json;

use super::installation::Installation;
use crate::support::{BOT_TOKEN, Site, Telegram, text};

const BEA: i64 = 70_001;
const SECRET: &str = "installed-webhook-secret";

#[tokio::test(flavor = "multi_thread")]
async fn telegram_decides_over_the_function() {
    let telegram = Telegram::start(&[BEA]).await;
    let account = Installation::account(&[("BOUNCER_TELEGRAM_API_URL", telegram.url())]).await;
    let secret = json!({ "token": BOT_TOKEN, "webhook_secret": SECRET }).to_string();
    let secret = json!({ "Name": "bouncer/telegram", "SecretString": secret });
    let secret = account.boto().call("secretsmanager", "create_secret", secret).await;
    let parameters = json!({ "TelegramSecretArn": secret["ARN"], "TelegramApprovers": BEA.to_string() });
    let installation = Installation::into(account, parameters).await;
    let target = installation.add_project("shop").await;
    let site = Site::new(130, 1, 3);

    let request = installation.ask(&target, &site).await;
    let asks = |message: &crate::support::ChatMessage| message.text.contains(&request);
    let prompt = telegram.message(BEA, "the prompt", asks).await;
    let press = telegram.press(BEA, &prompt, &format!("approve:{request}"));
    let call = |secret: &str| {
        let call = installation.server.request(Method::POST, "/telegram/webhook").json(&press);
        call.header("X-Telegram-Bot-Api-Secret-Token", secret).send()
    };

    assert_eq!(call("another-webhook-secret").await.unwrap().status(), 401);
    assert_eq!(call(SECRET).await.unwrap().status(), 200);
    assert_eq!(telegram.answer_to(&press).await, "Approved.");
    assert_eq!(call(SECRET).await.unwrap().status(), 200, "Telegram may call again");

    let ended = installation.server.ended(&request).await;
    assert_eq!(
        (&ended["status"], text(&ended["decided_by"])),
        (&json!("completed"), "Bea (Telegram 70001)"),
        "{ended:#}"
    );
    installation.assert_published(&target.bucket, &site).await;
    let is_done =
        |message: &crate::support::ChatMessage| message.id == prompt.id && message.text.starts_with("✅ Done");
    assert!(telegram.message(BEA, "the outcome", is_done).await.data().is_empty());
    assert_eq!(telegram.refusals(), [""; 0]);
}
