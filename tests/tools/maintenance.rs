//! A bucket that was filled without Bouncer is adopted, and a site pruned without a deploy: with the real server, as an
//! admin and nobody else does it.

use serde_json::{Value, json};

use super::{accepted, approve, ask_frontend, assert_nothing_pending, assert_serves, refused_naming};
use crate::support::{Cli, Role, Server, Site, Stored, text};

const BUCKET: &str = "shop-site";

/// Fills the bucket past Bouncer, with headers that Bouncer would give.
async fn fill(server: &Server, site: &Site) {
    let storage = server.storage();
    for file in site.files() {
        let content_type = if file.path.ends_with(".html") { "text/html; charset=utf-8" } else { "text/plain" };
        let cache_control = if file.path.ends_with(".html") { "no-cache, no-store, must-revalidate" } else { "public" };
        let (content_type, cache_control) = (content_type.to_owned(), cache_control.to_owned());
        storage.put_as(BUCKET, &file.path, &Stored { bytes: file.bytes.clone(), content_type, cache_control }).await;
    }
}

async fn run(server: &Server, arguments: &[&str], code: i32) -> String {
    let done = Cli::on(server, arguments).run().await;
    assert_eq!(done.code, Some(code), "{arguments:?}: {}{}", done.stdout, done.stderr);
    done.stdout
}

#[tokio::test]
async fn only_an_admin_may() {
    let server = Server::start().await;
    server.add_project("shop").await;
    for tool in ["bouncer_frontend_adopt", "bouncer_frontend_prune"] {
        for role in [Role::Agent, Role::Approver] {
            let refused = refused_naming(
                server.tool(role, tool, json!({ "project": "shop" })).await,
                &["FORBIDDEN"],
                "needs a key of the role 'admin'",
            );
            assert!(text(&refused["suggestion"]).contains("'admin'"), "{refused:#}");
        }
        let unknown = server.tool(Role::Admin, tool, json!({ "project": "shp" })).await;
        refused_naming(unknown, &["UNKNOWN_PROJECT"], "shp");
        let long = json!({ "project": "shop", "reason": "x".repeat(2001) });
        refused_naming(server.tool(Role::Admin, tool, long).await, &["CONFLICT", "INVALID_PARAM"], "");
    }
    let prune = server.tool(Role::Admin, "bouncer_frontend_prune", json!({ "project": "shop" })).await;
    refused_naming(prune, &["CONFLICT"], "has no release yet");
    let disabled = json!({ "project": "shop", "bucket": BUCKET, "enabled": false });
    accepted(server.tool(Role::Admin, "bouncer_project_add", disabled).await);
    let disabled = server.tool(Role::Admin, "bouncer_frontend_adopt", json!({ "project": "shop" })).await;
    refused_naming(disabled, &["PROJECT_DISABLED"], "shop");
    let backend = json!({ "project": "api", "git_repo": "acme/api", "stack_name": "api" });
    accepted(server.tool(Role::Admin, "bouncer_project_backend", backend).await);
    let no_site = server.tool(Role::Admin, "bouncer_frontend_adopt", json!({ "project": "api" })).await;
    refused_naming(no_site, &["PREFLIGHT_FAILED"], "no frontend bucket");
}

/// What the records say of it: the request, the history, the list of releases, the audit chain; and nothing waits.
#[tokio::test]
async fn the_records_tell_it() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(301, 2, 3);
    fill(&server, &site).await;
    let arguments = json!({ "project": "shop", "source": "ada (moving in)" });
    let started = accepted(server.tool(Role::Admin, "bouncer_frontend_adopt", arguments).await);
    assert_eq!(started["status"], "started", "{started:#}");
    assert_nothing_pending(&server).await;
    let ended = server.ended(text(&started["request_id"])).await;
    assert_eq!((&ended["status"], &ended["action"]), (&json!("completed"), &json!("frontend_adopt")), "{ended:#}");
    assert_eq!(ended["result"]["adopted_count"], 6, "{ended:#}");
    let decided = server.decide(Role::Approver, text(&started["request_id"]), "approve").await;
    refused_naming(decided, &["CONFLICT"], "");

    let ask = async |role: Role, tool: &str, arguments: Value| accepted(server.tool(role, tool, arguments).await);
    let project = json!({ "project": "shop" });
    let releases = ask(Role::Agent, "bouncer_frontend_releases", project.clone()).await;
    let release = &releases["releases"][0];
    assert_eq!((&release["adopted"], &release["current"]), (&json!(true), &json!(true)), "{releases:#}");
    assert_eq!(release["triggered_by"], "ada (moving in)", "{releases:#}");
    assert_eq!(release["reason"], "Adopt bucket shop-site as the first release of shop", "{releases:#}");
    let history = ask(Role::Agent, "bouncer_deploy_history", project.clone()).await;
    assert_eq!(history["deploys"][0]["deploy_id"], started["deploy_id"], "{history:#}");
    assert_eq!(history["deploys"][0]["status"], "SUCCESS", "{history:#}");
    let deploy = ask(Role::Admin, "bouncer_deploy_status", json!({ "deploy_id": started["deploy_id"] })).await;
    assert_eq!(deploy["status"], "SUCCESS", "{deploy:#}");
    let shown = ask(Role::Approver, "bouncer_request_show", json!({ "request_id": started["request_id"] })).await;
    assert_eq!(shown["action"], "frontend_adopt", "{shown:#}");

    let again = server.tool(Role::Admin, "bouncer_frontend_adopt", project.clone()).await;
    refused_naming(again, &["CONFLICT"], text(&release["release_id"]));
    let pruned = ask(Role::Admin, "bouncer_frontend_prune", project).await;
    let pruned = server.ended(text(&pruned["request_id"])).await;
    assert_eq!((&pruned["status"], &pruned["result"]["removed_count"]), (&json!("completed"), &json!(0)), "{pruned:#}");
    assert_eq!(pruned.get("deploy_id"), None, "{pruned:#}");

    let asked = ask(Role::Approver, "bouncer_history", json!({ "action": "frontend_prune" })).await;
    assert_eq!(asked["requests"][0]["request_id"], pruned["request_id"], "{asked:#}");
    let audit = ask(Role::Approver, "bouncer_audit_list", json!({})).await;
    let events = audit["events"].as_array().unwrap().iter().filter(|it| it["request_id"] == started["request_id"]);
    let events: Vec<&str> = events.map(|it| text(&it["kind"])).filter(|event| *event != "refused").collect();
    assert_eq!(events, ["completed", "started", "created"], "{audit:#}");
    assert_eq!(ask(Role::Approver, "bouncer_audit_verify", json!({})).await["status"], "intact");
}

#[tokio::test]
async fn on_the_command_line() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut site = Site::new(302, 1, 2);
    fill(&server, &site).await;
    server.storage().put(BUCKET, "docs/", b"").await;
    let looked = run(&server, &["frontend", "adopt", "shop", "--dry-run"], 0).await;
    assert!(looked.starts_with("Looked at; nothing was done: req-"), "{looked}");
    assert!(looked.contains("docs/: is a folder marker, not a file"), "{looked}");
    run(&server, &["frontend", "prune", "shop"], 6).await;
    let adopted = run(&server, &["frontend", "adopt", "shop", "--reason", "moving in"], 0).await;
    assert!(adopted.starts_with("Adopted: req-") && adopted.contains("4 files"), "{adopted}");
    run(&server, &["frontend", "adopt", "shop"], 6).await;
    let listed = run(&server, &["frontend", "releases", "shop"], 0).await;
    assert!(listed.contains("adopted: moving in"), "{listed}");

    // An asset is dropped, and no release that is kept needs it.
    let asset = site.files().iter().find(|file| file.path.starts_with("assets/")).unwrap().path.clone();
    site.remove(&asset);
    let pending = ask_frontend(&server, "shop", &site).await;
    let deployed = approve(&server, &pending["request_id"]).await;
    assert_eq!(deployed["result"]["unchanged_count"], 2, "the pages are as they were: {deployed:#}");
    let keep = json!({ "project": "shop", "bucket": BUCKET, "retain_releases": 1, "asset_grace_hours": 0 });
    accepted(server.tool(Role::Admin, "bouncer_project_add", keep).await);
    let started = run(&server, &["frontend", "prune", "shop", "--no-wait", "--json"], 0).await;
    let started: Value = serde_json::from_str(&started).unwrap();
    let pruned = server.ended(text(&started["request_id"])).await;
    assert_eq!(pruned["result"]["removed_count"], 1, "{pruned:#}");
    let again = run(&server, &["frontend", "prune", "shop", "--json"], 0).await;
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["status"], &again["result"]["removed_count"]), (&json!("completed"), &json!(0)), "{again:#}");
    assert!(server.storage().get(BUCKET, &asset).await.is_none());
    assert_serves(&server, "shop", &site).await;
}

/// Killed at any moment the adoption is carried on with, and nothing in the bucket is touched.
#[tokio::test]
async fn killed_by_force_and_started_again() {
    let mut server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(303, 20, 400);
    fill(&server, &site).await;
    let before = server.storage().list(BUCKET, "").await;
    let started = accepted(server.tool(Role::Admin, "bouncer_frontend_adopt", json!({ "project": "shop" })).await);
    server.kill9();
    server.restart().await;
    let ended = server.ended(text(&started["request_id"])).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(ended["result"]["adopted_count"], site.files().len(), "{ended:#}");
    assert_eq!(server.storage().list(BUCKET, "").await, before);
    assert_serves(&server, "shop", &site).await;
}
