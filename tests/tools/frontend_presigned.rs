//! Frontend deploys whose files go straight to storage.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{
    Answer, accepted, approve, assert_nothing_pending, assert_serves, assert_serves_nothing, put, put_to, refused,
    upload_all,
};
use crate::support::{Role, Server, Site, text};

#[tokio::test]
async fn a_site_goes_live_through_storage() {
    let server = shop().await;
    let site = Site::new(21, 3, 12);

    let ready = request(&server, &site.declared()).await;
    assert_eq!(ready["status"], "ready", "{ready:#}");
    assert_eq!(ready["skipped"], json!([]), "{ready:#}");
    assert!(!text(&ready["staging_bucket"]).is_empty(), "{ready:#}");
    assert_expires_later(&ready["expires_at"]);
    assert_eq!(issued_names(&ready), names(&site));
    for file in ready["files"].as_array().unwrap() {
        assert_eq!(file["method"], "PUT", "{file:#}");
        assert!(text(&file["presigned_url"]).starts_with("http://127.0.0.1:"), "{file:#}");
        assert!(!text(&file["s3_key"]).is_empty(), "{file:#}");
        assert!(file["headers"].is_object(), "{file:#}");
    }
    assert_nothing_pending(&server).await;

    upload_all(&ready, &site).await;
    let pending = accepted(confirm(&server, Role::Agent, &ready, &site.declared()).await);
    assert_eq!(pending["status"], "pending_approval", "{pending:#}");
    assert_eq!(pending["file_count"], 16, "{pending:#}");
    assert_eq!(pending["total_size"], site.total_size(), "{pending:#}");
    assert_eq!(pending["changes"]["added"], 16, "{pending:#}");
    assert_eq!(pending["expires_in"], "600 seconds", "{pending:#}");
    assert_serves_nothing(&server, "shop").await;

    let ended = approve(&server, &pending["request_id"]).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_eq!(ended["result"]["deployed_count"], 16, "{ended:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn storage_accepts_only_the_declared_bytes() {
    let server = shop().await;
    let site = Site::new(22, 0, 1);
    let ready = request(&server, &site.declared()).await;
    let index = issued(&ready, "index.html");
    let good = site.file("index.html").bytes.clone();
    let mut flipped = good.clone();
    flipped[20] ^= 1;

    for (what, bytes) in [("one bit off", flipped), ("cut short", good[1..].to_vec()), ("nothing", Vec::new())] {
        let status = put(index, bytes).await;
        assert!((400..500).contains(&status), "{what}: HTTP {status}");
    }
    let missing = confirm(&server, Role::Agent, &ready, &site.declared()).await;
    assert_ne!(missing.1["status"], "pending_approval");
    assert!(missing.1["missing"].to_string().contains("index.html"), "{:#}", missing.1);

    upload_all(&ready, &site).await;
    let pending = accepted(confirm(&server, Role::Agent, &ready, &site.declared()).await);
    assert_eq!(pending["status"], "pending_approval", "{pending:#}");
}

#[tokio::test]
async fn an_issued_url_is_good_for_one_key_and_one_checksum() {
    let server = shop().await;
    let site = Site::new(23, 0, 2);
    let ready = request(&server, &site.declared()).await;
    let index = issued(&ready, "index.html");
    let bytes = || site.file("index.html").bytes.clone();
    let url: Url = text(&index["presigned_url"]).parse().unwrap();

    let mut other_key = url.clone();
    other_key.set_path(&format!("{}x", url.path()));
    let mut other_signature = url.clone();
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    other_signature.query_pairs_mut().clear().extend_pairs(query.iter().map(|(name, value)| {
        let flip = |c: char| if c == '0' { '1' } else { '0' };
        let value = if name == "X-Amz-Signature" { value.chars().map(flip).collect() } else { value.clone() };
        (name.clone(), value)
    }));
    let mut unsigned = url.clone();
    unsigned.set_query(None);
    for (what, url) in [("another key", other_key), ("another signature", other_signature), ("none", unsigned)] {
        let status = put_to(url.as_str(), index, bytes()).await;
        assert!((400..500).contains(&status), "{what}: HTTP {status}");
    }

    let mut bare = index.clone();
    bare["headers"] = json!({});
    let status = put(&bare, bytes()).await;
    assert!((400..500).contains(&status), "without the signed headers: HTTP {status}");

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(put(index, bytes()).await, 200);
    let read = client.request(Method::GET, url).send().await.unwrap();
    assert!(read.status().is_client_error(), "a URL to write was good to read: {}", read.status());
}

#[tokio::test]
async fn content_that_is_stored_needs_no_upload() {
    let server = shop().await;
    let mut site = Site::new(24, 1, 6);
    let first = request(&server, &site.declared()).await;
    upload_all(&first, &site).await;
    let pending = accepted(confirm(&server, Role::Agent, &first, &site.declared()).await);
    approve(&server, &pending["request_id"]).await;

    site.put("index.html", "<!doctype html><title>new</title>");
    let second = request(&server, &site.declared()).await;
    assert_eq!(issued_names(&second), ["index.html"], "{second:#}");
    let mut skipped: Vec<&str> = second["skipped"].as_array().unwrap().iter().map(text).collect();
    skipped.sort_unstable();
    let expected: Vec<&str> = names(&site).into_iter().filter(|name| *name != "index.html").collect();
    assert_eq!(skipped, expected);

    upload_all(&second, &site).await;
    let pending = accepted(confirm(&server, Role::Agent, &second, &site.declared()).await);
    assert_eq!(pending["file_count"], 8, "{pending:#}");
    assert_eq!(pending["changes"]["changed"], 1, "{pending:#}");
    let ended = approve(&server, &pending["request_id"]).await;
    assert_eq!(ended["result"]["deployed_count"], 1, "{ended:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn another_project_has_to_bring_its_own_bytes() {
    let server = shop().await;
    server.add_project("blog").await;
    let site = Site::new(25, 0, 2);
    let first = request(&server, &site.declared()).await;
    upload_all(&first, &site).await;

    let arguments = json!({ "project": "blog", "files": site.declared() });
    let other = accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", arguments).await);

    assert_eq!(other["skipped"], json!([]), "that content is known would leak: {other:#}");
    assert_eq!(issued_names(&other), names(&site));
}

#[tokio::test]
async fn without_declared_hashes_the_stored_bytes_count() {
    let server = shop().await;
    let site = Site::new(26, 1, 4);
    let files: Value = site.files().iter().map(|file| json!({ "filename": file.path })).collect();

    let ready = request(&server, &files).await;
    assert_eq!(issued_names(&ready), names(&site));
    upload_all(&ready, &site).await;
    let pending = accepted(confirm(&server, Role::Agent, &ready, &files).await);
    assert_eq!(pending["total_size"], site.total_size(), "{pending:#}");
    // Whoever still has the URL cannot slip other bytes under the approval.
    put(issued(&ready, "index.html"), b"something else".to_vec()).await;
    let ended = approve(&server, &pending["request_id"]).await;

    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_serves(&server, "shop", &site).await;
}

#[tokio::test]
async fn what_was_not_uploaded_is_missing() {
    let server = shop().await;
    let site = Site::new(27, 1, 1);
    let ready = request(&server, &site.declared()).await;
    assert_eq!(put(issued(&ready, "index.html"), site.file("index.html").bytes.clone()).await, 200);

    let (_, body) = confirm(&server, Role::Agent, &ready, &site.declared()).await;

    assert_ne!(body["status"], "pending_approval", "{body:#}");
    let mut missing: Vec<&str> = body["missing"].as_array().unwrap().iter().map(text).collect();
    missing.sort_unstable();
    let expected: Vec<&str> = names(&site).into_iter().filter(|name| *name != "index.html").collect();
    assert_eq!(missing, expected);
    assert_nothing_pending(&server).await;

    upload_all(&ready, &site).await;
    let pending = accepted(confirm(&server, Role::Agent, &ready, &site.declared()).await);
    assert_eq!(pending["status"], "pending_approval", "{pending:#}");
}

#[tokio::test]
async fn another_list_than_the_issued_one_is_refused() {
    let server = shop().await;
    let site = Site::new(28, 1, 2);
    let ready = request(&server, &site.declared()).await;
    upload_all(&ready, &site).await;

    let changed = |change: fn(&mut Vec<Value>)| {
        let mut files = site.declared().as_array().unwrap().clone();
        change(&mut files);
        Value::Array(files)
    };
    for (what, files) in [
        ("one less", changed(|files| drop(files.remove(0)))),
        ("one more", changed(|files| files.push(json!({ "filename": "more.html" })))),
        ("another name", changed(|files| files[0]["filename"] = json!("assets/other.js"))),
        ("another hash", changed(|files| files[0]["sha256"] = json!("0".repeat(64)))),
        ("another size", changed(|files| files[0]["size"] = json!(1))),
        ("another type", changed(|files| files[0]["content_type"] = json!("text/x-other"))),
        ("one twice", changed(|files| files.push(files[0].clone()))),
    ] {
        let (status, body) = confirm(&server, Role::Agent, &ready, &files).await;
        assert!((400..500).contains(&status), "{what}: HTTP {status}: {body:#}");
        refused((status, body), &["VALIDATION_ERROR", "INVALID_PARAM", "CONFLICT"]);
    }
    assert_nothing_pending(&server).await;

    // The order says nothing.
    let reversed = changed(|files| files.reverse());
    let pending = accepted(confirm(&server, Role::Agent, &ready, &reversed).await);
    assert_eq!(pending["status"], "pending_approval", "{pending:#}");
}

#[tokio::test]
async fn only_who_asked_can_confirm_and_only_for_that_project() {
    let server = shop().await;
    server.add_project("blog").await;
    let site = Site::new(29, 0, 1);
    let ready = request(&server, &site.declared()).await;
    upload_all(&ready, &site).await;

    let stranger = confirm(&server, Role::Approver, &ready, &site.declared()).await;
    refused(stranger, &["FORBIDDEN", "NOT_FOUND"]);

    let mut arguments = confirmation(&ready, &site.declared());
    arguments["project"] = json!("blog");
    let elsewhere = server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", arguments).await;
    refused(elsewhere, &["VALIDATION_ERROR", "INVALID_PARAM", "CONFLICT", "NOT_FOUND"]);

    let mut arguments = confirmation(&ready, &site.declared());
    arguments["request_id"] = json!("no-such-request");
    let unknown = server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", arguments).await;
    refused(unknown, &["NOT_FOUND"]);
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn confirming_again_asks_no_second_time() {
    let server = shop().await;
    let site = Site::new(30, 0, 1);
    let ready = request(&server, &site.declared()).await;
    upload_all(&ready, &site).await;

    let list = site.declared();
    let confirmations = (0..8).map(|_| confirm(&server, Role::Agent, &ready, &list));
    let answers: Vec<Answer> = futures::future::join_all(confirmations).await;

    assert!(answers.iter().any(|(_, body)| body["status"] == "pending_approval"), "{answers:#?}");
    assert!(answers.iter().all(|(status, _)| *status < 500), "{answers:#?}");
    let pending = accepted(server.tool(Role::Approver, "bouncer_list_pending", json!({})).await);
    assert_eq!(pending["count"], 1, "{pending:#}");
}

#[tokio::test]
async fn an_issued_url_outlives_a_restart() {
    let mut server = shop().await;
    let site = Site::new(31, 0, 1);
    let ready = request(&server, &site.declared()).await;

    server.restart().await;
    upload_all(&ready, &site).await;
    let pending = accepted(confirm(&server, Role::Agent, &ready, &site.declared()).await);
    approve(&server, &pending["request_id"]).await;

    assert_serves(&server, "shop", &site).await;
}

async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

async fn request(server: &Server, files: &Value) -> Value {
    let arguments = json!({ "project": "shop", "files": files, "reason": "a test", "source": "tests" });
    accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", arguments).await)
}

fn confirmation(ready: &Value, files: &Value) -> Value {
    json!({
        "request_id": ready["request_id"], "project": "shop", "files": files, "reason": "a test", "source": "tests",
    })
}

async fn confirm(server: &Server, role: Role, ready: &Value, files: &Value) -> Answer {
    server.tool(role, "bouncer_confirm_frontend_deploy", confirmation(ready, files)).await
}

fn issued<'a>(ready: &'a Value, name: &str) -> &'a Value {
    let files = ready["files"].as_array().unwrap();
    files.iter().find(|file| file["filename"] == name).unwrap_or_else(|| panic!("{name} was not issued: {ready:#}"))
}

fn issued_names(ready: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = ready["files"].as_array().unwrap().iter().map(|file| text(&file["filename"])).collect();
    names.sort_unstable();
    names
}

fn names(site: &Site) -> Vec<&str> {
    site.files().iter().map(|file| file.path.as_str()).collect()
}

/// Some time ahead; how long is the configuration's to say.
fn assert_expires_later(at: &Value) {
    let at: jiff::Timestamp = text(at).parse().unwrap_or_else(|error| panic!("{at} is no instant: {error}"));
    assert!(at > jiff::Timestamp::now() + Duration::from_secs(30), "{at} is too soon");
}
