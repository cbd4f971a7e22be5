//! What was approved is no longer what would happen, or cannot happen: nothing is written, or what was is repaired.

use serde_json::{Value, json};

use super::{accepted, approve, ask_frontend, assert_serves};
use crate::support::{Role, Server, Site, text};

const STAGING: &str = "bouncer-uploads-000000000000";

async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

/// Changes the project's frontend.
async fn change_project(server: &Server, arguments: Value) {
    let mut all = json!({ "project": "shop", "bucket": "shop-site" });
    all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
    accepted(server.tool(Role::Admin, "bouncer_project_add", all).await);
}

/// Publishes a site to the end.
async fn publish(server: &Server, site: &Site) -> Value {
    let pending = ask_frontend(server, "shop", site).await;
    let ended = approve(server, &pending["request_id"]).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    ended
}

/// Removes the approved content of one file from where it waits.
async fn lose(server: &Server, site: &Site, path: &str) {
    let sha256 = site.file(path).sha256();
    let key = format!("blobs/shop/{}/{sha256}", &sha256[..2]);
    let storage = server.storage();
    assert!(storage.etag(STAGING, &key).await.is_some(), "{key} is where the content waits");
    storage.delete(STAGING, &key).await;
}

/// Checks that a deploy failed for a reason that is a sentence with these words, and how that is recorded.
async fn assert_failed(server: &Server, ended: &Value, deploy_status: &str, words: &str) {
    assert_eq!(ended["status"], "failed", "{ended:#}");
    assert_eq!(ended["result"]["deploy_status"], deploy_status, "{ended:#}");
    assert!(ended["result"].get("release_id").is_none(), "{ended:#}");
    let summary = text(&ended["result"]["error_summary"]);
    assert!(summary.contains(words), "{words:?} is not in {summary:?}");
    assert!(!summary.contains(['{', '"', '\\']), "no sentence: {summary}");
    let deploy = json!({ "deploy_id": ended["deploy_id"] });
    let deploy = accepted(server.tool(Role::Agent, "bouncer_deploy_status", deploy).await);
    assert_eq!((&deploy["status"], &deploy["error_summary"]), (&json!("FAILED"), &json!(summary)), "{deploy:#}");
    let history = accepted(server.tool(Role::Agent, "bouncer_deploy_history", json!({ "project": "shop" })).await);
    let row = history["deploys"].as_array().unwrap().iter().find(|row| row["request_id"] == ended["request_id"]);
    let row = row.expect("a failed deploy is in the history");
    assert_eq!((&row["status"], &row["error_summary"]), (&json!("FAILED"), &json!(summary)), "{row:#}");
}

#[tokio::test]
async fn a_project_that_changed_after_the_question_is_left_alone() {
    for (change, name) in [
        (json!({ "bucket": "other-site" }), "bucket"),
        (json!({ "role": "arn:aws:iam::123456789012:role/shop-frontend-deploy" }), "role"),
        (json!({ "region": "eu-west-1" }), "region"),
        (json!({ "distribution": "E2EXAMPLE1ABC" }), "distribution"),
        (json!({ "enabled": false }), "disabled"),
    ] {
        let server = shop().await;
        let pending = ask_frontend(&server, "shop", &Site::new(801, 1, 2)).await;
        change_project(&server, change).await;

        let ended = approve(&server, &pending["request_id"]).await;

        assert_failed(&server, &ended, "deploy_failed", name).await;
        assert!(text(&ended["result"]["error_summary"]).contains("The site is unchanged."), "{ended:#}");
        let storage = server.storage();
        assert_eq!(storage.list("shop-site", "").await, []);
        if name == "bucket" {
            assert_eq!(storage.list("other-site", "").await, []);
        }
    }
}

#[tokio::test]
async fn the_second_of_two_approved_deploys_is_told_that_the_ground_moved() {
    let server = shop().await;
    publish(&server, &Site::new(810, 1, 2)).await;
    let (one, two) = (Site::new(811, 1, 2), Site::new(812, 1, 2));
    let (first, second) = (ask_frontend(&server, "shop", &one).await, ask_frontend(&server, "shop", &two).await);

    let first = approve(&server, &first["request_id"]).await;
    let before = server.storage().list("shop-site", "").await;
    let second = approve(&server, &second["request_id"]).await;

    assert_eq!(first["status"], "completed", "{first:#}");
    assert_failed(&server, &second, "deploy_failed", "nother release went live").await;
    assert_eq!(server.storage().list("shop-site", "").await, before, "something was written");
    assert_serves(&server, "shop", &one).await;
    // Asked anew, it goes through: no lock is left.
    publish(&server, &two).await;
    assert_serves(&server, "shop", &two).await;
}

#[tokio::test]
async fn of_two_deploys_approved_at_once_one_goes_live() {
    let server = shop().await;
    let sites = [Site::new(813, 1, 12), Site::new(814, 1, 12)];
    let asked = [ask_frontend(&server, "shop", &sites[0]).await, ask_frontend(&server, "shop", &sites[1]).await];

    let (one, two) = tokio::join!(approve(&server, &asked[0]["request_id"]), approve(&server, &asked[1]["request_id"]));

    let (won, lost, site) = if one["status"] == "completed" { (one, two, 0) } else { (two, one, 1) };
    assert_eq!(won["status"], "completed", "{won:#}");
    assert_failed(&server, &lost, "deploy_failed", "nother release went live").await;
    assert_serves(&server, "shop", &sites[site]).await;
}

#[tokio::test]
async fn a_deploy_without_all_of_its_assets_leaves_the_old_site() {
    let server = shop().await;
    let old = Site::new(820, 2, 6);
    publish(&server, &old).await;
    let new = Site::new(821, 2, 6);
    let pending = ask_frontend(&server, "shop", &new).await;
    let asset = &new.files().iter().find(|file| file.path.starts_with("assets/")).unwrap().path;
    lose(&server, &new, asset).await;

    let ended = approve(&server, &pending["request_id"]).await;

    assert_failed(&server, &ended, "deploy_failed", asset).await;
    assert_eq!(ended["result"]["failed_files"][0]["filename"], **asset, "{ended:#}");
    assert_serves(&server, "shop", &old).await;
    // The next question uploads what is missing.
    publish(&server, &new).await;
    assert_serves(&server, "shop", &new).await;
}

/// A page and an asset of the same sizes as before, with other bytes.
fn same_sizes(site: &Site) -> Site {
    let mut other = Site::new(0, 0, 0);
    for file in site.files() {
        let bytes: Vec<u8> = file.bytes.iter().rev().copied().collect();
        other.put(&file.path, bytes);
    }
    other
}

#[tokio::test]
async fn a_half_published_site_is_repaired_by_the_next_deploy() {
    let server = shop().await;
    let mut old = Site::new(830, 3, 4);
    old.put("shared.css", "a { color: red }");
    publish(&server, &old).await;
    // Everything changes, no size does, and names are added that the old site does not have.
    let mut new = same_sizes(&old);
    new.put("pages/added.html", "<!doctype html>");
    let pending = ask_frontend(&server, "shop", &new).await;
    lose(&server, &new, "index.html").await;

    let ended = approve(&server, &pending["request_id"]).await;

    assert_failed(&server, &ended, "partial_deploy", "index.html").await;
    assert_eq!(server.visit("shop", "").await.bytes().await.unwrap(), old.file("index.html").bytes);
    assert_eq!(server.visit("shop", "shared.css").await.bytes().await.unwrap(), new.file("shared.css").bytes);

    // The old content once more: by sizes and records alone nothing would seem to be left to do.
    let repaired = publish(&server, &old).await;
    assert_eq!(repaired["result"]["deployed_count"], old.files().len(), "{repaired:#}");
    assert_serves(&server, "shop", &old).await;
    // And then there is nothing left to repair.
    assert_eq!(publish(&server, &old).await["result"]["deployed_count"], 0);
}

#[tokio::test]
async fn half_published_files_are_replaced_by_those_of_a_third_site() {
    let server = shop().await;
    let mut old = Site::new(840, 1, 2);
    old.put("shared.css", "a { color: red }");
    publish(&server, &old).await;
    let new = same_sizes(&old);
    let pending = ask_frontend(&server, "shop", &new).await;
    lose(&server, &new, "index.html").await;
    approve(&server, &pending["request_id"]).await;

    // Its shared.css is the old one, which the half-published site has overwritten.
    let mut third = Site::new(841, 1, 2);
    third.put("shared.css", old.file("shared.css").bytes.clone());
    publish(&server, &third).await;
    assert_serves(&server, "shop", &third).await;
}

#[tokio::test]
async fn what_somebody_else_removed_or_resized_is_restored() {
    let server = shop().await;
    let site = Site::new(850, 2, 4);
    publish(&server, &site).await;
    let storage = server.storage();
    let asset = &site.files().iter().find(|file| file.path.starts_with("assets/")).unwrap().path;
    storage.delete("shop-site", asset).await;
    storage.put("shop-site", "index.html", b"defaced").await;

    let restored = publish(&server, &site).await;

    assert_eq!(restored["result"]["deployed_count"], 2, "{restored:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn a_project_that_went_to_another_bucket_and_back_is_published_whole() {
    let server = shop().await;
    let mut site = Site::new(860, 1, 2);
    site.put("shared.css", "a { color: red }");
    publish(&server, &site).await;
    change_project(&server, json!({ "bucket": "other-site" })).await;
    site.put("shared.css", "a { color: tan }");
    publish(&server, &site).await;
    assert_serves(&server, "shop", &site).await;

    change_project(&server, json!({ "bucket": "shop-site" })).await;
    publish(&server, &site).await;

    assert_serves(&server, "shop", &site).await;
}
