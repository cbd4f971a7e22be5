//! What users write to the bot.

use serde_json::json;

use super::{BEA, EVE, World};
use crate::support::{ChatMessage, Role};
use crate::tools::accepted;

/// A group in which nobody is asked.
const GROUP: i64 = -100_777;

async fn reply(world: &World, user: i64, chat: i64, text: &str) -> ChatMessage {
    let before = world.telegram.messages().len();
    world.telegram.push(world.telegram.writes(user, chat, text));
    let is_new = |message: &ChatMessage| message.id > i64::try_from(before).unwrap();
    world.telegram.message(chat, "an answer", is_new).await
}

#[tokio::test]
async fn approvers_are_helped_and_shown_what_waits() {
    let world = World::polling().await;
    for command in ["/start", "/help", "/help@bouncer_bot", "hello"] {
        assert!(reply(&world, BEA, BEA, command).await.text.contains("/pending"), "{command}");
    }
    assert_eq!(reply(&world, BEA, BEA, "/pending").await.text, "Nothing waits for a decision.");
    let request = world.ask(940).await;
    world.prompt(BEA, &request).await;
    let list = reply(&world, BEA, BEA, "/pending").await.text;
    assert!(list.starts_with("1 waiting for a decision"), "{list}");
    assert!(list.contains(&request) && list.contains("Publish the site shop") && list.contains("Expires: "), "{list}");
    world.assert_clean();
}

#[tokio::test]
async fn stats_are_those_of_the_tool() {
    let world = World::polling().await;
    let request = world.ask(943).await;
    let prompt = world.prompt(BEA, &request).await;
    world.press(BEA, &prompt, &format!("deny:{request}")).await;
    world.ask(944).await;
    let counted = world.server.tool(Role::Approver, "bouncer_stats", json!({ "hours": 5 })).await;
    let counted = accepted(counted);
    assert_eq!((&counted["total"], &counted["by_status"]["denied"]), (&json!(2), &json!(1)), "{counted:#}");

    let told = reply(&world, BEA, BEA, "/stats 5").await.text;
    for line in ["Requests of the last 5 hours: 2", "rejected: 1", "waiting for a decision: 1", "• shop: 2"] {
        assert!(told.lines().any(|shown| shown == line), "{line:?} is not in\n{told}");
    }
    assert!(told.contains("decided by a human: 1; "), "{told}");
    assert!(reply(&world, BEA, BEA, "/stats").await.text.contains("last 24 hours: 2"));
    for wrong in ["/stats x", "/stats 0", "/stats 2161", "/stats -1"] {
        assert!(reply(&world, BEA, BEA, wrong).await.text.starts_with("Give the hours"), "{wrong}");
    }
    world.assert_clean();
}

#[tokio::test]
async fn others_are_told_nothing_but_their_number() {
    let world = World::polling().await;
    let request = world.ask(941).await;
    world.prompt(BEA, &request).await;
    let answer = reply(&world, EVE, EVE, "/pending").await.text;
    assert!(answer.contains(&EVE.to_string()) && !answer.contains(&request) && !answer.contains("shop"), "{answer}");
    // Once: nobody makes the program write again and again. What an approver writes after it is answered.
    for command in ["/start", "/stats", "x"] {
        world.telegram.push(world.telegram.writes(EVE, EVE, command));
    }
    reply(&world, BEA, BEA, "/help").await;
    assert_eq!(world.telegram.messages().iter().filter(|message| message.chat == EVE).count(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn nothing_is_told_in_chats_where_others_read_along() {
    let world = World::polling().await;
    let request = world.ask(942).await;
    world.prompt(BEA, &request).await;
    for text in ["/pending", "just talking"] {
        world.telegram.push(world.telegram.writes(BEA, GROUP, text));
    }
    reply(&world, BEA, BEA, "/help").await;
    let sent = world.telegram.calls("sendMessage");
    let in_group: Vec<_> = sent.iter().filter(|(_, call)| call["chat_id"] == GROUP).collect();
    assert_eq!(in_group.len(), 1, "{in_group:?}");
    assert!(in_group[0].1["text"].as_str().unwrap().contains("only in a private chat"));
    world.assert_secret();
}
