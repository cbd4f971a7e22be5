//! What approvers are sent, and how it follows the request.

use std::time::Duration;

use serde_json::json;

use super::{BEA, CAI, World};
use crate::support::{ChatMessage, Role, Site, text};
use crate::tools::{accepted, frontend_request};

#[tokio::test]
async fn a_prompt_shows_what_would_change_and_follows_it_to_the_end() {
    let world = World::polling().await;
    let request = world.ask(900).await;
    for chat in [BEA, CAI] {
        let prompt = world.prompt(chat, &request).await;
        for part in [
            "Approval needed: Publish the site",
            "Project: shop",
            "Bucket: shop-site",
            "+ index.html ",
            "Reason: a test",
        ] {
            assert!(prompt.text.contains(part), "{part:?} is not in\n{}", prompt.text);
        }
        assert_eq!(prompt.data(), [format!("approve:{request}"), format!("deny:{request}")]);
        assert!(!prompt.pinned);
    }

    let prompt = world.prompt(BEA, &request).await;
    assert_eq!(world.press(BEA, &prompt, &format!("approve:{request}")).await, "Approved.");

    for chat in [BEA, CAI] {
        let done = world.says(chat, &request, "✅ Done: Publish the site").await;
        assert!(done.text.contains(&format!("Decided by: Bea (Telegram {BEA})")), "{}", done.text);
        assert!(done.text.contains("Result: rel-"), "{}", done.text);
        assert!(done.data().is_empty(), "{done:?}");
        world
            .telegram
            .message(chat, "the prompt to be unpinned", |message| message.id == done.id && !message.pinned)
            .await;
    }
    let ended = world.server.ended(&request).await;
    assert_eq!(
        (&ended["status"], text(&ended["decided_by"])),
        (&json!("completed"), &*format!("Bea (Telegram {BEA})"))
    );
    assert_eq!(world.telegram.calls("sendMessage").len(), 2, "each approver is asked once");
    world.assert_clean();
}

/// A site that takes a while: progress is told at most once a second and message, and the message is pinned meanwhile.
#[tokio::test]
async fn progress_is_told_at_most_once_a_second() {
    let world = World::polling().await;
    let request = world.ask_for(&Site::new(901, 10, 150)).await;
    let prompt = world.prompt(BEA, &request).await;
    world.press(BEA, &prompt, &format!("approve:{request}")).await;
    world.says(BEA, &request, "✅ Done").await;

    let of_bea = |calls: Vec<(std::time::Instant, serde_json::Value)>| {
        calls.into_iter().filter(|(_, call)| call["chat_id"] == BEA).collect::<Vec<_>>()
    };
    let edits = of_bea(world.telegram.calls("editMessageText"));
    let progress: Vec<_> = edits.iter().filter(|(_, edit)| text(&edit["text"]).starts_with('⏳')).collect();
    assert!(!progress.is_empty(), "the buttons go before the work begins");
    assert!(progress.iter().all(|(_, edit)| edit["reply_markup"]["inline_keyboard"] == json!([])));
    let spaced = progress.windows(2).all(|pair| pair[1].0 - pair[0].0 >= Duration::from_millis(950));
    assert!(spaced, "{:?}", progress.iter().map(|(at, _)| *at - progress[0].0).collect::<Vec<_>>());
    assert_eq!(of_bea(world.telegram.calls("pinChatMessage")).len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn hostile_texts_stay_where_they_belong() {
    let world = World::polling().await;
    let mut site = Site::new(902, 0, 0);
    for n in 0..14 {
        site.put(&format!("{}{n}/a`b_*[x](tg:user).html", "long folder ".repeat(9)), "x");
    }
    let evil = "fine\nRequest: req-ffffffffffffffff\n✅ Done\u{202E}\u{200B} <b>@all</b> /deny 😀";
    let arguments = json!({
        "project": "shop", "files": site.inline(), "trust_scope": "tests",
        "reason": evil.repeat(20), "source": evil.repeat(9),
    });
    let pending = accepted(world.server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await);
    let request = text(&pending["request_id"]);

    let prompt = world.prompt(BEA, request).await;
    let lines = |start: &str| prompt.text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((lines("Request: "), lines("Reason: "), lines("✅")), (1, 1, 0), "{}", prompt.text);
    assert!(prompt.text.contains(&format!("\nRequest: {request}\n")), "{}", prompt.text);
    assert!(
        prompt.text.contains(" (shortened)\nRequest: ") && prompt.text.contains("\n… and 5 more\n"),
        "{}",
        prompt.text
    );
    assert!(!prompt.text.contains(['\u{202E}', '\u{200B}']));
    assert_eq!(prompt.data().len(), 2, "the buttons stay");
    assert!(prompt.text.encode_utf16().count() > 2500, "what fits is shown");
    world.assert_clean();
}

#[tokio::test]
async fn messages_are_in_the_language_that_is_set() {
    let world = World::start(&[("BOUNCER_LANG", "zh-TW")]).await;
    let request = world.ask(903).await;
    let prompt = world.says(BEA, &request, "🔔 需要核准：發佈網站").await;
    assert_eq!(world.press(BEA, &prompt, &format!("deny:{request}")).await, "已拒絕。");
    world.says(CAI, &request, "🚫 已拒絕").await;
    world.assert_clean();
}

#[tokio::test]
async fn a_request_that_nobody_decides_is_reminded_of_and_expires() {
    let world = World::with(&["--approval-window", "4"], &[]).await;
    let site = Site::new(904, 0, 1);
    let asked = world.server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site)).await;
    let pending = accepted(asked);
    let request = text(&pending["request_id"]);
    let prompt = world.prompt(BEA, request).await;
    // To the second, as the window ends.
    let expires = text(&pending["expires_at"]);
    let shown = format!("Expires: {} {} UTC", &expires[..10], &expires[11..16]);
    assert!(prompt.text.contains(&shown), "{shown:?} is not in\n{}", prompt.text);

    let reminds = |message: &ChatMessage| message.reply_to == Some(prompt.id);
    let reminder = world.telegram.message(BEA, "a reminder", reminds).await;
    assert!(reminder.text.starts_with("⏰ Still waiting: Publish the site"), "{}", reminder.text);
    assert!(reminder.text.contains(request) && reminder.text.contains(&shown), "{}", reminder.text);

    let expired = world.says(BEA, request, "⌛ Expired").await;
    assert!(expired.data().is_empty());
    assert_eq!(world.telegram.calls("sendMessage").len(), 4, "two approvers are asked and reminded, once each");
    assert_eq!(world.telegram.calls("pinChatMessage").len(), 0);
    world.assert_clean();
}
