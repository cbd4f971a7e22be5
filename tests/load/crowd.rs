//! A thousand callers at once.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::peak_memory;
use crate::support::{Role, Server, Site, answer, text, wait_until};
use crate::tools::{accepted, frontend_request};

const CALLERS: usize = 1000;

/// What one caller does, and the HTTP status that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Health,
    Help,
    Projects,
    Status,
    History,
    Pending,
    McpTools,
    Page,
    NoPage,
    NoTool,
    NoKey,
    NoProject,
    BadLimit,
    ForeignHost,
    Deploy,
    Addresses,
}

impl Call {
    const ALL: [Call; 16] = [
        Call::Health,
        Call::Help,
        Call::Projects,
        Call::Status,
        Call::History,
        Call::Pending,
        Call::McpTools,
        Call::Page,
        Call::NoPage,
        Call::NoTool,
        Call::NoKey,
        Call::NoProject,
        Call::BadLimit,
        Call::ForeignHost,
        Call::Deploy,
        Call::Addresses,
    ];

    fn right_status(self) -> u16 {
        match self {
            Call::NoPage | Call::NoTool | Call::NoProject => 404,
            Call::NoKey => 401,
            Call::BadLimit => 400,
            Call::ForeignHost => 403,
            _ => 200,
        }
    }

    /// The status and the body, as JSON where it is.
    async fn make(self, server: &Server, live: &str, number: usize) -> (u16, Value) {
        let tool = |name: &str, arguments: Value| {
            let request = server.request(Method::POST, &format!("/v1/tools/{name}"));
            answer(request.bearer_auth(server.key(Role::Agent)).json(&arguments))
        };
        match self {
            Call::Health => answer(server.request(Method::GET, "/healthz")).await,
            Call::Help => tool("bouncer_help", json!({})).await,
            Call::Projects => tool("bouncer_project_list", json!({})).await,
            Call::Status => tool("bouncer_status", json!({ "request_id": live })).await,
            Call::History => tool("bouncer_deploy_history", json!({ "project": "shop" })).await,
            Call::Pending => tool("bouncer_list_pending", json!({ "limit": 100 })).await,
            Call::McpTools => {
                let list = json!({ "jsonrpc": "2.0", "id": number, "method": "tools/list" });
                let request = server.request(Method::POST, "/mcp").bearer_auth(server.key(Role::Agent)).json(&list);
                answer(request.header("accept", "application/json, text/event-stream")).await
            }
            Call::Page | Call::NoPage => {
                let path = if self == Call::Page { "index.html" } else { "nothing.html" };
                let page = server.visit("shop", path).await;
                (page.status().as_u16(), json!(page.text().await.expect("the whole page arrives")))
            }
            Call::NoTool => tool("bouncer_nope", json!({})).await,
            Call::NoKey => answer(server.request(Method::POST, "/v1/tools/bouncer_help").bearer_auth("bncr_no")).await,
            Call::NoProject => tool("bouncer_deploy_history", json!({ "project": format!("no-{number}") })).await,
            Call::BadLimit => tool("bouncer_list_pending", json!({ "limit": 0 })).await,
            Call::ForeignHost => answer(server.request(Method::GET, "/healthz").header("host", "evil.example")).await,
            Call::Deploy => {
                tool("bouncer_deploy_frontend", frontend_request("shop", &Site::new(number as u64, 1, 3))).await
            }
            Call::Addresses => {
                let files = Site::new(number as u64, 1, 3).declared();
                tool("bouncer_request_frontend_presigned", json!({ "project": "shop", "files": files })).await
            }
        }
    }

    fn check(self, body: &Value, live: &str, page: &str, number: usize) {
        match self {
            Call::Health => assert_eq!(body["status"], "ok"),
            Call::Help => assert!(body.to_string().contains("bouncer_deploy_frontend")),
            Call::Projects => assert_eq!(body["projects"][0]["project_id"], "shop"),
            Call::Status => assert_eq!((&body["request_id"], &body["status"]), (&json!(live), &json!("completed"))),
            Call::History => assert_eq!((&body["count"], &body["deploys"][0]["request_id"]), (&json!(1), &json!(live))),
            Call::Pending => assert!(body["requests"].is_array()),
            Call::McpTools => assert!(body["id"] == number && body["result"]["tools"].is_array()),
            Call::Page => assert_eq!(body, page),
            Call::NoPage => assert!(body.is_string()),
            Call::Deploy => {
                let changes = json!({ "added": 4, "changed": 1, "removed": 2, "unchanged": 0 });
                assert_eq!(body["status"], "pending_approval");
                for (name, count) in changes.as_object().unwrap() {
                    assert_eq!(&body["changes"][name], count, "{body:#}");
                }
            }
            Call::Addresses => assert_eq!(body["files"].as_array().expect("addresses").len(), 5),
            Call::NoTool | Call::NoKey | Call::NoProject | Call::BadLimit | Call::ForeignHost => {
                assert!(!text(&body["error"]).is_empty() && !text(&body["suggestion"]).is_empty());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_at_once_are_all_answered_right() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(5000, 0, 2);
    let live = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site)).await);
    let live = text(&live["request_id"]).to_owned();
    accepted(server.decide(Role::Approver, &live, "approve").await);
    server.ended(&live).await;
    let page = String::from_utf8(site.file("index.html").bytes.clone()).unwrap();

    // Every caller is ready before the first one speaks, and has a connection of its own.
    let barrier = Arc::new(Barrier::new(CALLERS));
    let calls = (0..CALLERS).map(|number| {
        let (barrier, server, live, page) = (Arc::clone(&barrier), &server, &live, &page);
        async move {
            let call = Call::ALL[number % Call::ALL.len()];
            barrier.wait().await;
            let (status, body) = call.make(server, live, number).await;
            assert_eq!(status, call.right_status(), "{call:?}: {body:#}");
            call.check(&body, live, page, number);
            (call == Call::Deploy).then(|| text(&body["request_id"]).to_owned())
        }
    });
    let asked: Vec<String> = join_all(calls).await.into_iter().flatten().collect();

    // Each question was stored, once.
    let pending = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({ "limit": 100 })).await);
    let mut listed: Vec<&str> =
        pending["requests"].as_array().unwrap().iter().map(|row| text(&row["request_id"])).collect();
    let mut asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    listed.sort_unstable();
    asked.sort_unstable();
    assert_eq!(listed, asked);
    let peak = peak_memory(&server);
    assert!(peak < 300, "the server took {peak} MB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_are_served_while_a_site_is_published() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let (old, new) = (Site::new(5001, 2, 20), Site::new(5002, 2, 60));
    let mut index = Vec::new();
    for site in [&old, &new] {
        index.push(site.file("index.html").bytes.clone());
    }
    let ask = async |site: &Site| {
        let pending = server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", site)).await;
        text(&accepted(pending)["request_id"]).to_owned()
    };
    let first = ask(&old).await;
    accepted(server.decide(Role::Approver, &first, "approve").await);
    server.ended(&first).await;
    let second = ask(&new).await;

    let visitors = join_all((0..20).map(|_| async {
        let mut seen_new = false;
        // Until this visitor has the new page; from then on never the old one again.
        wait_until("the new entry page", Duration::from_secs(30), async || {
            let page = server.visit("shop", "").await;
            assert_eq!(page.status(), 200);
            let page = page.bytes().await.expect("the whole page arrives");
            assert!(page == index[0] || page == index[1], "a visitor got a page that nobody approved");
            assert!(!seen_new || page == index[1], "a visitor got the old page after the new one");
            seen_new |= page == index[1];
            seen_new.then_some(())
        })
        .await;
    }));
    let approve = async {
        accepted(server.decide(Role::Approver, &second, "approve").await);
        server.ended(&second).await
    };
    let (_, ended) = tokio::join!(visitors, approve);
    assert_eq!(ended["status"], "completed", "{ended:#}");
}
