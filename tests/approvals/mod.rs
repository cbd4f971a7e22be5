//! Who may say yes, to how much, how often, and what is recorded of it: tried from outside.

mod audit;
mod interleavings;
mod limits;
mod people;
mod schedules;
mod secrets;
mod tampering;

use serde_json::{Value, json};

use crate::support::{Role, Server, Site, answer, text};
use crate::tools::{accepted, frontend_request};

/// A server with the project "shop".
async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

/// Asks for a deploy; the request's id.
async fn ask(server: &Server, site: &Site) -> String {
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", site)).await);
    text(&pending["request_id"]).to_owned()
}

/// Makes a key; its id and its text.
async fn new_key(server: &Server, name: &str, role: &str) -> (String, String) {
    let made = accepted(server.tool(Role::Admin, "bouncer_key_create", json!({ "name": name, "role": role })).await);
    (text(&made["key_id"]).to_owned(), text(&made["key"]).to_owned())
}

/// Decides with any key.
async fn decide_with(server: &Server, key: &str, id: &str, decision: &str) -> (u16, Value) {
    let request = server.request(reqwest::Method::POST, &format!("/v1/requests/{id}/decision"));
    answer(request.bearer_auth(key).json(&json!({ "decision": decision }))).await
}

/// The events of a request, oldest first.
async fn events(server: &Server, id: &str) -> Vec<Value> {
    let listed = accepted(server.tool(Role::Approver, "bouncer_audit_list", json!({ "request_id": id })).await);
    listed["events"].as_array().unwrap().iter().rev().cloned().collect()
}

/// Their kinds.
async fn kinds(server: &Server, id: &str) -> Vec<String> {
    events(server, id).await.iter().map(|event| text(&event["kind"]).to_owned()).collect()
}

/// Checks that the audit chain is whole.
async fn assert_intact(server: &Server) -> Value {
    let verdict = accepted(server.tool(Role::Approver, "bouncer_audit_verify", json!({})).await);
    assert_eq!(verdict["status"], "intact", "{verdict:#}");
    verdict
}
