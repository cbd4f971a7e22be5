//! Telegram's calls, and calls that only pretend to be.

use reqwest::Method;
use serde_json::{Value, json};

use super::{BEA, SECRET, World};

const HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";

#[tokio::test]
async fn only_calls_with_the_secret_are_read() {
    let world = World::called().await;
    let request = world.ask(930).await;
    let prompt = world.prompt(BEA, &request).await;
    let press = world.telegram.press(BEA, &prompt, &format!("approve:{request}"));

    let call = || world.server.request(Method::POST, "/telegram/webhook");
    let long = "x".repeat(400);
    for secret in [None, Some(""), Some("stand-in-webhook-secreT"), Some("stand-in"), Some(long.as_str())] {
        for body in [press.to_string(), "{".to_owned(), String::new()] {
            let call = secret.map_or_else(call, |secret| call().header(HEADER, secret));
            let status = call.body(body).send().await.unwrap().status();
            assert_eq!(status, 401, "{secret:?}");
        }
    }
    assert_eq!(world.status(&request).await, "pending_approval");

    let other = world.server.request(Method::GET, "/telegram/webhook").header(HEADER, SECRET);
    assert_eq!(other.send().await.unwrap().status(), 405);
    assert_eq!(world.call(&press).await, 200);
    assert_eq!(world.telegram.answer_to(&press).await, "Approved.");
    assert_eq!(world.server.ended(&request).await["status"], "completed");
    world.assert_clean();
}

#[tokio::test]
async fn what_is_no_update_is_refused_and_what_is_not_ours_is_taken() {
    let world = World::called().await;
    let call = |body: String| {
        let call = world.server.request(Method::POST, "/telegram/webhook").header(HEADER, SECRET).body(body);
        async { call.send().await.unwrap().status().as_u16() }
    };
    for bad in ["", "{", "[]", "null", "{}", r#"{"update_id":"x"}"#, r#"{"update_id":1,"callback_query":{"id":1}}"#] {
        assert_eq!(call(bad.to_owned()).await, 400, "{bad}");
    }
    assert_eq!(call(format!("{{\"update_id\":1,\"x\":\"{}\"}}", "x".repeat(300 << 10))).await, 413);
    // Telegram would send what is refused again and again, so news that is not for us is taken.
    assert_eq!(world.call(&json!({ "update_id": 5, "poll": { "id": "7" } })).await, 200);
    assert_eq!(
        world.call(&json!({ "update_id": 6, "message": { "chat": { "id": 1, "type": "channel" } } })).await,
        200
    );
    assert_eq!(world.telegram.calls("sendMessage").len(), 0);
    world.assert_clean();
}

#[tokio::test]
async fn an_update_that_comes_again_has_no_second_effect() {
    let mut world = World::called().await;
    let request = world.ask(931).await;
    let prompt = world.prompt(BEA, &request).await;
    let press = world.telegram.press(BEA, &prompt, &format!("approve:{request}"));
    for _ in 0..3 {
        assert_eq!(world.call(&press).await, 200);
    }
    assert_eq!(world.telegram.calls("answerCallbackQuery").len(), 1);
    let first = without_addresses(world.server.ended(&request).await);

    // A process that never saw it finds it decided.
    world.server.restart().await;
    assert_eq!(world.call(&press).await, 200);
    assert_eq!(world.telegram.answer_to(&press).await, "Already handled.");
    assert_eq!(without_addresses(world.server.ended(&request).await), first);

    let asks = world.telegram.writes(BEA, BEA, "/help");
    assert_eq!((world.call(&asks).await, world.call(&asks).await), (200, 200));
    world.telegram.message(BEA, "the help", |message| message.text.contains("/pending")).await;
    assert_eq!(world.telegram.messages().iter().filter(|message| message.text.contains("/pending")).count(), 1);
    world.assert_clean();
}

/// Where Telegram is polled there is no address to call.
#[tokio::test]
async fn there_is_no_webhook_where_telegram_is_polled() {
    let world = World::polling().await;
    assert_eq!(world.call(&json!({ "update_id": 1 })).await, 404);
}

/// A status without the addresses of a server that listens at another port after a restart.
fn without_addresses(mut ended: Value) -> Value {
    ended.as_object_mut().unwrap().remove("url");
    ended["result"].as_object_mut().unwrap().remove("urls");
    ended
}
