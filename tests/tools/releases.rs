//! Releases: listed, gone back to, kept for a while, and what a deploy must not take away.

use http::StatusCode;
use serde_json::{Value, json};

use super::{accepted, approve, ask_frontend, assert_serves, frontend_request, refused_naming};
use crate::support::{Cli, Role, Server, Site, Storage, Stored, text};

async fn deploy(server: &Server, site: &Site) -> Value {
    let pending = ask_frontend(server, "shop", site).await;
    let ended = approve(server, &pending["request_id"]).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    ended["result"].clone()
}

async fn releases(server: &Server) -> Vec<Value> {
    let list = accepted(server.tool(Role::Agent, "bouncer_frontend_releases", json!({ "project": "shop" })).await);
    list["releases"].as_array().unwrap().clone()
}

async fn keep(server: &Server, releases: u32, hours: u32) {
    let row =
        json!({ "project": "shop", "bucket": "shop-site", "retain_releases": releases, "asset_grace_hours": hours });
    accepted(server.tool(Role::Admin, "bouncer_project_add", row).await);
}

fn rollback(release: Option<&str>) -> Value {
    json!({ "project": "shop", "reason": "it is broken", "source": "tests", "release": release })
}

/// A site whose names are odd, with an edit of every kind between two of them.
fn odd_site(edited: bool) -> Site {
    let mut site = Site::new(71, 1, 4);
    for name in ["a b/c+d.txt", "größe/日本.txt", "100%/50%25.txt", "Case.txt", "case.txt", "x/y"] {
        site.put(name, format!("{name} {edited}"));
    }
    site.put("empty.txt", if edited { "" } else { "full" });
    site.put(&format!("{}.txt", "l".repeat(200)), "long");
    if edited {
        site.remove("x/y");
        site.put("x.html", "a page");
        site.remove("pages/page-0001.html");
        site.put("pages/page-0001.html/index.html", "a folder now");
    }
    site
}

/// Every object of the bucket with its headers.
async fn bucket(storage: &Storage) -> Vec<(String, Stored)> {
    let mut found = Vec::new();
    for (key, _) in storage.list("shop-site", "").await {
        let stored = storage.get("shop-site", &key).await.unwrap();
        found.push((key, stored));
    }
    found
}

/// Checks the bucket itself: names such as these are not an address as they are.
async fn assert_stored(server: &Server, site: &Site) {
    let storage = server.storage();
    for file in site.files() {
        let stored = storage.get("shop-site", &file.path).await.unwrap_or_else(|| panic!("{} is not there", file.path));
        assert!(stored.bytes == file.bytes, "{} has other bytes", file.path);
    }
}

#[tokio::test]
async fn going_back_brings_back_exactly_what_was() {
    let server = Server::start().await;
    server.add_project("shop").await;
    assert_eq!(releases(&server).await, Vec::<Value>::new());
    refused_naming(
        server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(None)).await,
        &["CONFLICT"],
        "no earlier release",
    );
    let (old, new) = (odd_site(false), odd_site(true));
    let first = deploy(&server, &old).await;
    let before = bucket(&server.storage()).await;
    let second = deploy(&server, &new).await;
    assert_eq!(second["removed_count"], 1, "the page that became a folder: {second:#}");
    assert_stored(&server, &new).await;

    let pending = accepted(server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(None)).await);
    assert_eq!(pending["restores"], first["release_id"], "{pending:#}");
    let shown = json!({ "request_id": pending["request_id"] });
    let shown = accepted(server.tool(Role::Approver, "bouncer_request_show", shown).await);
    let facts = shown["card"]["facts"].as_array().expect("facts");
    let goes_back = facts.iter().find(|fact| fact["label"] == "Goes back to").expect("the release");
    assert_eq!(goes_back["value"]["value"], first["release_id"], "{shown:#}");
    let files = shown["card"]["sections"][0]["files"].as_array().expect("files");
    let removed: Vec<&str> =
        files.iter().filter(|file| file["change"] == "removed").map(|file| text(&file["path"])).collect();
    assert_eq!(removed, ["pages/page-0001.html/index.html", "x.html"], "{shown:#}");
    let back = approve(&server, &pending["request_id"]).await["result"].clone();
    assert_eq!(back["deploy_status"], "deployed", "{back:#}");
    assert_eq!(back["removed_count"], 2, "{back:#}");
    assert_stored(&server, &old).await;
    assert_eq!(bucket(&server.storage()).await, before);

    let list = releases(&server).await;
    let ids: Vec<&Value> = list.iter().map(|release| &release["release_id"]).collect();
    assert_eq!(ids, [&back["release_id"], &second["release_id"], &first["release_id"]]);
    assert_eq!(list[0]["current"], true);
    assert_eq!(list[0]["restores"], first["release_id"]);
    assert_eq!(list[0]["reason"], "it is broken");
    assert!(list[0]["decided_by"].is_string(), "{list:#?}");
    assert_eq!(list[2]["file_count"], old.files().len());

    // Forth again by name; what is current, unknown or blank is answered.
    let forth =
        accepted(server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(second["release_id"].as_str())).await);
    approve(&server, &forth["request_id"]).await;
    assert_stored(&server, &new).await;
    let current = releases(&server).await[0]["release_id"].clone();
    refused_naming(
        server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(current.as_str())).await,
        &["CONFLICT"],
        "visitors get already",
    );
    let unknown = server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(Some("rel-nothing"))).await;
    let unknown = refused_naming(unknown, &["NOT_FOUND"], "rel-nothing");
    assert_eq!(unknown["available_releases"].as_array().unwrap().len(), 4, "{unknown:#}");
}

/// Only pages travel; an asset that was pruned comes back from the blobs; one whose content is lost is refused.
#[tokio::test]
async fn what_going_back_moves() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut site = Site::new(72, 2, 5);
    let old = Site::new(72, 2, 5);
    deploy(&server, &old).await;
    let asset = old.files().iter().find(|file| file.path.starts_with("assets/")).unwrap().clone();
    site.remove(&asset.path);
    site.put("assets/app-00000001.js", "new");
    for page in ["index.html", "pages/page-0001.html"] {
        site.put(page, format!("<p>{page}</p>"));
    }
    deploy(&server, &site).await;

    // The asset is still there for those who have the old page open, and the storage says that it is what it was.
    let pending = accepted(server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(None)).await);
    let back = approve(&server, &pending["request_id"]).await["result"].clone();
    assert_eq!(back["deployed_count"], 2, "the pages: {back:#}");
    assert_serves(&server, "shop", &old).await;

    let storage = server.storage();
    deploy(&server, &site).await;
    storage.delete("shop-site", &asset.path).await;
    let pending = accepted(server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(None)).await);
    approve(&server, &pending["request_id"]).await;
    assert_serves(&server, "shop", &old).await;

    deploy(&server, &site).await;
    let hex = asset.sha256();
    storage.delete("bouncer-uploads-000000000000", &format!("blobs/shop/{}/{hex}", &hex[..2])).await;
    let lost = server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(None)).await;
    let lost = refused_naming(lost, &["PREFLIGHT_FAILED"], &asset.path);
    assert_eq!(lost["missing"], json!([asset.path]), "{lost:#}");
    assert_serves(&server, "shop", &site).await;
}

/// A deploy that waits beside a rollback: whichever comes second is refused, because its approver saw another site.
#[tokio::test]
async fn a_deploy_beside_a_rollback() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let (old, new) = (Site::new(73, 1, 1), Site::new(74, 1, 1));
    deploy(&server, &old).await;
    deploy(&server, &new).await;
    let back = accepted(server.tool(Role::Agent, "bouncer_frontend_rollback", rollback(None)).await);
    let deploy = ask_frontend(&server, "shop", &Site::new(75, 1, 1)).await;
    approve(&server, &back["request_id"]).await;
    assert_serves(&server, "shop", &old).await;
    let late = approve(&server, &deploy["request_id"]).await;
    assert_eq!(late["result"]["deploy_status"], "deploy_failed", "{late:#}");
    assert!(text(&late["result"]["error_summary"]).contains("Another release went live"), "{late:#}");
    assert_serves(&server, "shop", &old).await;
}

#[tokio::test]
async fn more_than_half_of_a_site_goes_only_when_it_is_meant() {
    let server = Server::start().await;
    server.add_project("shop").await;
    keep(&server, 1, 0).await;
    let (large, small) = (Site::new(76, 8, 2), Site::new(76, 1, 2));
    deploy(&server, &large).await;
    let refused = server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &small)).await;
    refused_naming(refused, &["VALIDATION_ERROR"], "would delete 7 of the site's 9 pages");
    super::assert_nothing_pending(&server).await;

    let mut request = frontend_request("shop", &small);
    request["allow_mass_delete"] = json!(true);
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", request).await);
    let show = json!({ "request_id": pending["request_id"] });
    let shown = accepted(server.tool(Role::Approver, "bouncer_request_show", show).await);
    assert_eq!(shown["card"]["warning"], "This removes more than half of the site's files.", "{shown:#}");
    let list = accepted(server.tool(Role::Approver, "bouncer_list_pending", json!({})).await);
    assert!(text(&list["requests"][0]["summary"]).starts_with("DELETES MOST OF THE SITE."), "{list:#}");
    let id = text(&pending["request_id"]);
    let refused = server.decide(Role::Approver, id, "approve").await;
    refused_naming(refused, &["VALIDATION_ERROR"], "risks of this request were not acknowledged");
    let other = json!({ "decision": "approve", "acknowledged_risks": true, "plan_hash": "0".repeat(64) });
    refused_naming(server.decide_with(Role::Approver, id, other).await, &["CONFLICT"], "another hash");
    let plan = &shown["plan_hash"];
    let accept = json!({ "decision": "approve", "acknowledged_risks": true, "plan_hash": plan, "reason": "We moved" });
    accepted(server.decide_with(Role::Approver, id, accept).await);
    let ended = server.ended(id).await;
    assert_eq!(ended["decision_reason"], "We moved", "{ended:#}");
    assert_eq!(ended["result"]["removed_count"], 7, "{ended:#}");
    assert_eq!(server.visit("shop", "pages/page-0005.html").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn retention_is_said_shown_and_checked() {
    let server = Server::start().await;
    server.add_project("shop").await;
    keep(&server, 2, 0).await;
    let shown = accepted(server.tool(Role::Agent, "bouncer_project_show", json!({ "project": "shop" })).await);
    assert_eq!((&shown["project"]["retain_releases"], &shown["project"]["asset_grace_hours"]), (&json!(2), &json!(0)));
    for (field, value) in [("retain_releases", 0), ("retain_releases", 101), ("asset_grace_hours", 2161)] {
        let mut row = json!({ "project": "shop", "bucket": "shop-site" });
        row[field] = json!(value);
        let answer = server.tool(Role::Admin, "bouncer_project_add", row).await;
        refused_naming(answer, &["INVALID_PARAM"], field);
    }
    for seed in 0..4 {
        deploy(&server, &Site::new(80 + seed, 0, 1)).await;
    }
    assert_eq!(releases(&server).await.len(), 2);
    // A release that is given up is no way back any more.
    let storage = server.storage();
    assert_eq!(storage.list("shop-site", "").await.len(), 3, "index.html, and an asset of each of two releases");
    assert_eq!(storage.list("bouncer-uploads-000000000000", "releases/").await.len(), 2);
}

/// A rule alone is a change, whatever the bytes.
#[tokio::test]
async fn another_cache_rule_is_a_change() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(77, 1, 2);
    deploy(&server, &site).await;
    let rules = json!([{ "pattern": "assets/**", "cache_control": "max-age=60" }]);
    let row = json!({ "project": "shop", "bucket": "shop-site", "cache_rules": rules });
    accepted(server.tool(Role::Admin, "bouncer_project_add", row).await);
    let result = deploy(&server, &site).await;
    assert_eq!((&result["deployed_count"], &result["unchanged_count"]), (&json!(2), &json!(2)), "{result:#}");
    let asset = site.files().iter().find(|file| file.path.starts_with("assets/")).unwrap();
    let stored = server.storage().get("shop-site", &asset.path).await.unwrap();
    assert_eq!((stored.cache_control.as_str(), &stored.bytes), ("max-age=60", &asset.bytes));
}

#[tokio::test]
async fn on_the_command_line() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let (old, new) = (Site::new(78, 1, 2), Site::new(79, 1, 2));
    deploy(&server, &old).await;
    let (old_dir, new_dir) = (old.dir().to_str().unwrap(), new.dir().to_str().unwrap());
    let run = async |arguments: &[&str], code: i32| {
        let done = Cli::on(&server, arguments).run().await;
        assert_eq!(done.code, Some(code), "{arguments:?}: {}{}", done.stdout, done.stderr);
        done.stdout
    };
    run(&["frontend", "diff", "shop", old_dir], 0).await;
    let other = run(&["frontend", "diff", "shop", new_dir, "--json"], 1).await;
    assert_eq!(serde_json::from_str::<Value>(&other).unwrap()["changes"]["changed"], 2, "{other}");
    run(&["frontend", "diff", "nothing", old_dir], 2).await;
    assert_eq!(releases(&server).await.len(), 1, "nothing was done");

    deploy(&server, &new).await;
    let listed = run(&["frontend", "releases", "shop"], 0).await;
    assert_eq!(listed.matches("rel-").count(), 2, "{listed}");
    let asked = run(&["frontend", "rollback", "shop", "--reason", "broken", "--json"], 0).await;
    let asked: Value = serde_json::from_str(&asked).unwrap();
    approve(&server, &asked["request_id"]).await;
    assert_serves(&server, "shop", &old).await;
}
