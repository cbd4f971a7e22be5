//! Uploads to the staging bucket with presigned URLs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Answer, NOT_ACCEPTABLE, accepted, assert_expires_in, assert_nothing_pending, put, refused, refused_naming,
};
use crate::support::{DEADLINE, Role, Server, make_older, text, wait_until};

#[tokio::test]
async fn one_file_needs_no_approval() {
    let server = Server::start().await;

    let ready = accepted(request(&server, &json!({ "filename": "reports/june.pdf" })).await);

    assert_eq!(ready["status"], "ready", "{ready:#}");
    assert_eq!(ready["method"], "PUT", "{ready:#}");
    assert_expires_in(&ready["expires_at"], Duration::from_secs(900));
    let key = text(&ready["s3_key"]);
    assert_eq!(after_date(key), format!("{}/reports/june.pdf", text(&ready["request_id"])));
    assert!(text(&ready["s3_uri"]).starts_with("s3://bouncer-uploads-"), "{ready:#}");
    assert!(text(&ready["s3_uri"]).ends_with(&format!("/{key}")), "{ready:#}");
    assert_eq!(put(&ready, b"%PDF-1.7".to_vec()).await, 200);
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn the_window_is_between_a_minute_and_an_hour() {
    let server = Server::start().await;
    let batch = |expires_in: &Value| json!({ "files": [file("a.txt")], "expires_in": expires_in });
    for seconds in [60, 3600] {
        let window = Duration::from_secs(seconds);
        let single = json!({ "filename": "a.txt", "expires_in": seconds });
        assert_expires_in(&accepted(request(&server, &single).await)["expires_at"], window);
        assert_expires_in(&accepted(request_batch(&server, &batch(&json!(seconds))).await)["expires_at"], window);
    }
    for bad in [json!(59), json!(3601), json!(0), json!(-1), json!(1e12), json!(90.5), json!("soon")] {
        let single = request(&server, &json!({ "filename": "a.txt", "expires_in": bad })).await;
        refused_naming(single, NOT_ACCEPTABLE, "expires_in");
        refused_naming(request_batch(&server, &batch(&bad)).await, NOT_ACCEPTABLE, "expires_in");
    }
}

#[tokio::test]
async fn one_file_cannot_leave_its_folder() {
    let server = Server::start().await;
    for name in TRAVERSALS {
        let (status, body) = request(&server, &json!({ "filename": name })).await;
        if status == 200 {
            assert_inside(text(&body["s3_key"]), text(&body["request_id"]));
        } else {
            refused((status, body), NOT_ACCEPTABLE);
        }
    }
}

#[tokio::test]
async fn a_batch_keeps_its_folders() {
    let server = Server::start().await;
    let names = ["index.html", "css/site.css", "img/deep/logo.png", "notes"];

    let ready = accepted(batch_of(&server, &names).await);

    assert_eq!(ready["status"], "ready", "{ready:#}");
    assert_eq!(ready["file_count"], 4, "{ready:#}");
    assert!(text(&ready["bucket"]).starts_with("bouncer-uploads-"), "{ready:#}");
    assert_expires_in(&ready["expires_at"], Duration::from_secs(900));
    let id = text(&ready["batch_id"]);
    let digits = id.strip_prefix("batch-").unwrap();
    assert!(digits.len() == 12 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    for (file, name) in ready["files"].as_array().unwrap().iter().zip(names) {
        assert_eq!(file["filename"], name);
        assert_eq!(file["method"], "PUT");
        let key = text(&file["s3_key"]);
        assert_eq!(after_date(key), format!("{id}/{name}"));
        assert_eq!(file["s3_uri"], format!("s3://{}/{key}", text(&ready["bucket"])));
        assert_eq!(put(file, name.as_bytes().to_vec()).await, 200, "{name}");
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn a_repeated_name_is_numbered() {
    let server = Server::start().await;

    let ready = accepted(batch_of(&server, &["notes", "notes", "notes", "sub/notes"]).await);
    assert_eq!(paths(&ready), ["notes", "notes_1", "notes_2", "sub/notes"]);

    let ready = accepted(batch_of(&server, &["a.txt", "a.txt"]).await);
    assert_eq!(paths(&ready), ["a.txt", "a_1.txt"]);

    // A number that somebody already bears is not given away.
    for names in [["notes", "notes", "notes_1"], ["notes_1", "notes", "notes"]] {
        let ready = accepted(batch_of(&server, &names).await);
        let mut distinct = paths(&ready);
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 3, "two files share a key: {ready:#}");
    }
}

const TRAVERSALS: &[&str] = &[
    "../../etc/motd",
    "a/../../b.txt",
    "/etc/motd",
    "//etc/motd",
    "..\\..\\w.txt",
    "./a/./b.txt",
    "%2e%2e/%2e%2e/c.txt",
    "\u{ff0e}\u{ff0e}/d.txt",
];

#[tokio::test]
async fn traversal_is_removed_from_a_batch() {
    let server = Server::start().await;

    let ready = accepted(batch_of(&server, TRAVERSALS).await);

    let id = text(&ready["batch_id"]);
    for file in ready["files"].as_array().unwrap() {
        assert_inside(text(&file["s3_key"]), id);
        assert_eq!(put(file, b"x".to_vec()).await, 200, "{file:#}");
    }
    let checked = accepted(confirm(&server, &json!({ "batch_id": id })).await);
    assert_eq!(checked["missing"], json!([]), "{checked:#}");
}

#[tokio::test]
async fn a_name_that_is_nothing_but_traversal_is_refused() {
    let server = Server::start().await;
    for name in ["..", "../..", "/", "./.", "\\"] {
        refused(batch_of(&server, &["a.txt", name]).await, NOT_ACCEPTABLE);
        refused(request(&server, &json!({ "filename": name })).await, NOT_ACCEPTABLE);
    }
}

#[tokio::test]
async fn a_batch_holds_fifty_files_at_most() {
    let server = Server::start().await;
    let names: Vec<String> = (0..51).map(|n| format!("{n}.txt")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();

    refused_naming(batch_of(&server, &names).await, NOT_ACCEPTABLE, "50");
    let ready = accepted(batch_of(&server, &names[..50]).await);
    assert_eq!(ready["file_count"], 50);

    let id = text(&ready["batch_id"]);
    let key = text(&ready["files"][0]["s3_key"]);
    let keys: Vec<Value> = vec![json!({ "s3_key": key }); 51];
    refused_naming(confirm(&server, &json!({ "batch_id": id, "files": keys })).await, NOT_ACCEPTABLE, "50");
}

#[tokio::test]
async fn a_file_of_a_batch_needs_a_name_and_a_type() {
    let server = Server::start().await;
    let codes = ["MISSING_PARAM", "INVALID_PARAM", "VALIDATION_ERROR"];
    for (bad, named) in [
        (json!({ "content_type": "text/plain" }), "filename"),
        (json!({ "filename": " ", "content_type": "text/plain" }), "filename"),
        (json!({ "filename": "a.txt" }), "content_type"),
        (json!({ "filename": "a.txt", "content_type": "" }), "content_type"),
    ] {
        let answer = request_batch(&server, &json!({ "files": [file("good.txt"), bad] })).await;
        refused_naming(answer, &codes, named);
    }
}

#[tokio::test]
async fn a_batch_is_checked_against_what_is_there() {
    let server = Server::start().await;
    let ready = accepted(batch_of(&server, &["a.txt", "b/c.txt", "d.txt"]).await);
    let id = text(&ready["batch_id"]);
    let files = ready["files"].as_array().unwrap();
    let key = |at: usize| text(&files[at]["s3_key"]);
    put(&files[0], b"first".to_vec()).await;
    put(&files[1], b"second file".to_vec()).await;

    let checked = accepted(confirm(&server, &json!({ "batch_id": id })).await);
    assert_eq!(checked["batch_id"], id);
    assert_eq!(checked["verified"], false, "{checked:#}");
    assert_eq!(checked["missing"], json!([key(2)]), "{checked:#}");
    let results = checked["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "{checked:#}");
    for (key, size) in [(key(0), Some(5)), (key(1), Some(11)), (key(2), None)] {
        let result = results.iter().find(|result| result["s3_key"] == key).unwrap();
        assert_eq!(result["exists"], size.is_some(), "{result:#}");
        assert_eq!(result["size"].as_u64(), size, "{result:#}");
    }

    let some = json!({ "batch_id": id, "files": [{ "s3_key": key(0) }, { "s3_key": key(1) }] });
    let checked = accepted(confirm(&server, &some).await);
    assert_eq!(checked["verified"], true, "{checked:#}");
    assert_eq!(checked["missing"], json!([]), "{checked:#}");
    assert_eq!(checked["results"].as_array().unwrap().len(), 2, "{checked:#}");

    put(&files[2], Vec::new()).await;
    let checked = accepted(confirm(&server, &json!({ "batch_id": id })).await);
    assert_eq!(checked["verified"], true, "{checked:#}");
}

#[tokio::test]
async fn a_key_outside_the_batch_is_refused() {
    let server = Server::start().await;
    let mine = accepted(batch_of(&server, &["a.txt"]).await);
    let other = accepted(batch_of(&server, &["a.txt"]).await);
    let id = text(&mine["batch_id"]);
    let my_key = text(&mine["files"][0]["s3_key"]);
    let neighbour = my_key.replace(id, &format!("{id}0"));
    let upwards = format!("{}/../x", my_key.rsplit_once('/').unwrap().0);
    for key in [text(&other["files"][0]["s3_key"]), "blobs/shop/aa/x", "", "../x", &neighbour, &upwards] {
        let answer =
            confirm(&server, &json!({ "batch_id": id, "files": [{ "s3_key": my_key }, { "s3_key": key }] })).await;
        refused(answer, &["VALIDATION_ERROR", "INVALID_PARAM", "MISSING_PARAM", "FORBIDDEN"]);
    }
}

#[tokio::test]
async fn a_batch_id_has_one_form() {
    let server = Server::start().await;
    for bad in [
        "batch-0123456789a",
        "batch-0123456789abc",
        "batch-0123456789AB",
        "batch-0123456789ag",
        "BATCH-0123456789ab",
        "xbatch-0123456789ab",
        "batch-0123456789ab\n",
        "batch-0123456789ab/",
        "../batch-0123456789ab",
        "0123456789ab",
    ] {
        refused_naming(confirm(&server, &json!({ "batch_id": bad })).await, NOT_ACCEPTABLE, "batch_id");
    }
    refused(confirm(&server, &json!({ "batch_id": "batch-0123456789ab" })).await, &["NOT_FOUND"]);
}

async fn request(server: &Server, arguments: &Value) -> Answer {
    let mut all = json!({ "content_type": "application/octet-stream", "reason": "a test", "source": "tests" });
    merge(&mut all, arguments);
    server.tool(Role::Agent, "bouncer_request_presigned", all).await
}

async fn request_batch(server: &Server, arguments: &Value) -> Answer {
    let mut all = json!({ "reason": "a test", "source": "tests" });
    merge(&mut all, arguments);
    server.tool(Role::Agent, "bouncer_request_presigned_batch", all).await
}

async fn batch_of(server: &Server, names: &[&str]) -> Answer {
    let files: Value = names.iter().map(|name| file(name)).collect();
    request_batch(server, &json!({ "files": files })).await
}

async fn confirm(server: &Server, arguments: &Value) -> Answer {
    server.tool(Role::Agent, "bouncer_confirm_upload", arguments.clone()).await
}

fn file(name: &str) -> Value {
    json!({ "filename": name, "content_type": "application/octet-stream" })
}

fn merge(into: &mut Value, from: &Value) {
    let fields = from.as_object().unwrap().clone();
    into.as_object_mut().unwrap().extend(fields);
}

/// The key without its `YYYY-MM-DD/`.
fn after_date(key: &str) -> &str {
    let (date, rest) = key.split_once('/').unwrap_or_else(|| panic!("{key} has no folder"));
    assert!(date.parse::<jiff::civil::Date>().is_ok() && date.len() == 10, "{key} does not begin with a date");
    rest
}

/// The paths of a batch's files within it, in order.
fn paths(ready: &Value) -> Vec<&str> {
    let folder = format!("{}/", text(&ready["batch_id"]));
    let keys = ready["files"].as_array().unwrap().iter().map(|file| after_date(text(&file["s3_key"])));
    keys.map(|key| key.strip_prefix(&folder).unwrap_or_else(|| panic!("{key} is outside {folder}"))).collect()
}

/// Checks that `key` is a plain path below `DATE/{id}/`.
fn assert_inside(key: &str, id: &str) {
    let path = after_date(key).strip_prefix(&format!("{id}/"));
    let path = path.unwrap_or_else(|| panic!("{key:?} is outside {id}"));
    assert!(path.split('/').all(|part| !["", ".", ".."].contains(&part)), "{key:?}");
    assert!(!path.contains('\\') && !path.to_lowercase().contains("%2e%2e"), "{key:?}");
}

/// What nobody came back to goes after days; on AWS the bucket's rules see to it.
#[tokio::test]
async fn old_uploads_go() {
    const BUCKET: &str = "bouncer-uploads-000000000000";
    let mut server = Server::start().await;
    let old = accepted(batch_of(&server, &["a.txt"]).await);
    let key = text(&old["files"][0]["s3_key"]).to_owned();
    put(&old["files"][0], b"kept until somebody removes it".to_vec()).await;
    for name in ["staged/req-1/index.html", "moving/req-1/film.json"] {
        server.storage().put(BUCKET, name, b"of a request that nobody confirmed").await;
    }
    server.stop();
    for (prefix, days) in [("staged/", 2), ("moving/", 2), ("issued/", 8)] {
        make_older(&server.data_dir(), BUCKET, prefix, days);
    }
    server.restart().await;
    let gone = async || {
        let left: Vec<String> = server.storage().list(BUCKET, "").await.into_iter().map(|(key, _)| key).collect();
        (left == [key.as_str()]).then_some(())
    };
    wait_until("old uploads to go", DEADLINE, gone).await;

    // A day less, and they stay.
    let young = accepted(batch_of(&server, &["a.txt"]).await);
    server.storage().put(BUCKET, "staged/req-1/index.html", b"of a request that nobody confirmed yet").await;
    server.storage().put(BUCKET, "staged/req-2/index.html", b"of one that nobody will").await;
    server.stop();
    make_older(&server.data_dir(), BUCKET, "staged/", 1);
    make_older(&server.data_dir(), BUCKET, "staged/req-2/", 1);
    make_older(&server.data_dir(), BUCKET, "issued/", 7);
    server.restart().await;
    let gone = async || server.storage().list(BUCKET, "staged/req-2/").await.is_empty().then_some(());
    wait_until("the oldest one to go", DEADLINE, gone).await;
    assert_eq!(server.storage().list(BUCKET, "staged/").await.len(), 1);
    accepted(confirm(&server, &json!({ "batch_id": young["batch_id"] })).await);
}
