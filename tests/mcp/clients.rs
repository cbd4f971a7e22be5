//! mcporter calls every tool, over both transports.

use reqwest::Method;
use serde_json::{Value, json};

use super::TOOLS;
use crate::support::{Mcporter, Role, Server, Site, Transport, text};
use crate::tools::{frontend_request, upload_all};

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_over_streamable_http() {
    every_tool(Transport::Http).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_over_stdio() {
    every_tool(Transport::Stdio).await;
}

/// One deploy inline, one with presigned URLs, one upload and one batch, as an agent would go about it.
async fn every_tool(transport: Transport) {
    let server = Server::start().await;
    server.add_project("shop").await;
    let agent = Agent { mcporter: Mcporter::new(&server, Role::Agent), transport };

    let (code, listed) = agent.mcporter.list(transport).await;
    assert_eq!((code, text(&listed["status"])), (0, "ok"), "{listed:#}");
    for name in TOOLS {
        let listed = listed["tools"].as_array().unwrap();
        assert!(listed.iter().any(|tool| tool["name"] == name), "{name} is not listed");
    }

    let help = agent.ask("bouncer_help", json!({})).await;
    assert!(help.to_string().contains("bouncer_deploy_frontend"), "{help:#}");
    let projects = agent.ask("bouncer_project_list", json!({})).await;
    assert!(projects.to_string().contains("\"shop\""), "{projects:#}");

    let inline = agent.ask("bouncer_deploy_frontend", frontend_request("shop", &Site::new(1, 1, 2))).await;
    assert_eq!(inline["status"], "pending_approval", "{inline:#}");
    let request_id = text(&inline["request_id"]);
    let pending = agent.ask("bouncer_list_pending", json!({ "limit": 5 })).await;
    assert_eq!(pending["requests"][0]["request_id"], request_id, "{pending:#}");
    approve(&server, request_id).await;
    let status = agent.ask("bouncer_status", json!({ "request_id": request_id })).await;
    assert_eq!(status["result"]["deploy_status"], "deployed", "{status:#}");
    let history = agent.ask("bouncer_deploy_history", json!({ "project": "shop" })).await;
    assert!(history.to_string().contains("frontend-"), "{history:#}");
    let unknown = agent.ask("bouncer_deploy_status", json!({ "deploy_id": "no-such-deploy" })).await;
    assert_eq!(unknown["status"], "not_found", "{unknown:#}");

    let site = Site::new(2, 0, 1);
    let declared = json!({ "project": "shop", "files": site.declared() });
    let ready = agent.ask("bouncer_request_frontend_presigned", declared).await;
    upload_all(&ready, &site).await;
    let confirm = json!({
        "request_id": ready["request_id"], "project": "shop", "files": site.declared(),
        "reason": "a test", "source": "tests",
    });
    let confirmed = agent.ask("bouncer_confirm_frontend_deploy", confirm).await;
    assert_eq!(confirmed["status"], "pending_approval", "{confirmed:#}");
    approve(&server, text(&confirmed["request_id"])).await;
    assert_eq!(server.visit("shop", "").await.bytes().await.unwrap(), site.file("index.html").bytes);

    let single = json!({ "filename": "a.txt", "content_type": "text/plain", "reason": "a test", "source": "tests" });
    assert_eq!(agent.ask("bouncer_request_presigned", single).await["status"], "ready");
    let batch = json!({
        "files": [{ "filename": "a.txt", "content_type": "text/plain" }], "reason": "a test", "source": "tests",
    });
    let batch = agent.ask("bouncer_request_presigned_batch", batch).await;
    let checked = agent.ask("bouncer_confirm_upload", json!({ "batch_id": batch["batch_id"] })).await;
    assert_eq!(checked["missing"], json!([batch["files"][0]["s3_key"]]), "{checked:#}");

    failures(&server, &agent).await;
}

async fn failures(server: &Server, agent: &Agent<'_>) {
    let (code, unknown) = agent.call("bouncer_status", json!({ "request_id": "no-such-request" })).await;
    assert_eq!((code, text(&unknown["error_code"])), (1, "NOT_FOUND"), "{unknown:#}");

    let (code, missing) = agent.call("bouncer_status", json!({})).await;
    assert_eq!(code, 1);
    assert!(missing.to_string().contains("-32602"), "{missing:#}");
    assert!(missing.to_string().contains("request_id"), "{missing:#}");

    let stranger = Mcporter::with_key(server, "bncr_wrong");
    let (code, refused) = stranger.call(agent.transport, "bouncer_help", &json!({})).await;
    assert_eq!(code, 1, "{refused:#}");
    if agent.transport == Transport::Http {
        assert_eq!(refused["issue"]["kind"], "auth", "{refused:#}");
    }
}

struct Agent<'a> {
    mcporter: Mcporter<'a>,
    transport: Transport,
}

impl Agent<'_> {
    async fn call(&self, tool: &str, arguments: Value) -> (i32, Value) {
        self.mcporter.call(self.transport, tool, &arguments).await
    }

    /// A call that must succeed.
    async fn ask(&self, tool: &str, arguments: Value) -> Value {
        let (code, answer) = self.call(tool, arguments).await;
        assert_eq!(code, 0, "{tool}: {answer:#}");
        answer
    }
}

async fn approve(server: &Server, request_id: &str) {
    let (status, body) = server.decide(Role::Approver, request_id, "approve").await;
    assert_eq!(status, 200, "{body:#}");
    let ended = server.ended(request_id).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(server.request(Method::GET, "/sites/shop/").send().await.unwrap().status(), 200);
}
