//! Who decides, and that one decision counts.

use serde_json::{Value, json};

use super::{
    accepted, approve, ask_frontend, assert_nothing_pending, assert_serves, assert_serves_nothing, frontend_request,
    refused,
};
use crate::support::{Cli, Role, Server, Site, answer, text};

#[tokio::test]
async fn a_denied_request_publishes_nothing() {
    let server = shop().await;
    let pending = ask_frontend(&server, "shop", &Site::new(51, 1, 1)).await;

    accepted(server.decide(Role::Approver, text(&pending["request_id"]), "deny").await);

    let ended = server.ended(text(&pending["request_id"])).await;
    assert_eq!(ended["status"], "denied", "{ended:#}");
    assert!(!text(&ended["decided_by"]).is_empty(), "{ended:#}");
    assert_handled(server.decide(Role::Approver, text(&pending["request_id"]), "approve").await);
    assert_eq!(server.ended(text(&pending["request_id"])).await["status"], "denied");
    assert_serves_nothing(&server, "shop").await;
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn a_decision_cannot_be_taken_back() {
    let server = shop().await;
    let site = Site::new(52, 1, 1);
    let pending = ask_frontend(&server, "shop", &site).await;
    approve(&server, &pending["request_id"]).await;

    for decision in ["approve", "deny"] {
        assert_handled(server.decide(Role::Approver, text(&pending["request_id"]), decision).await);
    }
    assert_eq!(server.ended(text(&pending["request_id"])).await["status"], "completed");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn an_agent_decides_nothing() {
    let server = shop().await;
    let pending = ask_frontend(&server, "shop", &Site::new(53, 0, 1)).await;

    for decision in ["approve", "deny"] {
        let answer = server.decide(Role::Agent, text(&pending["request_id"]), decision).await;
        assert_eq!(answer.0, 403, "{:#}", answer.1);
        refused(answer, &["FORBIDDEN"]);
    }

    assert_waits(&server, &pending).await;
    assert_serves_nothing(&server, "shop").await;
}

#[tokio::test]
async fn nobody_approves_their_own_request() {
    let server = shop().await;
    let arguments = frontend_request("shop", &Site::new(54, 0, 1));
    let pending = accepted(server.tool(Role::Approver, "bouncer_deploy_frontend", arguments).await);

    let answer = server.decide(Role::Approver, text(&pending["request_id"]), "approve").await;

    assert_eq!(answer.0, 403, "{:#}", answer.1);
    refused(answer, &["FORBIDDEN"]);
    assert_waits(&server, &pending).await;
    assert_serves_nothing(&server, "shop").await;
}

#[tokio::test]
async fn a_decision_that_was_not_offered_is_refused() {
    let server = shop().await;
    let pending = ask_frontend(&server, "shop", &Site::new(55, 0, 1)).await;
    let path = format!("/v1/requests/{}/decision", text(&pending["request_id"]));
    for body in [
        json!({ "decision": "maybe" }),
        json!({ "decision": "APPROVE " }),
        json!({ "decision": "" }),
        json!({ "decision": true }),
        json!({ "decision": ["approve"] }),
        json!({}),
        json!("approve"),
    ] {
        let request = server.request(reqwest::Method::POST, &path).bearer_auth(server.key(Role::Approver));
        let answer = answer(request.json(&body)).await;
        assert_eq!(answer.0, 400, "{body}: {:#}", answer.1);
        refused(answer, &["INVALID_PARAM", "MISSING_PARAM", "VALIDATION_ERROR"]);
    }
    assert_waits(&server, &pending).await;
}

#[tokio::test]
async fn an_unknown_request_cannot_be_decided() {
    let server = Server::start().await;
    let answer = server.decide(Role::Approver, "no-such-request", "approve").await;
    assert_eq!(answer.0, 404, "{:#}", answer.1);
    refused(answer, &["NOT_FOUND"]);
}

#[tokio::test]
async fn many_presses_at_once_give_one_run() {
    let server = shop().await;
    let site = Site::new(56, 2, 4);
    let pending = ask_frontend(&server, "shop", &site).await;
    let id = text(&pending["request_id"]);

    let presses = (0..24).map(|n| server.decide(Role::Approver, id, if n % 2 == 0 { "approve" } else { "deny" }));
    let answers = futures::future::join_all(presses).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().enumerate().partition(|(_, (status, _))| *status == 200);
    assert_eq!(won.len(), 1, "one press counts: {won:#?}");
    for (_, answer) in lost {
        assert_handled(answer);
    }
    let ended = server.ended(id).await;
    let approved = won[0].0 % 2 == 0;
    assert_eq!(ended["status"], if approved { "completed" } else { "denied" }, "{ended:#}");
    if approved {
        assert_serves(&server, "shop", &site).await;
    } else {
        assert_serves_nothing(&server, "shop").await;
    }
}

#[tokio::test]
async fn a_waiting_request_outlives_a_crash() {
    let mut server = shop().await;
    let site = Site::new(57, 2, 4);
    let pending = ask_frontend(&server, "shop", &site).await;

    server.kill9();
    server.restart().await;

    assert_waits(&server, &pending).await;
    let ended = approve(&server, &pending["request_id"]).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn a_decision_outlives_a_crash() {
    let mut server = shop().await;
    let site = Site::new(58, 4, 60);
    let pending = ask_frontend(&server, "shop", &site).await;

    // Killed while it publishes, or just before, or just after.
    accepted(server.decide(Role::Approver, text(&pending["request_id"]), "approve").await);
    server.kill9();
    server.restart().await;

    let ended = server.ended(text(&pending["request_id"])).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn the_command_line_is_a_channel_too() {
    let server = shop().await;
    let site = Site::new(59, 1, 1);
    let pending = ask_frontend(&server, "shop", &site).await;
    let id = text(&pending["request_id"]);

    let listed = Cli::on(&server, &["request", "list", "--json"]).key(&server, Role::Approver).run().await;
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    let listed: Value = serde_json::from_str(&listed.stdout).expect("--json prints JSON alone on stdout");
    assert!(listed.to_string().contains(id), "{listed:#}");

    let approved = Cli::on(&server, &["request", "approve", id]).key(&server, Role::Approver).run().await;
    assert_eq!(approved.code, Some(0), "{approved:#?}");
    assert_eq!(server.ended(id).await["status"], "completed");
    assert_serves(&server, "shop", &site).await;
}

async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

/// Checks that a later press is told so.
fn assert_handled(answer: super::Answer) {
    assert_eq!(answer.0, 409, "{:#}", answer.1);
    let body = refused(answer, &["CONFLICT"]);
    assert!(text(&body["error"]).to_lowercase().contains("already handled"), "{body:#}");
}

/// Checks that a request still waits for its decision.
async fn assert_waits(server: &Server, pending: &Value) {
    let status = json!({ "request_id": pending["request_id"] });
    let status = accepted(server.tool(Role::Approver, "bouncer_status", status).await);
    assert_eq!(status["status"], "pending_approval", "{status:#}");
}
