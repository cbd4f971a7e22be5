//! Upload addresses that do not go into one answer, on both profiles.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::installation::Installation;
use crate::support::{Cli, Options, Role, Server, Site, text};
use crate::tools::upload_all;

const TOOL: &str = "bouncer_request_frontend_presigned";
/// Room for a few addresses.
const SMALL: (&str, &str) = ("BOUNCER_ANSWER_BYTES", "6000");

#[tokio::test(flavor = "multi_thread")]
async fn come_in_parts_from_one_process() {
    let server = Server::start_with(Options { environment: &[SMALL], ..Options::default() }).await;
    server.add_project("shop").await;
    come_in_parts(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn come_in_parts_from_functions() {
    let installation = Installation::with(&[SMALL]).await;
    installation.add_project("shop").await;
    come_in_parts(&installation.server).await;
}

#[tokio::test]
async fn of_a_small_site_come_at_once() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(131, 20, 300);
    let ready = ask(&server, Role::Agent, &json!({ "project": "shop", "files": site.declared() })).await;
    assert_eq!(ready["files"].as_array().unwrap().len(), 321);
    assert!(ready.get("next").is_none() && ready.get("files_remaining").is_none(), "{ready:#}");
}

async fn come_in_parts(server: &Server) {
    let site = Site::new(132, 4, 35);
    let arguments = json!({ "project": "shop", "files": site.declared(), "reason": "a test", "source": "tests" });
    let first = ask(server, Role::Agent, &arguments).await;
    refuses_what_does_not_fit(server, &arguments, &first["next"]).await;

    let parts = all_parts(server, &arguments, first).await;
    assert!(parts.len() > 3, "{} parts", parts.len());
    let named: Vec<&str> = parts.iter().flat_map(names).collect();
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "no file is named twice");
    assert_eq!(named.len(), 40, "every file is named");
    for part in &parts {
        assert_eq!(part["request_id"], parts[0]["request_id"], "one request");
        assert_eq!(part["expires_at"], parts[0]["expires_at"], "one end");
        assert!(part["files"].to_string().len() < 7000, "an answer is bounded");
    }

    // What is there already goes by the same parts.
    upload_all(&parts[0], &site).await;
    let again = ask(server, Role::Agent, &arguments).await;
    let skipped: usize = all_parts(server, &arguments, again).await.iter().map(|part| count(&part["skipped"])).sum();
    assert_eq!(skipped, count(&parts[0]["files"]));

    let confirm = with(&arguments, &json!({ "request_id": parts[0]["request_id"] }));
    let (status, early) = server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", confirm.clone()).await;
    assert_eq!((status, &early["missing_count"]), (400, &json!(40 - skipped)), "{early:#}");
    for part in &parts[1..] {
        upload_all(part, &site).await;
    }
    let (status, pending) = server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", confirm).await;
    assert_eq!((status, &pending["changes"]["added"]), (200, &json!(40)), "{pending:#}");
    let late = with(&arguments, &parts[0]["next"]);
    let (status, late) = server.tool(Role::Agent, TOOL, late).await;
    assert_eq!((status, &late["error_code"]), (409, &json!("CONFLICT")), "{late:#}");

    follows_by_itself(server).await;
}

/// The command line asks for all parts, and a human is asked once.
async fn follows_by_itself(server: &Server) {
    let site = Site::new(133, 3, 30);
    let dir = site.dir().to_str().unwrap();
    let deploy = ["--json", "frontend", "deploy", dir, "--project", "shop", "--reason", "a test"];
    let cli = Cli::new(server.scratch(), &deploy).env("BOUNCER_URL", server.url()).key(server, Role::Agent);
    let finished = cli.run().await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let submitted: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(submitted["uploaded"]["files"], 34, "{submitted:#}");
    let (status, decided) = server.decide(Role::Approver, text(&submitted["request_id"]), "approve").await;
    assert_eq!(status, 200, "{decided:#}");
    let ended = server.ended(text(&submitted["request_id"])).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
}

async fn refuses_what_does_not_fit(server: &Server, arguments: &Value, next: &Value) {
    let more = with(arguments, next);
    let (status, stranger) = server.tool(Role::Approver, TOOL, more.clone()).await;
    assert_eq!((status, &stranger["error_code"]), (404, &json!("NOT_FOUND")), "{stranger:#}");

    let mut fewer = more.clone();
    fewer["files"].as_array_mut().unwrap().pop();
    let beyond = with(&more, &json!({ "cursor": 40 }));
    let without = |name: &str| {
        let mut arguments = more.clone();
        arguments.as_object_mut().unwrap().remove(name);
        arguments
    };
    for (arguments, code, named) in [
        (fewer, "VALIDATION_ERROR", "the files"),
        (beyond, "INVALID_PARAM", "cursor of 40"),
        (without("cursor"), "MISSING_PARAM", "cursor"),
        (without("request_id"), "MISSING_PARAM", "request_id"),
    ] {
        let (status, refused) = server.tool(Role::Agent, TOOL, arguments).await;
        assert_eq!((status, &refused["error_code"]), (400, &json!(code)), "{refused:#}");
        assert!(text(&refused["error"]).contains(named), "{refused:#}");
    }
}

/// The first part and what follows it.
async fn all_parts(server: &Server, arguments: &Value, first: Value) -> Vec<Value> {
    let mut left = 40;
    let mut parts = vec![first];
    loop {
        let part = parts.last().unwrap();
        let covered = count(&part["files"]) + count(&part["skipped"]);
        assert!(covered > 0, "{part:#}");
        left -= covered;
        if part.get("next").is_none() {
            assert_eq!((left, part.get("files_remaining")), (0, None), "{part:#}");
            return parts;
        }
        assert_eq!(part["files_remaining"], left, "{part:#}");
        let more = ask(server, Role::Agent, &with(arguments, &part["next"])).await;
        parts.push(more);
    }
}

async fn ask(server: &Server, role: Role, arguments: &Value) -> Value {
    let (status, ready) = server.tool(role, TOOL, arguments.clone()).await;
    assert_eq!((status, &ready["status"]), (200, &json!("ready")), "{ready:#}");
    ready
}

fn names(part: &Value) -> Vec<&str> {
    part["files"].as_array().unwrap().iter().map(|file| text(&file["filename"])).collect()
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

fn with(arguments: &Value, more: &Value) -> Value {
    let mut all = arguments.clone();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}
