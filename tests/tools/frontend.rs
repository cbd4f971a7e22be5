//! Frontend deploys with the files in the call: from the question to the live site.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::{
    accepted, approve, ask_frontend, assert_expires_in, assert_serves, assert_serves_nothing, frontend_files,
    frontend_request,
};
use crate::support::{Role, Server, Site, text};

#[tokio::test]
async fn a_site_goes_live_after_one_approval() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(11, 5, 24);

    let pending = ask_frontend(&server, "shop", &site).await;
    assert_eq!(pending["file_count"], 30, "{pending:#}");
    assert_eq!(pending["total_size"], site.total_size(), "{pending:#}");
    let changes = json!({ "added": 30, "changed": 0, "removed": 0, "unchanged": 0, "bytes": site.total_size() });
    assert_eq!(pending["changes"], changes);
    assert_eq!(pending["expires_in"], "600 seconds");
    assert_expires_in(&pending["expires_at"], Duration::from_secs(600));
    assert!(!text(&pending["message"]).is_empty());
    assert_serves_nothing(&server, "shop").await;

    let ended = approve(&server, &pending["request_id"]).await;

    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert!(!text(&ended["decided_by"]).is_empty(), "{ended:#}");
    let result = &ended["result"];
    assert_eq!(result["deploy_status"], "deployed", "{result:#}");
    assert_eq!(result["deployed_count"], 30, "{result:#}");
    assert_eq!(result["failed_count"], 0, "{result:#}");
    assert_eq!(result["failed_files"], json!([]), "{result:#}");
    assert_eq!(result["unchanged_count"], 0, "{result:#}");
    assert_eq!(result["removed_count"], 0, "{result:#}");
    assert_eq!(result["cf_invalidation"], "skipped", "there is no distribution: {result:#}");
    let release = text(&result["release_id"]).strip_prefix("rel-").expect("a release id");
    assert!(release.len() == 12 && release.bytes().all(|b| b.is_ascii_hexdigit()), "{release}");
    assert!(result["urls"].to_string().contains("/sites/shop/"), "{result:#}");
    assert_serves(&server, "shop", &site).await;
    let root = server.visit("shop", "").await.bytes().await.unwrap();
    assert_eq!(root, site.file("index.html").bytes);
}

#[tokio::test]
async fn the_next_deploy_moves_only_what_changed() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut site = Site::new(12, 3, 6);
    let first = ask_frontend(&server, "shop", &site).await;
    let first = approve(&server, &first["request_id"]).await;

    site.put("index.html", "<!doctype html><title>new</title>");
    site.put("about.html", "<!doctype html><title>about</title>");
    site.remove("pages/page-0002.html");
    let pending = ask_frontend(&server, "shop", &site).await;
    let bytes = site.file("index.html").bytes.len() + site.file("about.html").bytes.len();
    let changes = json!({ "added": 1, "changed": 1, "removed": 1, "unchanged": 8, "bytes": bytes });
    assert_eq!(pending["changes"], changes);
    let ended = approve(&server, &pending["request_id"]).await;

    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_eq!(ended["result"]["deployed_count"], 2, "{ended:#}");
    assert_eq!(ended["result"]["unchanged_count"], 8, "{ended:#}");
    assert_ne!(ended["result"]["release_id"], first["result"]["release_id"]);
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn the_same_site_again_moves_nothing() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(13, 1, 3);
    let first = ask_frontend(&server, "shop", &site).await;
    approve(&server, &first["request_id"]).await;

    let pending = ask_frontend(&server, "shop", &site).await;
    assert_eq!(pending["changes"], json!({ "added": 0, "changed": 0, "removed": 0, "unchanged": 5, "bytes": 0 }));
    let ended = approve(&server, &pending["request_id"]).await;

    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(ended["result"]["deployed_count"], 0, "{ended:#}");
    assert_eq!(ended["result"]["unchanged_count"], 5, "{ended:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn a_change_of_headers_alone_is_a_change() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let index = json!({ "filename": "index.html", "content": "aGk=" });
    let data = json!({ "filename": "feed", "content": "aGk=" });
    let first = frontend_files("shop", &json!([index, data]));
    let first = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", first).await);
    approve(&server, &first["request_id"]).await;

    let data = json!({ "filename": "feed", "content": "aGk=", "content_type": "application/atom+xml" });
    let second = frontend_files("shop", &json!([index, data]));
    let second = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", second).await);
    assert_eq!(second["changes"]["changed"], 1, "{second:#}");
    assert_eq!(second["changes"]["unchanged"], 1, "{second:#}");
    approve(&server, &second["request_id"]).await;

    let response = server.visit("shop", "feed").await;
    assert_eq!(response.headers()["content-type"], "application/atom+xml");
}

/// Path, the caller's content type, the content types that are right, the cache rule.
const HEADERS: &[(&str, Option<&str>, &[&str], &str)] = &[
    ("index.html", None, &["text/html; charset=utf-8"], PAGE),
    ("blog/post.html", None, &["text/html; charset=utf-8"], PAGE),
    ("assets/help.html", None, &["text/html; charset=utf-8"], PAGE),
    ("assets/app.css", None, &["text/css; charset=utf-8"], ASSET),
    ("assets/app.js", None, &["text/javascript; charset=utf-8", "application/javascript; charset=utf-8"], ASSET),
    ("assets/deep/down/logo.png", None, &["image/png"], ASSET),
    ("assets/font.woff2", None, &["font/woff2"], ASSET),
    ("favicon.ico", None, &["image/x-icon", "image/vnd.microsoft.icon"], OTHER),
    ("robots.txt", None, &["text/plain; charset=utf-8"], OTHER),
    ("static/app.js", None, &["text/javascript; charset=utf-8", "application/javascript; charset=utf-8"], OTHER),
    ("LICENSE", None, &["application/octet-stream"], OTHER),
    ("data.unheard-of", None, &["application/octet-stream"], OTHER),
    ("feed.txt", Some("application/atom+xml"), &["application/atom+xml"], OTHER),
    ("assets/raw.txt", Some("text/plain; charset=iso-8859-1"), &["text/plain; charset=iso-8859-1"], ASSET),
    (".well-known/security.txt", None, &["text/plain; charset=utf-8"], OTHER),
    ("assets/Grüße 1+1 & more.css", None, &["text/css; charset=utf-8"], ASSET),
];
const PAGE: &str = "no-cache, no-store, must-revalidate";
const ASSET: &str = "max-age=31536000, immutable";
const OTHER: &str = "no-cache";

#[tokio::test]
async fn every_file_is_served_with_its_type_and_cache_rule() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let file = |&(path, content_type, ..): &(&str, Option<&str>, &[&str], &str)| {
        let mut file = json!({ "filename": path, "content": BASE64_STANDARD.encode(path) });
        if let Some(content_type) = content_type {
            file["content_type"] = json!(content_type);
        }
        file
    };
    let arguments = frontend_files("shop", &HEADERS.iter().map(file).collect::<Value>());
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await);
    let ended = approve(&server, &pending["request_id"]).await;
    assert_eq!(ended["result"]["deployed_count"], HEADERS.len(), "{ended:#}");

    for (path, _, content_types, cache_control) in HEADERS {
        let response = server.visit("shop", &path.replace(' ', "%20")).await;
        assert_eq!(response.status(), 200, "{path}");
        let content_type = response.headers()["content-type"].to_str().unwrap();
        assert!(content_types.contains(&content_type), "{path}: {content_type}");
        assert_eq!(response.headers()["cache-control"], cache_control, "{path}");
        assert_eq!(response.bytes().await.unwrap(), path.as_bytes(), "{path}");
    }
    let root = server.visit("shop", "").await;
    assert_eq!(root.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(root.headers()["cache-control"], PAGE);
    assert_eq!(server.visit("shop", "nothing-here.html").await.status(), 404);
    assert_eq!(server.visit("no-such-project", "").await.status(), 404);
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut site = Site::new(14, 0, 0);
    site.put("assets/empty.css", "");

    let pending = ask_frontend(&server, "shop", &site).await;
    let ended = approve(&server, &pending["request_id"]).await;

    assert_eq!(ended["result"]["deployed_count"], 2, "{ended:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn two_projects_do_not_mix() {
    let server = Server::start().await;
    server.add_project("shop").await;
    server.add_project("blog").await;
    let (shop, blog) = (Site::new(15, 1, 1), Site::new(16, 1, 1));

    let (first, second) = tokio::join!(ask_frontend(&server, "shop", &shop), ask_frontend(&server, "blog", &blog));
    tokio::join!(approve(&server, &first["request_id"]), approve(&server, &second["request_id"]));

    assert_serves(&server, "shop", &shop).await;
    assert_serves(&server, "blog", &blog).await;
}

#[tokio::test]
async fn a_frontend_deploy_is_in_the_history() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut ids = Vec::new();
    for seed in [17, 18, 19] {
        let pending = ask_frontend(&server, "shop", &Site::new(seed, 0, 1)).await;
        approve(&server, &pending["request_id"]).await;
        ids.push(pending["request_id"].clone());
    }

    let history =
        |limit: u64| server.tool(Role::Agent, "bouncer_deploy_history", json!({ "project": "shop", "limit": limit }));
    let all = accepted(history(10).await);
    let rows = rows(&all);
    assert_eq!(rows.len(), 3, "{all:#}");
    for row in rows {
        assert!(text(&row["deploy_id"]).starts_with("frontend-"), "{row:#}");
        assert_eq!(row["status"], "SUCCESS", "{row:#}");
    }
    let started: Vec<&str> = rows.iter().map(|row| text(&row["started_at"])).collect();
    assert!(started.is_sorted_by(|a, b| a >= b), "newest first: {started:?}");
    let newest = accepted(history(1).await);
    assert_eq!(self::rows(&newest)[0]["deploy_id"], rows[0]["deploy_id"]);
    assert_eq!(self::rows(&newest).len(), 1);

    let status = json!({ "deploy_id": rows[0]["deploy_id"] });
    let status = accepted(server.tool(Role::Agent, "bouncer_deploy_status", status).await);
    assert_eq!(status["status"], "SUCCESS", "{status:#}");
    assert_eq!(status["project_id"], "shop", "{status:#}");
}

/// The one list in the answer.
fn rows(history: &Value) -> &Vec<Value> {
    let fields = history.as_object().expect("an object").iter();
    let mut lists = fields.filter(|(name, _)| *name != "warnings").filter_map(|(_, value)| value.as_array());
    lists.next().unwrap_or_else(|| panic!("no list of deploys: {history:#}"))
}

#[tokio::test]
async fn an_unknown_project_is_answered_with_the_known_ones() {
    let server = Server::start().await;
    server.add_project("shop").await;
    server.add_project("blog").await;
    let site = Site::new(1, 0, 0);
    let declared = json!({ "project": "nope", "files": site.declared() });
    for (tool, arguments) in
        [("bouncer_deploy_frontend", frontend_request("nope", &site)), ("bouncer_request_frontend_presigned", declared)]
    {
        let body = super::refused(server.tool(Role::Agent, tool, arguments).await, &["UNKNOWN_PROJECT"]);
        assert_eq!(body["error"], "Unknown project: nope", "{tool}");
        assert_eq!(body["available_projects"], json!(["blog", "shop"]), "{tool}");
    }
}
