//! Approver sets and two approvers.

use serde_json::json;

use super::{ask, assert_intact, decide_with, kinds, new_key, shop};
use crate::support::{Role, Site};
use crate::tools::accepted;

#[tokio::test]
async fn two_different_people_must_approve_where_a_project_wants_two() {
    let server = shop().await;
    let two = json!({ "project": "shop", "bucket": "shop-site", "approvals_required": 2 });
    accepted(server.tool(Role::Admin, "bouncer_project_add", two).await);
    let id = ask(&server, &Site::new(211, 1, 1)).await;

    let first = accepted(server.decide(Role::Approver, &id, "approve").await);
    assert_eq!((&first["status"], &first["approvals_missing"]), (&json!("pending_approval"), &json!(1)), "{first:#}");
    let (status, again) = server.decide(Role::Approver, &id, "approve").await;
    assert_eq!(status, 409, "{again:#}");
    let waiting = accepted(server.tool(Role::Agent, "bouncer_status", json!({ "request_id": id })).await);
    assert_eq!(waiting["status"], "pending_approval", "{waiting:#}");
    assert_eq!(
        (&waiting["approved_by"], &waiting["approvals_required"]),
        (&json!(["local approver"]), &json!(2)),
        "{waiting:#}"
    );

    accepted(server.decide(Role::Admin, &id, "approve").await);
    let ended = server.ended(&id).await;
    assert_eq!(
        (&ended["status"], &ended["decided_by"]),
        (&json!("completed"), &json!("local approver and local admin")),
        "{ended:#}"
    );
    let all = ["created", "first_approval", "refused", "approved", "started", "completed"];
    assert_eq!(kinds(&server, &id).await, all);

    let denied = ask(&server, &Site::new(212, 1, 1)).await;
    accepted(server.decide(Role::Approver, &denied, "approve").await);
    let no = accepted(server.decide(Role::Admin, &denied, "deny").await);
    assert_eq!(no["status"], "denied", "{no:#}");
    assert_intact(&server).await;
}

#[tokio::test]
async fn two_who_press_at_the_same_moment_are_first_and_second() {
    let server = shop().await;
    let two = json!({ "project": "shop", "bucket": "shop-site", "approvals_required": 2 });
    accepted(server.tool(Role::Admin, "bouncer_project_add", two).await);
    let id = ask(&server, &Site::new(213, 0, 1)).await;

    let (one, other) =
        tokio::join!(server.decide(Role::Approver, &id, "approve"), server.decide(Role::Admin, &id, "approve"));
    let mut statuses = [accepted(one)["status"].clone(), accepted(other)["status"].clone()];
    statuses.sort_by_key(ToString::to_string);
    assert_eq!(statuses, [json!("approved"), json!("pending_approval")]);
    assert_eq!(server.ended(&id).await["status"], "completed");
    assert_eq!(kinds(&server, &id).await, ["created", "first_approval", "approved", "started", "completed"]);
}

#[tokio::test]
async fn only_those_whom_a_project_names_decide_about_it() {
    let server = shop().await;
    let (id_of_anna, anna) = new_key(&server, "anna", "approver").await;
    let named = |who: &str| json!({ "project": "shop", "bucket": "shop-site", "approvers": [who, "telegram:42"] });
    let id = ask(&server, &Site::new(214, 0, 1)).await;

    accepted(server.tool(Role::Admin, "bouncer_project_add", named("anna")).await);
    let (status, refused) = server.decide(Role::Approver, &id, "approve").await;
    assert_eq!((status, &refused["error_code"]), (403, &json!("FORBIDDEN")), "{refused:#}");
    accepted(server.tool(Role::Admin, "bouncer_project_add", named(&id_of_anna)).await);
    accepted(decide_with(&server, &anna, &id, "deny").await);
    assert_eq!(kinds(&server, &id).await, ["created", "refused", "denied"]);

    for (who, required) in [("telegram:", 1), ("anna", 3)] {
        let bad =
            json!({ "project": "shop", "bucket": "shop-site", "approvers": [who], "approvals_required": required });
        let (status, refused) = server.tool(Role::Admin, "bouncer_project_add", bad).await;
        assert_eq!(status, 400, "{refused:#}");
    }
}
