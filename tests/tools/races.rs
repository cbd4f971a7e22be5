//! Many hands on one request: one decision, one run, one row, whoever is first.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::{
    Answer, accepted, approve, ask_frontend, assert_serves, assert_serves_nothing, frontend_request, refused,
    upload_all,
};
use crate::support::{Options, Role, Server, Site, answer, text, wait_until};

async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

/// A new key: its secret and its id.
async fn new_key(server: &Server, name: &str, role: &str) -> (String, String) {
    let arguments = json!({ "name": name, "role": role });
    let made = accepted(server.tool(Role::Admin, "bouncer_key_create", arguments).await);
    (text(&made["key"]).to_owned(), text(&made["key_id"]).to_owned())
}

async fn decide_with(server: &Server, key: &str, id: &str, decision: &str) -> Answer {
    let request = server.request(reqwest::Method::POST, &format!("/v1/requests/{id}/decision"));
    answer(request.bearer_auth(key).json(&json!({ "decision": decision }))).await
}

async fn history(server: &Server) -> Vec<Value> {
    let arguments = json!({ "project": "shop", "limit": 100 });
    let history = accepted(server.tool(Role::Agent, "bouncer_deploy_history", arguments).await);
    history["deploys"].as_array().expect("rows").clone()
}

fn assert_conflict(answer: Answer, words: &str) {
    assert_eq!(answer.0, 409, "{:#}", answer.1);
    let body = refused(answer, &["CONFLICT"]);
    assert!(text(&body["error"]).contains(words), "{body:#}");
}

#[tokio::test]
async fn twenty_approvers_at_once_make_one_decision() {
    let server = shop().await;
    let keys = join_all((0..20).map(|n| {
        let server = &server;
        async move { (format!("approver {n}"), new_key(server, &format!("approver {n}"), "approver").await.0) }
    }))
    .await;
    let mut releases = 0;
    for round in 0..5 {
        let site = Site::new(700 + round, 1, 3);
        let pending = ask_frontend(&server, "shop", &site).await;
        let id = text(&pending["request_id"]);
        let presses = keys.iter().enumerate().map(|(n, (name, key))| {
            let word = if n % 2 == 0 { "approve" } else { "deny" };
            let server = &server;
            async move { (name, word, decide_with(server, key, id, word).await) }
        });

        let (won, lost): (Vec<_>, Vec<_>) =
            join_all(presses).await.into_iter().partition(|(_, _, answer)| answer.0 == 200);

        assert_eq!(won.len(), 1, "{won:#?}");
        let (winner, word, decided) = &won[0];
        assert_eq!(decided.1["decided_by"], **winner);
        for (_, _, answer) in lost {
            assert_eq!(answer.1["decided_by"], **winner, "{:#}", answer.1);
            assert_conflict(answer, "already handled");
        }
        let ended = server.ended(id).await;
        assert_eq!(ended["decided_by"], **winner);
        let rows = history(&server).await;
        let runs = rows.iter().filter(|row| row["request_id"] == id).count();
        if *word == "approve" {
            releases += 1;
            assert_eq!((text(&ended["status"]), runs), ("completed", 1));
            assert_serves(&server, "shop", &site).await;
        } else {
            assert_eq!((text(&ended["status"]), runs), ("denied", 0));
        }
        assert_eq!(rows.len(), releases, "{rows:#?}");
    }
}

#[tokio::test]
async fn one_confirmation_sent_many_times_is_one_request() {
    let server = shop().await;
    let site = Site::new(710, 1, 4);
    let declared = json!({ "project": "shop", "files": site.declared() });
    let ready = accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", declared).await);
    upload_all(&ready, &site).await;
    let confirm = || {
        server.tool(
            Role::Agent,
            "bouncer_confirm_frontend_deploy",
            json!({
                "request_id": ready["request_id"], "project": "shop", "files": site.declared(),
                "reason": "a test", "source": "tests",
            }),
        )
    };

    let answers = join_all((0..10).map(|_| confirm())).await;

    let plans: BTreeSet<String> = answers
        .into_iter()
        .map(|answer| {
            let body = accepted(answer);
            assert_eq!((&body["status"], &body["request_id"]), (&json!("pending_approval"), &ready["request_id"]));
            format!("{} {}", body["plan_hash"], body["expires_at"])
        })
        .collect();
    assert_eq!(plans.len(), 1, "every answer tells the same: {plans:#?}");
    let pending = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({})).await);
    assert_eq!(pending["count"], 1, "{pending:#}");
    let ended = approve(&server, &ready["request_id"]).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(history(&server).await.len(), 1);
    assert_serves(&server, "shop", &site).await;
    // A late repetition tells where it stands and starts nothing.
    assert_eq!(accepted(confirm().await)["status"], "completed");
    assert_eq!(history(&server).await.len(), 1);
}

#[tokio::test]
async fn nobody_decides_after_the_window() {
    let server = Server::start_with(Options { arguments: &["--approval-window", "1"], ..Options::default() }).await;
    server.add_project("shop").await;
    let pending = ask_frontend(&server, "shop", &Site::new(720, 1, 1)).await;
    assert_eq!(pending["expires_in"], "1 seconds");
    let id = text(&pending["request_id"]);

    let ended = server.ended(id).await;

    assert_eq!(ended["status"], "expired", "{ended:#}");
    for word in ["approve", "deny", "approve"] {
        assert_conflict(server.decide(Role::Approver, id, word).await, "expired");
    }
    let deploy = json!({ "deploy_id": pending["deploy_id"] });
    let deploy = accepted(server.tool(Role::Agent, "bouncer_deploy_status", deploy).await);
    assert_eq!(deploy["status"], "expired", "{deploy:#}");
    // The record says so too, not only the clock.
    wait_until("the request's end to be stored", Duration::from_secs(20), async || {
        let status = accepted(server.tool(Role::Agent, "bouncer_status", json!({ "request_id": id })).await);
        assert_eq!(status["status"], "expired", "{status:#}");
        status.get("finished_at").is_some().then_some(())
    })
    .await;
    assert_eq!(history(&server).await.len(), 0);
    assert_serves_nothing(&server, "shop").await;
}

#[tokio::test]
async fn a_window_that_ends_while_the_server_is_down_has_ended() {
    let options = Options { arguments: &["--approval-window", "1"], ..Options::default() };
    let mut server = Server::start_with(options).await;
    server.add_project("shop").await;
    let pending = ask_frontend(&server, "shop", &Site::new(721, 1, 1)).await;
    let id = text(&pending["request_id"]).to_owned();
    let end: jiff::Timestamp = text(&pending["expires_at"]).parse().unwrap();
    server.kill9();
    wait_until("the window to end", Duration::from_secs(20), async || (jiff::Timestamp::now() > end).then_some(()))
        .await;

    server.restart_with(Options::default()).await;

    assert_conflict(server.decide(Role::Approver, &id, "approve").await, "expired");
    assert_eq!(server.ended(&id).await["status"], "expired");
    assert_serves_nothing(&server, "shop").await;
}

#[tokio::test]
async fn a_press_at_the_last_moment_counts_wholly_or_not_at_all() {
    const REQUESTS: u64 = 16;
    // Long enough for all of them to be asked.
    let server = Server::start_with(Options { arguments: &["--approval-window", "3"], ..Options::default() }).await;
    for n in 0..REQUESTS {
        server.add_project(&format!("shop-{n}")).await;
    }
    let races = join_all((0..REQUESTS).map(|n| {
        let server = &server;
        async move {
            let (project, site) = (format!("shop-{n}"), Site::new(730 + n, 0, 1));
            let pending = ask_frontend(server, &project, &site).await;
            let end: jiff::Timestamp = text(&pending["expires_at"]).parse().unwrap();
            // From a little before the end to a little after it.
            let press = end + jiff::SignedDuration::from_millis(n as i64 * 12 - 90);
            let wait = Duration::try_from(press.duration_since(jiff::Timestamp::now())).unwrap_or_default();
            tokio::time::sleep(wait).await;
            let id = text(&pending["request_id"]).to_owned();
            let answer = server.decide(Role::Approver, &id, "approve").await;
            (project, site, id, answer)
        }
    }))
    .await;
    for (project, site, id, answer) in races {
        let ended = server.ended(&id).await;
        if answer.0 == 200 {
            // A status read between the last moment and the stored decision may have said "expired".
            let ended = wait_until("the decision to be carried out", Duration::from_secs(20), async || {
                let ended = server.ended(&id).await;
                (ended["status"] == "completed").then_some(ended)
            })
            .await;
            assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
            assert_serves(&server, &project, &site).await;
        } else {
            assert_conflict(answer, "expired");
            assert_eq!(ended["status"], "expired", "{ended:#}");
            assert_serves_nothing(&server, &project).await;
        }
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_any_more() {
    let server = shop().await;
    let site = Site::new(740, 0, 1);
    for role in ["agent", "approver", "admin"] {
        let (key, id) = new_key(&server, "short-lived", role).await;
        let pending =
            accepted(server.tool_with_key(&key, "bouncer_deploy_frontend", &frontend_request("shop", &site)).await);
        accepted(server.tool(Role::Admin, "bouncer_key_revoke", json!({ "key_id": id })).await);

        assert_eq!(server.tool_with_key(&key, "bouncer_help", &json!({})).await.0, 401, "{role}");
        let other = ask_frontend(&server, "shop", &site).await;
        assert_eq!(decide_with(&server, &key, text(&other["request_id"]), "approve").await.0, 401, "{role}");
        let mcp = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        let request = server.request(reqwest::Method::POST, "/mcp").bearer_auth(&key).json(&mcp);
        assert_eq!(request.send().await.unwrap().status(), 401, "{role}");
        // What it asked for before is still there to be decided.
        accepted(server.decide(Role::Approver, text(&pending["request_id"]), "deny").await);
        // Revoking it again changes nothing.
        accepted(server.tool(Role::Admin, "bouncer_key_revoke", json!({ "key_id": id })).await);
    }
}

#[tokio::test]
async fn the_last_admin_cannot_lock_everybody_out() {
    let server = shop().await;
    let keys = accepted(server.tool(Role::Admin, "bouncer_key_list", json!({})).await);
    let admin = keys["keys"].as_array().unwrap().iter().find(|key| key["role"] == "admin").expect("an admin");
    let revoke = json!({ "key_id": admin["key_id"] });
    refused(server.tool(Role::Admin, "bouncer_key_revoke", revoke).await, &["VALIDATION_ERROR"]);
    accepted(server.tool(Role::Admin, "bouncer_key_list", json!({})).await);
}

#[tokio::test]
async fn an_approvers_own_request_needs_another() {
    let server = shop().await;
    let site = Site::new(750, 0, 1);
    let (key, _) = new_key(&server, "somebody", "approver").await;
    let request = frontend_request("shop", &site);
    let pending = accepted(server.tool_with_key(&key, "bouncer_deploy_frontend", &request).await);
    let id = text(&pending["request_id"]);

    for word in ["approve", "deny"] {
        let answer = decide_with(&server, &key, id, word).await;
        assert_eq!(answer.0, 403, "{:#}", answer.1);
        refused(answer, &["FORBIDDEN"]);
    }
    assert_serves_nothing(&server, "shop").await;
    let ended = approve(&server, &pending["request_id"]).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    // After the fact it is still not theirs to decide.
    assert_eq!(decide_with(&server, &key, id, "approve").await.0, 403);
}

#[tokio::test]
async fn admins_at_once_give_a_bucket_once_and_all_others_theirs() {
    let server = Server::start().await;
    for round in 0..4 {
        give_buckets(&server, round, 12).await;
    }
}

/// Half of the calls want one bucket; each of the others wants its own.
pub async fn give_buckets(server: &Server, round: usize, calls: usize) {
    let name = |n: usize| format!("site-{round}-{n}");
    let bucket = |n: usize| if n.is_multiple_of(2) { format!("wanted-{round}") } else { name(n) };
    let answers = join_all((0..calls).map(|n| async move {
        let arguments = json!({ "project": name(n), "bucket": bucket(n) });
        server.tool(Role::Admin, "bouncer_project_add", arguments).await
    }))
    .await;
    let mut holders = Vec::new();
    for (n, (status, body)) in answers.into_iter().enumerate() {
        match (n % 2, status) {
            (1, 200) => {}
            (0, 200) => holders.push(name(n)),
            (0, 409) => assert!(text(&body["error"]).contains("is already that of the project"), "{body:#}"),
            other => panic!("{other:?}: {body:#}"),
        }
    }
    assert_eq!(holders.len(), 1, "the bucket has one project: {holders:?}");

    // Moving there is no other way in.
    let moved = json!({ "project": name(1), "bucket": bucket(0) });
    assert_conflict(server.tool(Role::Admin, "bouncer_project_add", moved).await, "is already that of the project");
    let listed = accepted(server.tool(Role::Admin, "bouncer_project_list", json!({})).await);
    let listed = listed["projects"].as_array().unwrap();
    let of_round = |it: &&Value| text(&it["project_id"]).starts_with(&format!("site-{round}-"));
    assert_eq!(listed.iter().filter(of_round).count(), calls / 2 + 1, "{listed:#?}");
}
