//! The audit chain, and the history and the numbers beside it.

use serde_json::json;

use super::{ask, assert_intact, events, kinds, shop};
use crate::support::{Cli, Role, Site, text};
use crate::tools::accepted;

#[tokio::test]
async fn every_step_and_every_refusal_is_one_event_of_an_intact_chain() {
    let mut server = shop().await;
    let id = ask(&server, &Site::new(201, 1, 1)).await;
    assert_eq!(server.decide(Role::Agent, &id, "approve").await.0, 403);
    accepted(server.decide(Role::Approver, &id, "approve").await);
    server.ended(&id).await;
    assert_eq!(server.decide(Role::Approver, &id, "deny").await.0, 409);

    let all = ["created", "refused", "approved", "started", "completed", "refused"];
    assert_eq!(kinds(&server, &id).await, all);
    let recorded = events(&server, &id).await;
    assert_eq!(recorded[1]["detail"], "not_an_approver", "{recorded:#?}");
    assert_eq!(recorded[2]["by"]["verified_by"], "http", "{recorded:#?}");
    assert_eq!((&recorded[2]["decision"], &recorded[2]["project"]), (&json!("approve"), &json!("shop")));
    assert!(text(&recorded[2]["plan_hash"]).len() == 64 && text(&recorded[0]["summary"]).contains("a test"));
    assert_eq!(recorded[5]["detail"], "second_press");

    let before = assert_intact(&server).await;
    server.restart().await;
    let own = json!({ "project": "shop", "files": Site::new(202, 0, 1).inline(), "reason": "r", "source": "s", "trust_scope": "t" });
    let own = accepted(server.tool(Role::Approver, "bouncer_deploy_frontend", own).await);
    assert_eq!(server.decide(Role::Approver, text(&own["request_id"]), "approve").await.0, 403);
    let after = assert_intact(&server).await;
    assert_eq!(after["events"].as_u64(), before["events"].as_u64().map(|events| events + 2));
    assert_eq!(kinds(&server, text(&own["request_id"])).await, ["created", "refused"]);

    let verified = Cli::on(&server, &["audit", "verify"]).run().await;
    assert!(
        verified.code == Some(0) && verified.stdout.contains("intact: 8 events, from 1 to 8"),
        "{}",
        verified.stdout
    );
    let listed = Cli::on(&server, &["audit", "list", "--project", "shop", "--since", "7d", "--json"]).run().await;
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["count"], 8, "{listed:#}");
    let (status, refused) = server.tool(Role::Agent, "bouncer_audit_list", json!({})).await;
    assert_eq!(status, 403, "{refused:#}");
}

#[tokio::test]
async fn the_history_and_the_numbers_agree() {
    let server = shop().await;
    let mut ids = vec![];
    for number in 0..6 {
        ids.push(ask(&server, &Site::new(203 + number, 0, 1)).await);
    }
    accepted(server.decide(Role::Approver, &ids[0], "approve").await);
    server.ended(&ids[0]).await;
    for id in &ids[1..3] {
        accepted(server.decide(Role::Approver, id, "deny").await);
    }

    let (mut listed, mut cursor) = (vec![], json!(null));
    loop {
        let arguments = json!({ "hours": 24, "limit": 2, "cursor": cursor });
        let page = accepted(server.tool(Role::Approver, "bouncer_history", arguments).await);
        listed.extend(page["requests"].as_array().unwrap().clone());
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let newest_first: Vec<&str> = listed.iter().map(|request| text(&request["request_id"])).collect();
    assert_eq!(newest_first, ids.iter().rev().collect::<Vec<_>>());

    let stats = accepted(server.tool(Role::Approver, "bouncer_stats", json!({ "hours": 24 })).await);
    assert_eq!(stats["total"], json!(listed.len()), "{stats:#}");
    assert_eq!(stats["by_status"], json!({ "completed": 1, "denied": 2, "pending_approval": 3 }), "{stats:#}");
    assert_eq!((&stats["decided"], &stats["by_project"]["shop"]), (&json!(3), &stats["by_status"]), "{stats:#}");
    for (status, number) in stats["by_status"].as_object().unwrap() {
        let arguments = json!({ "status": status, "hours": 24 });
        let page = accepted(server.tool(Role::Approver, "bouncer_history", arguments).await);
        assert_eq!(page["count"], *number, "{page:#}");
    }
    let others = accepted(server.tool(Role::Admin, "bouncer_stats", json!({ "project": "other" })).await);
    assert_eq!(others["total"], 0, "{others:#}");
}
