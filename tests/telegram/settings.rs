//! How Telegram is set up, and what is refused at the start.

use std::path::Path;

use serde_json::Value;

use super::{BEA, CAI, EVE, SECRET, World, options};
use crate::support::{BOT_TOKEN, Cli, Finished, Role, Server, Telegram, answer, text};

async fn run_with(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    variables.iter().fold(Cli::new(home, arguments), |cli, (name, value)| cli.env(name, *value)).run().await
}

/// The error of `bouncer serve` with these variables.
async fn refusal(variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let finished = run_with(folder.path(), &["serve", "--listen", "127.0.0.1:0"], variables).await;
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(!finished.stderr.contains(BOT_TOKEN), "{}", finished.stderr);
    finished.stderr
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    const TOKEN: (&str, &str) = ("BOUNCER_TELEGRAM_TOKEN", BOT_TOKEN);
    const APPROVERS: (&str, &str) = ("BOUNCER_TELEGRAM_APPROVERS", "7");
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[TOKEN], "has no approvers"),
        (&[APPROVERS], "has no token"),
        (&[("BOUNCER_TELEGRAM_TOKEN", "word"), APPROVERS], "does not look like a bot's token"),
        (&[TOKEN, ("BOUNCER_TELEGRAM_APPROVERS", "@bea")], "'@bea'"),
        (&[TOKEN, ("BOUNCER_TELEGRAM_APPROVERS", "7=bea")], "key of user 7"),
        (&[TOKEN, APPROVERS, ("BOUNCER_TELEGRAM_CHATS", ",")], "no chat to ask in"),
        (&[TOKEN, APPROVERS, ("BOUNCER_TELEGRAM_CHATS", "here")], "'here'"),
        (&[TOKEN, APPROVERS, ("BOUNCER_TELEGRAM_MODE", "webhook")], "need a secret"),
        (&[TOKEN, APPROVERS, ("BOUNCER_TELEGRAM_MODE", "push")], "'push'"),
        (&[TOKEN, APPROVERS, ("BOUNCER_TELEGRAM_WEBHOOK_SECRET", "short")], "16 to 256"),
        (&[TOKEN, APPROVERS, ("BOUNCER_LANG", "de")], "en and zh-TW"),
    ];
    for (variables, sentence) in table {
        let said = refusal(variables).await;
        assert!(said.contains(sentence), "{variables:?} is answered with {said}");
    }
}

async fn telegram_check(server: &Server) -> Value {
    let request = server.request(reqwest::Method::GET, "/v1/health").bearer_auth(server.key(Role::Admin));
    let (_, health) = answer(request).await;
    health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "telegram").cloned().unwrap()
}

#[tokio::test]
async fn doctor_tells_how_telegram_is() {
    let mut world = World::called().await;
    let telegram = world.telegram.clone();
    let check = telegram_check(&world.server).await;
    assert!(check["ok"] == false && text(&check["detail"]).contains("set-webhook"), "{check:#}");

    let variables = [
        ("BOUNCER_TELEGRAM_API_URL", telegram.url()),
        ("BOUNCER_TELEGRAM_TOKEN", BOT_TOKEN),
        ("BOUNCER_TELEGRAM_WEBHOOK_SECRET", SECRET),
    ];
    let folder = tempfile::tempdir().unwrap();
    let url = "https://bouncer.example.com/telegram/webhook";
    let set = run_with(folder.path(), &["telegram", "set-webhook", "--url", url], &variables).await;
    assert_eq!((set.code, telegram.webhook().as_str()), (Some(0), url), "{set:#?}");
    let check = telegram_check(&world.server).await;
    assert!(check["ok"] == true && text(&check["detail"]).contains("@bouncer_bot"), "{check:#}");

    world.server.restart_with(options(&telegram, &[])).await;
    let check = telegram_check(&world.server).await;
    assert!(check["ok"] == false && text(&check["detail"]).contains("delete-webhook"), "{check:#}");
    let deleted = run_with(folder.path(), &["telegram", "delete-webhook"], &variables).await;
    assert_eq!((deleted.code, telegram.webhook().as_str()), (Some(0), ""), "{deleted:#?}");
    assert_eq!(telegram_check(&world.server).await["ok"], true);

    let none = run_with(folder.path(), &["telegram", "delete-webhook"], &[]).await;
    assert!(none.code == Some(2) && none.stderr.contains("BOUNCER_TELEGRAM_TOKEN"), "{none:#?}");
}

/// The chats that are asked can be others than the approvers' own.
#[tokio::test]
async fn a_group_can_be_asked() {
    const GROUP: i64 = -100_200;
    let telegram = Telegram::start(&[BEA, CAI, EVE, GROUP]).await;
    let server = Server::start_with(options(&telegram, &[("BOUNCER_TELEGRAM_CHATS", &GROUP.to_string())])).await;
    server.add_project("shop").await;
    let world = World { telegram, server };
    let request = world.ask(980).await;
    let prompt = world.prompt(GROUP, &request).await;
    assert_eq!(world.telegram.messages().len(), 1);
    // Who reads along decides nothing.
    assert!(world.press(EVE, &prompt, &format!("approve:{request}")).await.contains("no permission"));
    assert_eq!(world.press(BEA, &prompt, &format!("deny:{request}")).await, "Rejected.");
    world.says(GROUP, &request, "🚫 Rejected").await;
    world.assert_clean();
}
