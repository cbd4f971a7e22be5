//! Telegram down, slow, flooded, refusing; and a server that dies in between.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{BEA, CAI, World, options};
use crate::support::{BOT_TOKEN, BotMishap as Mishap, Role, Server, Site, Telegram, text};
use crate::tools::{accepted, frontend_request};

/// What cannot be delivered does not exist.
#[tokio::test]
async fn a_request_that_reaches_nobody_is_withdrawn() {
    let world = World::polling().await;
    let site = Site::new(950, 0, 1);
    let refusals = [
        Mishap::Answer(400, "Bad Request: chat not found"),
        Mishap::Answer(403, "Forbidden: bot was blocked by the user"),
        Mishap::Answer(502, "Bad Gateway"),
        Mishap::Flood(3600),
    ];
    for mishap in refusals {
        world.telegram.next(usize::MAX, "sendMessage", mishap);
        let asked = world.server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site)).await;
        assert_eq!(
            (asked.0, &asked.1["error_code"]),
            (502, &json!("NOTIFICATION_FAILED")),
            "{mishap:?}: {:#}",
            asked.1
        );
        let pending = accepted(world.server.tool(Role::Approver, "bouncer_list_pending", json!({})).await);
        assert_eq!(pending["count"], 0, "{pending:#}");
        world.telegram.heal();
    }
    let request = world.ask_for(&site).await;
    world.prompt(BEA, &request).await;
    world.assert_secret();
}

/// What passes is tried again, and one chat is enough.
#[tokio::test]
async fn what_passes_is_tried_again() {
    let world = World::polling().await;
    let mishaps = [Mishap::Answer(500, "Internal Server Error"), Mishap::Flood(1), Mishap::Cut, Mishap::Silence];
    for (n, mishap) in mishaps.into_iter().enumerate() {
        world.telegram.next(2, "sendMessage", mishap);
        let begin = Instant::now();
        let request = world.ask(960 + n as u64).await;
        world.prompt(BEA, &request).await;
        world.prompt(CAI, &request).await;
        if matches!(mishap, Mishap::Flood(_)) {
            assert!(begin.elapsed() >= Duration::from_secs(1), "it is left alone for as long as it says");
        }
    }
    world.telegram.next(1, "sendMessage", Mishap::Answer(403, "Forbidden: bot was blocked by the user"));
    let request = world.ask(969).await;
    let asked = world.telegram.messages().into_iter().filter(|message| message.text.contains(&request)).count();
    assert_eq!(asked, 1);
    world.assert_clean();
}

#[tokio::test]
async fn telegram_is_down_while_the_work_goes_on() {
    let world = World::polling().await;
    let site = Site::new(970, 3, 40);
    let request = world.ask_for(&site).await;
    world.prompt(BEA, &request).await;
    for mishap in [Mishap::Answer(502, "Bad Gateway"), Mishap::Answer(400, "Bad Request: message to edit not found")] {
        world.telegram.next(usize::MAX, "editMessageText", mishap);
        let request = world.ask_for(&site).await;
        accepted(world.server.decide(Role::Approver, &request, "approve").await);
        let ended = world.server.ended(&request).await;
        assert_eq!(ended["status"], "completed", "{mishap:?}: {ended:#}");
        world.telegram.heal();
    }
    crate::tools::assert_serves(&world.server, "shop", &site).await;
    world.assert_secret();
}

/// A press whose answer is lost counts, and pinning that is not allowed hurts nothing.
#[tokio::test]
async fn small_mishaps_hurt_nothing() {
    let world = World::polling().await;
    world.telegram.next(1, "answerCallbackQuery", Mishap::Cut);
    world.telegram.next(usize::MAX, "pinChatMessage", Mishap::Answer(400, "Bad Request: not enough rights to pin"));
    world.telegram.next(1, "getUpdates", Mishap::Answer(500, "Internal Server Error"));
    let request = world.ask(971).await;
    let prompt = world.prompt(BEA, &request).await;
    world.press(BEA, &prompt, &format!("approve:{request}")).await;
    assert_eq!(world.server.ended(&request).await["status"], "completed");
    world.says(BEA, &request, "✅ Done").await;
    world.assert_secret();
}

/// Presses that came while no server ran are taken in by the next one; what was asked can still be decided.
#[tokio::test]
async fn a_restart_in_the_middle_loses_no_press() {
    let mut world = World::polling().await;
    let (first, second) = (world.ask(972).await, world.ask(973).await);
    let prompts = (world.prompt(BEA, &first).await, world.prompt(CAI, &second).await);
    world.server.kill9();
    let press = world.telegram.press(BEA, &prompts.0, &format!("approve:{first}"));
    world.telegram.push(press.clone());

    world.server.restart().await;
    assert_eq!(world.telegram.answer_to(&press).await, "Approved.");
    assert_eq!(world.press(CAI, &prompts.1, &format!("deny:{second}")).await, "Rejected.");

    assert_eq!(world.server.ended(&first).await["status"], "completed");
    assert_eq!(world.server.ended(&second).await["status"], "denied");
    world.says(CAI, &first, "✅ Done").await;
    world.says(BEA, &second, "🚫 Rejected").await;
    world.assert_clean();
}

/// Nobody listens at the address: the server runs, says what is wrong, and tells no secret.
#[tokio::test]
async fn a_server_starts_while_telegram_cannot_be_reached() {
    let telegram = Telegram::start(&[BEA, CAI]).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = options(&telegram, &[("BOUNCER_TELEGRAM_API_URL", &format!("http://{closed}"))]);
    let server = Server::start_with(options).await;
    server.add_project("shop").await;
    let asked =
        server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &Site::new(974, 0, 1))).await;
    assert_eq!(asked.1["error_code"], "NOTIFICATION_FAILED", "{:#}", asked.1);
    let health = server.request(reqwest::Method::GET, "/v1/health").bearer_auth(server.key(Role::Admin));
    let (_, health) = crate::support::answer(health).await;
    let check = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "telegram").unwrap();
    assert_eq!(check["ok"], false, "{check:#}");
    assert!(text(&check["detail"]).contains("cannot be reached"), "{check:#}");
    assert!(!format!("{health}{}", server.stderr()).contains(BOT_TOKEN), "the token is told");
}
