//! A disk that is full: what needs room fails with a sentence, the rest goes on, and with room again all is well.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Cli, Options, Role, Server, Site, text, wait_until};
use crate::tools::{accepted, approve, assert_serves, frontend_request, put};

const MEGABYTE: usize = 1 << 20;

#[tokio::test]
async fn a_file_that_finds_no_room_is_refused_and_the_next_is_taken() {
    let limit = Options { file_limit_kib: Some(6 * 1024), ..Options::default() };
    let mut server = Server::start_with(limit).await;
    server.add_project("shop").await;
    let mut site = Site::new(900, 1, 2);
    site.put("assets/film-0123456789.webm", vec![7; 7 * MEGABYTE]);

    let declared = json!({ "project": "shop", "files": site.declared() });
    let ready = accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", declared.clone()).await);
    for issued in ready["files"].as_array().unwrap() {
        let file = site.file(text(&issued["filename"]));
        let expected = if file.bytes.len() > 6 * MEGABYTE { 507 } else { 200 };
        assert_eq!(put(issued, file.bytes.clone()).await, expected, "{}", file.path);
    }
    let mut confirmation = declared;
    for (name, value) in [("request_id", &ready["request_id"]), ("reason", &json!("a test")), ("source", &json!("t"))] {
        confirmation[name] = value.clone();
    }
    let (status, missing) = server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", confirmation).await;
    assert_eq!((status, &missing["missing"]), (400, &json!(["assets/film-0123456789.webm"])), "{missing:#}");

    let dir = site.dir().to_str().unwrap();
    let deploy = ["frontend", "deploy", dir, "--project", "shop", "--reason", "a test"];
    let refused = Cli::on(&server, &deploy).run().await;
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    let sentence = "error: 'assets/film-0123456789.webm' could not be uploaded: storage answered InsufficientStorage.";
    assert!(refused.stderr.contains(sentence), "{refused:#?}");

    // What fits goes on as ever, on the same server.
    let small = Site::new(901, 1, 3);
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &small)).await);
    assert_eq!(approve(&server, &pending["request_id"]).await["status"], "completed");
    assert_serves(&server, "shop", &small).await;

    // With room again the same command does it.
    server.restart_with(Options::default()).await;
    let pending = Cli::on(&server, &[&deploy[..], &["--json"]].concat()).run().await;
    assert_eq!(pending.code, Some(0), "{pending:#?}");
    let pending: Value = serde_json::from_str(&pending.stdout).unwrap();
    assert_eq!(approve(&server, &pending["request_id"]).await["status"], "completed");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn records_that_find_no_room_refuse_what_is_new_and_keep_what_was() {
    let limit = Options { file_limit_kib: Some(1024), ..Options::default() };
    let mut server = Server::start_with(limit).await;
    let pid = server.pid();
    server.add_project("shop").await;
    let site = Site::new(910, 0, 1);
    let ask = || server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site));
    let mut asked = Vec::new();
    let refusal = wait_until("the records to be full", Duration::from_secs(60), async || {
        let (status, body) = ask().await;
        if status == 200 {
            asked.push(text(&body["request_id"]).to_owned());
            return None;
        }
        Some((status, body))
    })
    .await;
    assert!([500, 502, 503].contains(&refusal.0), "{refusal:#?}");
    assert_eq!(refusal.1["status"], "error");
    assert!(text(&refusal.1["error"]).ends_with('.') && !text(&refusal.1["suggestion"]).is_empty(), "{refusal:#?}");
    assert!(!asked.is_empty());

    // It lives, and what was stored can still be read.
    assert_eq!(server.request(reqwest::Method::GET, "/healthz").send().await.unwrap().status(), 200);
    for id in &asked {
        let status = accepted(server.tool(Role::Agent, "bouncer_status", json!({ "request_id": id })).await);
        assert_eq!(status["status"], "pending_approval");
    }
    assert_eq!(server.pid(), pid);

    // With room again every question that was accepted can be decided, and new ones are taken.
    server.restart_with(Options::default()).await;
    let ended = approve(&server, &json!(asked[0])).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    for id in &asked[1..] {
        accepted(server.decide(Role::Approver, id, "deny").await);
    }
    assert_serves(&server, "shop", &site).await;
    let pending = accepted(server.tool(Role::Approver, "bouncer_list_pending", json!({})).await);
    // A question that was refused either is not there, or the refusal said which one is.
    let left: Vec<&Value> = pending["requests"].as_array().unwrap().iter().map(|row| &row["request_id"]).collect();
    let told: Vec<&Value> = refusal.1.get("request_id").into_iter().collect();
    assert!(left.is_empty() || left == told, "{left:?} wait, {refusal:#?}");
}
