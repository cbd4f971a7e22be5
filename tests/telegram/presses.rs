//! Who decides by pressing, and what does not count.

use serde_json::{Value, json};

use super::{BEA, CAI, EVE, World, options};
use crate::support::{ChatMessage, Role, text};
use crate::tools::accepted;

#[tokio::test]
async fn the_first_press_counts_and_later_ones_are_told_so() {
    let world = World::polling().await;
    let request = world.ask(910).await;
    let (of_bea, of_cai) = (world.prompt(BEA, &request).await, world.prompt(CAI, &request).await);

    assert_eq!(world.press(BEA, &of_bea, &format!("deny:{request}")).await, "Rejected.");
    assert_eq!(world.press(BEA, &of_bea, &format!("deny:{request}")).await, "Already handled.");
    assert_eq!(world.press(CAI, &of_cai, &format!("approve:{request}")).await, "Already handled.");

    let ended = world.server.ended(&request).await;
    assert_eq!(ended["status"], "denied", "{ended:#}");
    for chat in [BEA, CAI] {
        let message = world.says(chat, &request, "🚫 Rejected: Publish the site").await;
        assert!(message.data().is_empty());
    }
    assert_eq!(world.telegram.calls("pinChatMessage").len(), 0, "what was denied is not pinned");
    world.assert_clean();
}

#[tokio::test]
async fn two_approvers_at_the_same_instant_make_one_decision() {
    let world = World::called().await;
    for round in 0..4 {
        let request = world.ask(920 + round).await;
        let (of_bea, of_cai) = (world.prompt(BEA, &request).await, world.prompt(CAI, &request).await);
        let approves = world.telegram.press(BEA, &of_bea, &format!("approve:{request}"));
        let denies = world.telegram.press(CAI, &of_cai, &format!("deny:{request}"));

        let answered = tokio::join!(world.call(&approves), world.call(&denies));
        assert_eq!(answered, (200, 200));

        let answers = (world.telegram.answer_to(&approves).await, world.telegram.answer_to(&denies).await);
        let ended = world.server.ended(&request).await;
        match &ended["status"] {
            status if status == "completed" => assert_eq!(answers, ("Approved.".into(), "Already handled.".into())),
            status => {
                assert_eq!((status, answers), (&json!("denied"), ("Already handled.".into(), "Rejected.".into())))
            }
        }
    }
    world.assert_clean();
}

#[tokio::test]
async fn only_configured_users_decide() {
    let world = World::polling().await;
    let request = world.ask(911).await;
    let prompt = world.prompt(BEA, &request).await;
    for data in [format!("approve:{request}"), format!("deny:{request}"), "nonsense".to_owned()] {
        assert_eq!(world.press(EVE, &prompt, &data).await, "You have no permission to decide this.");
    }
    assert_eq!(world.status(&request).await, "pending_approval");
    assert_eq!(world.prompt(BEA, &request).await, prompt, "the prompt is as it was");
    let events = json!({ "request_id": request });
    let events = accepted(world.server.tool(Role::Approver, "bouncer_audit_list", events).await);
    let by_eve = |event: &&Value| event["kind"] == "refused" && event.to_string().contains(&format!("telegram:{EVE}"));
    assert_eq!(events["events"].as_array().unwrap().iter().filter(by_eve).count(), 2, "{events:#}");
    world.assert_clean();
}

#[tokio::test]
async fn buttons_that_are_not_ours_do_nothing() {
    let world = World::polling().await;
    let request = world.ask(912).await;
    let prompt = world.prompt(BEA, &request).await;
    for data in [
        format!("trust:{request}"),
        "approve:".into(),
        "approve:req-12".into(),
        "😀".repeat(16),
        format!("APPROVE:{request}"),
    ] {
        assert_eq!(world.press(BEA, &prompt, &data).await, "This button is not known here.", "{data}");
    }
    for data in ["approve:req-ffffffffffffffff", "infra_approve:deploy-ffffffffffffffff"] {
        assert_eq!(world.press(BEA, &prompt, data).await, "This request is not known here.", "{data}");
    }
    assert_eq!(world.status(&request).await, "pending_approval");
    world.assert_clean();
}

#[tokio::test]
async fn a_press_after_the_window_is_late() {
    let world = World::with(&["--approval-window", "1"], &[]).await;
    let request = world.ask(913).await;
    let prompt = world.prompt(BEA, &request).await;

    let ended = world.server.ended(&request).await;
    assert_eq!(ended["status"], "expired", "{ended:#}");
    assert_eq!(world.press(BEA, &prompt, &format!("approve:{request}")).await, "Expired; nothing will be done.");
    let message = world.says(CAI, &request, "⌛ Expired").await;
    assert!(message.data().is_empty());
    world.assert_clean();
}

/// The person who asked with a key does not decide on Telegram either.
#[tokio::test]
async fn nobody_approves_what_they_asked_for_with_their_key() {
    let mut world = World::polling().await;
    let keys = accepted(world.server.tool(Role::Admin, "bouncer_key_list", json!({})).await);
    let agent = keys["keys"].as_array().unwrap().iter().find(|key| key["role"] == "agent").unwrap();
    let approvers = format!("{BEA}={},{CAI}", text(&agent["key_id"]));
    world.server.restart_with(options(&world.telegram, &[("BOUNCER_TELEGRAM_APPROVERS", &approvers)])).await;

    let request = world.ask(914).await;
    let prompt = world.prompt(BEA, &request).await;
    let own = world.press(BEA, &prompt, &format!("approve:{request}")).await;
    assert_eq!(own, "You have no permission to decide this.");
    assert_eq!(world.status(&request).await, "pending_approval");
    assert_eq!(world.press(CAI, &prompt, &format!("approve:{request}")).await, "Approved.");
    assert_eq!(world.server.ended(&request).await["status"], "completed");
    world.assert_clean();
}

/// Where two must approve, the prompt says who has, and keeps its buttons for the other.
#[tokio::test]
async fn two_approvers_approve_one_after_the_other() {
    let world = World::polling().await;
    let two = json!({ "project": "shop", "bucket": "shop-site", "approvals_required": 2 });
    accepted(world.server.tool(Role::Admin, "bouncer_project_add", two).await);
    let request = world.ask(916).await;
    let prompt = world.prompt(BEA, &request).await;
    assert!(prompt.text.contains("\nApprovals: 0 of 2\n"), "{}", prompt.text);

    let approve = format!("approve:{request}");
    assert_eq!(world.press(BEA, &prompt, &approve).await, "Approved; another approver must approve it as well.");
    assert_eq!(world.press(BEA, &prompt, &approve).await, "Already handled.");
    let says = format!("\nApprovals: 1 of 2 Bea (Telegram {BEA})\n");
    let is_first = |message: &ChatMessage| message.text.contains(&request) && message.text.contains(&says);
    let of_cai = world.telegram.message(CAI, "the first approval to be shown", is_first).await;
    assert_eq!(of_cai.data().len(), 2);

    assert_eq!(world.press(CAI, &of_cai, &approve).await, "Approved.");
    assert_eq!(world.server.ended(&request).await["status"], "completed");
    world.says(BEA, &request, "✅ Done").await;
    world.assert_clean();
}

/// Decided elsewhere, the prompts lose their buttons all the same.
#[tokio::test]
async fn a_decision_with_a_key_is_seen_on_telegram() {
    let world = World::polling().await;
    let request = world.ask(915).await;
    let prompt = world.prompt(BEA, &request).await;
    accepted(world.server.decide(Role::Approver, &request, "approve").await);
    let done = world.says(BEA, &request, "✅ Done").await;
    assert!(done.data().is_empty());
    assert_eq!(world.press(BEA, &prompt, &format!("deny:{request}")).await, "Already handled.");
    world.assert_clean();
}
