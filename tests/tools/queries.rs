//! Tools that only look: status, what waits, projects, help.

use serde_json::{Value, json};

use super::{accepted, approve, ask_frontend, assert_expires_in, frontend_request, refused, refused_naming};
use crate::support::{Role, Server, Site, text};

#[tokio::test]
async fn a_request_can_be_followed() {
    let server = shop().await;
    let pending = ask_frontend(&server, "shop", &Site::new(41, 0, 1)).await;
    let id = json!({ "request_id": pending["request_id"] });

    let waiting = accepted(server.tool(Role::Agent, "bouncer_status", id.clone()).await);
    assert_eq!(waiting["status"], "pending_approval", "{waiting:#}");
    assert_eq!(waiting["request_id"], pending["request_id"], "{waiting:#}");
    assert_expires_in(&waiting["expires_at"], std::time::Duration::from_secs(600));
    assert!(waiting.get("result").is_none_or(Value::is_null), "it has not ended: {waiting:#}");
    assert!(!waiting.to_string().contains("token"), "a task token is nobody's business: {waiting:#}");

    approve(&server, &pending["request_id"]).await;
    let ended = accepted(server.tool(Role::Agent, "bouncer_status", id).await);
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert!(ended["result"].is_object(), "{ended:#}");
    assert!(!text(&ended["decided_by"]).is_empty(), "{ended:#}");
    assert!(!ended.to_string().contains("token"), "{ended:#}");
}

#[tokio::test]
async fn an_unknown_request_is_not_found() {
    let server = Server::start().await;
    for id in ["no-such-request", "..", "' OR 1=1 --", "\u{1f4a5}", &"x".repeat(5000)] {
        let answer = server.tool(Role::Agent, "bouncer_status", json!({ "request_id": id })).await;
        refused(answer, &["NOT_FOUND"]);
    }
}

#[tokio::test]
async fn an_unknown_deploy_is_an_answer() {
    let server = Server::start().await;
    let answer = server.tool(Role::Agent, "bouncer_deploy_status", json!({ "deploy_id": "no-such-deploy" })).await;
    assert_eq!(accepted(answer)["status"], "not_found");
}

#[tokio::test]
async fn what_waits_is_listed_soonest_first() {
    let server = shop().await;
    let empty = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({})).await);
    assert_eq!((&empty["requests"], &empty["count"]), (&json!([]), &json!(0)), "{empty:#}");

    let mut ids = Vec::new();
    for (seed, source) in [(42, "first"), (43, "second"), (44, "first")] {
        let mut arguments = frontend_request("shop", &Site::new(seed, 0, 1));
        arguments["source"] = json!(source);
        arguments["reason"] = json!("because it is time");
        ids.push(accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await)["request_id"].clone());
    }

    let all = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({})).await);
    assert_eq!(all["count"], 3, "{all:#}");
    assert_eq!(request_ids(&all), ids);
    for request in all["requests"].as_array().unwrap() {
        assert!(!text(&request["action"]).is_empty(), "{request:#}");
        let summary = text(&request["summary"]);
        assert!(!summary.is_empty() && summary.chars().count() <= 100, "{request:#}");
        assert_eq!(request["project"], "shop", "{request:#}");
        assert_eq!(request["reason"], "because it is time", "{request:#}");
        assert!(request["age_seconds"].as_u64().unwrap() < 60, "{request:#}");
        assert_expires_in(&request["expires_at"], std::time::Duration::from_secs(600));
    }

    let first = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({ "source": "first" })).await);
    assert_eq!(request_ids(&first), [ids[0].clone(), ids[2].clone()]);
    let one = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({ "limit": 1 })).await);
    assert_eq!(request_ids(&one), [ids[0].clone()]);

    accepted(server.decide(Role::Approver, text(&ids[0]), "deny").await);
    let rest = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({ "limit": 100 })).await);
    assert_eq!(request_ids(&rest), ids[1..]);
}

#[tokio::test]
async fn a_limit_is_between_one_and_a_hundred() {
    let server = Server::start().await;
    for limit in [json!(0), json!(101), json!(-1), json!(1.5), json!("ten"), json!(1e30), json!([])] {
        let answer = server.tool(Role::Agent, "bouncer_list_pending", json!({ "limit": limit })).await;
        assert_eq!(answer.0, 400, "{limit}: {:#}", answer.1);
        refused_naming(answer, &["INVALID_PARAM"], "limit");
    }
    for limit in [1, 20, 100] {
        accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({ "limit": limit })).await);
    }
}

#[tokio::test]
async fn a_caller_sees_its_own_requests_and_an_approver_sees_all() {
    let server = shop().await;
    let own = ask_frontend(&server, "shop", &Site::new(45, 0, 1)).await;
    let arguments = frontend_request("shop", &Site::new(46, 0, 1));
    let foreign = accepted(server.tool(Role::Approver, "bouncer_deploy_frontend", arguments).await);
    let foreign = json!({ "request_id": foreign["request_id"] });

    refused(server.tool(Role::Agent, "bouncer_status", foreign.clone()).await, &["NOT_FOUND"]);
    let seen = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({})).await);
    assert_eq!(request_ids(&seen), [own["request_id"].clone()]);

    for role in [Role::Approver, Role::Admin] {
        accepted(server.tool(role, "bouncer_status", foreign.clone()).await);
        let seen = accepted(server.tool(role, "bouncer_list_pending", json!({})).await);
        assert_eq!(seen["count"], 2, "{role:?}: {seen:#}");
    }
}

#[tokio::test]
async fn projects_are_added_by_an_admin_alone() {
    let server = Server::start().await;
    let arguments = json!({ "project": "shop", "bucket": "shop-site" });
    for role in [Role::Agent, Role::Approver] {
        refused(server.tool(role, "bouncer_project_add", arguments.clone()).await, &["FORBIDDEN"]);
    }
    let none = accepted(server.tool(Role::Agent, "bouncer_project_list", json!({})).await);
    assert!(!none.to_string().contains("\"shop\""), "{none:#}");

    accepted(server.tool(Role::Admin, "bouncer_project_add", arguments).await);
    let listed = accepted(server.tool(Role::Agent, "bouncer_project_list", json!({})).await);
    assert!(listed.to_string().contains("\"shop\""), "{listed:#}");
}

#[tokio::test]
async fn a_project_with_a_bad_name_or_bucket_is_refused() {
    let server = Server::start().await;
    let codes = ["VALIDATION_ERROR", "INVALID_PARAM", "MISSING_PARAM"];
    for (project, bucket) in [
        ("", "shop-site"),
        ("a/b", "shop-site"),
        ("..", "shop-site"),
        ("a b", "shop-site"),
        ("shop", ""),
        ("shop", "Shop"),
        ("shop", "a"),
        ("shop", "../shop"),
        ("shop", "a..b"),
        ("shop", "192.168.0.1"),
    ] {
        let arguments = json!({ "project": project, "bucket": bucket });
        let (status, body) = server.tool(Role::Admin, "bouncer_project_add", arguments).await;
        assert_eq!(status, 400, "{project:?} {bucket:?}: {body:#}");
        refused((status, body), &codes);
    }
}

#[tokio::test]
async fn help_names_every_tool() {
    let server = Server::start().await;
    let help = accepted(server.tool(Role::Agent, "bouncer_help", json!({})).await).to_string();
    for (tool, _) in super::REQUIRED {
        assert!(help.contains(tool), "{tool} is not in the help");
    }
}

async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

fn request_ids(pending: &Value) -> Vec<Value> {
    pending["requests"].as_array().unwrap().iter().map(|request| request["request_id"].clone()).collect()
}
