//! Calls to a running server: whatever is asked, the answer has a code, and none of them is the server's own fault.

use futures::{StreamExt as _, stream};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::values::{anything, arguments, text};
use super::{cases, seed};
use crate::support::{Role, Server, Site, answer};
use crate::tools::{accepted, approve, frontend_request};

const AT_ONCE: usize = 8;
const CODES: [&str; 13] = [
    "MISSING_PARAM",
    "INVALID_PARAM",
    "VALIDATION_ERROR",
    "UNKNOWN_PROJECT",
    "PROJECT_DISABLED",
    "CONFLICT",
    "NOT_FOUND",
    "FORBIDDEN",
    "RATE_LIMITED",
    "PENDING_LIMIT_EXCEEDED",
    "NOTIFICATION_FAILED",
    "PREFLIGHT_FAILED",
    // Of services that are not there; those that are belong to the server.
    "UPSTREAM_ERROR",
];

/// A server with a project that has a release, and something that waits.
async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    let pending =
        server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &Site::new(1, 1, 1))).await;
    approve(&server, &accepted(pending)["request_id"]).await;
    accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &Site::new(2, 1, 1))).await);
    server
}

fn assert_coded(asked: &str, status: u16, body: &Value) {
    let fault = || format!("HTTP {status} for {asked}: {body:#}");
    assert!(body.is_object(), "{}", fault());
    if body["status"] == "error" || status >= 400 {
        let code = body["error_code"].as_str().unwrap_or_default();
        assert!(CODES.contains(&code), "{}", fault());
        assert!(status < 500 || (status, code) == (502, "UPSTREAM_ERROR"), "{}", fault());
        assert!(body["error"].as_str().is_some_and(|text| !text.trim().is_empty()), "{}", fault());
        assert!(body["suggestion"].as_str().is_some_and(|text| !text.trim().is_empty()), "{}", fault());
    }
}

/// The server goes on, and nothing in it gave up on the way.
async fn assert_sound(server: &Server) {
    assert_eq!(server.request(Method::GET, "/healthz").send().await.unwrap().status(), 200);
    let log = server.stderr();
    let panic = log.lines().find(|line| line.contains("panicked") || line.contains("overflowed its stack"));
    assert_eq!(panic, None);
}

async fn call(server: &Server, tool: &str, role: Role, arguments: &Value) {
    let (status, body) = server.tool(role, tool, arguments.clone()).await;
    let shown: String = arguments.to_string().chars().take(3000).collect();
    assert_coded(&format!("{tool} {shown}"), status, &body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tool_takes_or_refuses_any_arguments() {
    let server = shop().await;
    let listed = server.request(Method::GET, "/v1/tools").bearer_auth(server.key(Role::Admin));
    let (_, listed) = answer(listed).await;
    let tools = listed["tools"].as_array().expect("the tools");
    let mut random = StdRng::seed_from_u64(seed());
    let calls: Vec<(String, Role, Value)> = (0..cases(2000))
        .map(|n| {
            let tool = &tools[n as usize % tools.len()];
            let role = if random.random_bool(0.2) { Role::Agent } else { Role::Admin };
            let name = tool["name"].as_str().expect("a name").to_owned();
            (name, role, arguments(&tool["input_schema"], &mut random))
        })
        .collect();
    stream::iter(&calls)
        .map(|(tool, role, arguments)| call(&server, tool, *role, arguments))
        .buffer_unordered(AT_ONCE)
        .for_each(|()| std::future::ready(()))
        .await;
    assert_sound(&server).await;
}

async fn send(server: &Server, to_mcp: bool, id: &str, body: &Value) {
    let path = if to_mcp { "/mcp".to_owned() } else { format!("/v1/requests/{}/decision", encoded(id)) };
    let request = server.request(Method::POST, &path).bearer_auth(server.key(Role::Approver)).json(body);
    let request = request.header("accept", "application/json, text/event-stream");
    let status = request.send().await.expect("the server answers").status();
    assert!(status.as_u16() < 500, "HTTP {status} for {path} {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_and_mcp_take_or_refuse_any_body() {
    let server = shop().await;
    let mut random = StdRng::seed_from_u64(seed());
    let calls: Vec<(bool, String, Value)> = (0..cases(600))
        .map(|_| {
            let body = match random.random_range(0..3) {
                0 => json!({ "decision": anything(&mut random, 1), "plan_hash": anything(&mut random, 1) }),
                1 => json!({ "jsonrpc": "2.0", "id": anything(&mut random, 1), "method": "tools/call", "params": {
                    "name": anything(&mut random, 0), "arguments": anything(&mut random, 3),
                } }),
                _ => anything(&mut random, 4),
            };
            (random.random(), text(&mut random), body)
        })
        .collect();
    stream::iter(&calls)
        .map(|(to_mcp, id, body)| send(&server, *to_mcp, id, body))
        .buffer_unordered(AT_ONCE)
        .for_each(|()| std::future::ready(()))
        .await;
    assert_sound(&server).await;
}

async fn visit(server: &Server, project: &str, path: &str) {
    let path = format!("/sites/{}/{}", encoded(project), encoded(path));
    let status = server.request(Method::GET, &path).send().await.expect("the server answers").status().as_u16();
    assert!([200, 308, 400, 404, 414, 431].contains(&status), "HTTP {status} for {path}");
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_answers_at_any_address() {
    let server = shop().await;
    let mut random = StdRng::seed_from_u64(seed());
    let paths: Vec<(String, String)> = (0..cases(1000))
        .map(|_| {
            let project = if random.random_bool(0.8) { "shop".to_owned() } else { text(&mut random) };
            (project, (0..random.random_range(1..4)).map(|_| text(&mut random)).collect::<Vec<_>>().join("/"))
        })
        .collect();
    stream::iter(&paths)
        .map(|(project, path)| visit(&server, project, path))
        .buffer_unordered(AT_ONCE)
        .for_each(|()| std::future::ready(()))
        .await;
    assert_sound(&server).await;
}
