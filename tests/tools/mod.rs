//! The tools over HTTP: every rule of their contract, tried from outside.

mod answers;
mod arguments;
mod changed_meanwhile;
mod decisions;
mod frontend;
mod frontend_presigned;
mod frontend_refusals;
mod http;
mod maintenance;
mod queries;
mod races;
mod releases;
mod staging;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Role, Server, Site, SiteFile, text};

pub use arguments::{REQUIRED, arguments_without, sample_arguments};
pub use races::give_buckets;

pub type Answer = (u16, Value);

/// The codes of a request that was understood and is not acceptable.
const NOT_ACCEPTABLE: &[&str] = &["VALIDATION_ERROR", "INVALID_PARAM"];

/// The body of an answer that is no failure.
pub fn accepted((status, body): Answer) -> Value {
    assert_eq!(status, 200, "{body:#}");
    assert_ne!(body["status"], "error", "{body:#}");
    body
}

/// The body of a refusal: the caller's fault, one of `codes`, and with a way out.
fn refused((status, body): Answer, codes: &[&str]) -> Value {
    assert!((400..500).contains(&status), "HTTP {status}: {body:#}");
    assert_eq!(body["status"], "error", "{body:#}");
    assert!(codes.contains(&text(&body["error_code"])), "{codes:?} expected: {body:#}");
    assert!(!text(&body["error"]).trim().is_empty(), "{body:#}");
    assert!(!text(&body["suggestion"]).trim().is_empty(), "{body:#}");
    body
}

/// As [`refused`], and the sentence names `what`.
fn refused_naming(answer: Answer, codes: &[&str], what: &str) -> Value {
    let body = refused(answer, codes);
    assert!(text(&body["error"]).contains(what), "{what:?} is not named: {body:#}");
    body
}

/// The arguments of `bouncer_deploy_frontend` for a site.
pub fn frontend_request(project: &str, site: &Site) -> Value {
    frontend_files(project, &site.inline())
}

/// The arguments of `bouncer_deploy_frontend` for any list of files.
fn frontend_files(project: &str, files: &Value) -> Value {
    json!({ "project": project, "files": files, "reason": "a test", "source": "tests", "trust_scope": "tests" })
}

/// Asks for a deploy of `site` and returns the pending answer.
async fn ask_frontend(server: &Server, project: &str, site: &Site) -> Value {
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request(project, site)).await);
    assert_eq!(pending["status"], "pending_approval", "{pending:#}");
    pending
}

/// Approves a request and waits for its end.
pub async fn approve(server: &Server, request_id: &Value) -> Value {
    accepted(server.decide(Role::Approver, text(request_id), "approve").await);
    server.ended(text(request_id)).await
}

/// Puts every file of an answer with presigned URLs, from the site's files of the same name.
pub async fn upload_all(ready: &Value, site: &Site) {
    for issued in ready["files"].as_array().expect("files were issued") {
        let file = site.file(text(&issued["filename"]));
        let status = put(issued, file.bytes.clone()).await;
        assert_eq!(status, 200, "{} is not accepted", file.path);
    }
}

/// Sends `bytes` to one presigned URL, with the method and headers that came with it; the HTTP status of storage.
pub async fn put(issued: &Value, bytes: Vec<u8>) -> u16 {
    put_to(text(&issued["presigned_url"]), issued, bytes).await
}

/// As [`put`], to another address.
async fn put_to(url: &str, issued: &Value, bytes: Vec<u8>) -> u16 {
    let method: Method = text(&issued["method"]).parse().expect("an HTTP method");
    let headers = issued["headers"].as_object().expect("headers are an object");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request =
        headers.iter().fold(client.request(method, url), |request, (name, value)| request.header(name, text(value)));
    request.body(bytes).send().await.expect("storage answers").status().as_u16()
}

/// Checks that every file of `site` is served as it is, and returns nothing else.
pub async fn assert_serves(server: &Server, project: &str, site: &Site) {
    for SiteFile { path, bytes } in site.files() {
        let response = server.visit(project, path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.bytes().await.unwrap() == *bytes, "{path} has other bytes");
    }
}

/// Checks that a visitor finds nothing.
async fn assert_serves_nothing(server: &Server, project: &str) {
    for path in ["", "index.html"] {
        assert_eq!(server.visit(project, path).await.status(), 404, "/{path}");
    }
}

/// Checks that no request waits for a decision.
async fn assert_nothing_pending(server: &Server) {
    let pending = accepted(server.tool(Role::Approver, "bouncer_list_pending", json!({})).await);
    assert_eq!(pending["count"], 0, "a refused request was stored: {pending:#}");
}

/// Checks that `value` is an instant about `ahead` from now.
fn assert_expires_in(value: &Value, ahead: Duration) {
    let at: Timestamp = text(value).parse().unwrap_or_else(|error| panic!("{value} is no instant: {error}"));
    let off = at.duration_since(Timestamp::now() + ahead).abs();
    assert!(off < SignedDuration::from_secs(20), "{value} is not {ahead:?} ahead");
}
