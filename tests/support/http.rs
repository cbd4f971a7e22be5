//! Speaking HTTP with a server: the tools, decisions, MCP, and anything by hand.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::server::{Role, Server};
use super::wait::{DEADLINE, wait_until};

impl Server {
    /// A request without any key, for tests that shape one by hand.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client().request(method, format!("{}{path}", self.url()))
    }

    /// `POST /v1/tools/{name}`: the HTTP status and the JSON answer.
    pub async fn tool(&self, role: Role, name: &str, arguments: Value) -> (u16, Value) {
        self.tool_with_key(self.key(role), name, &arguments).await
    }

    /// As [`Server::tool`], with any key.
    pub async fn tool_with_key(&self, key: &str, name: &str, arguments: &Value) -> (u16, Value) {
        let request = self.request(Method::POST, &format!("/v1/tools/{name}"));
        answer(request.bearer_auth(key).json(arguments)).await
    }

    /// `POST /v1/requests/{request_id}/decision` with "approve" or "deny".
    pub async fn decide(&self, role: Role, request_id: &str, decision: &str) -> (u16, Value) {
        self.decide_with(role, request_id, json!({ "decision": decision })).await
    }

    /// A decision with a plan, an acknowledgement or a reason.
    pub async fn decide_with(&self, role: Role, request_id: &str, decision: Value) -> (u16, Value) {
        let request = self.request(Method::POST, &format!("/v1/requests/{request_id}/decision"));
        answer(request.bearer_auth(self.key(role)).json(&decision)).await
    }

    /// The answer of `bouncer_status` once the request has ended.
    pub async fn ended(&self, request_id: &str) -> Value {
        wait_until(&format!("request {request_id} to end"), DEADLINE * 4, async || {
            let (status, body) = self.tool(Role::Approver, "bouncer_status", json!({ "request_id": request_id })).await;
            assert_eq!(status, 200, "{body:#}");
            let open = ["pending_approval", "approved", "running"].contains(&text(&body["status"]));
            (!open).then_some(body)
        })
        .await
    }

    /// Adds a project named `name` with the bucket `{name}-site`.
    pub async fn add_project(&self, name: &str) {
        let arguments = json!({ "project": name, "bucket": format!("{name}-site") });
        let (status, body) = self.tool(Role::Admin, "bouncer_project_add", arguments).await;
        assert_eq!(status, 200, "the project cannot be added: {body:#}");
    }

    /// One JSON-RPC call to `/mcp`: the whole reply, `result` or `error`.
    pub async fn mcp(&self, role: Role, method: &str, params: Value) -> Value {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self
            .request(Method::POST, "/mcp")
            .bearer_auth(self.key(role))
            .header("accept", "application/json, text/event-stream");
        let (status, reply) = answer(request.json(&call)).await;
        assert_eq!(status, 200, "{reply:#}");
        assert_eq!(reply["id"], 1, "{reply:#}");
        reply
    }

    /// `GET /sites/{project}/{path}`, as a visitor without a key.
    pub async fn visit(&self, project: &str, path: &str) -> Response {
        self.request(Method::GET, &format!("/sites/{project}/{path}")).send().await.expect("the site answers")
    }
}

/// Serves a stand-in on a port of its own until the test ends; gives its address.
pub async fn listen(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Sends `request` and reads the answer, which must be JSON.
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let body = response.text().await.expect("the whole answer arrives");
    let json = serde_json::from_str(&body).unwrap_or_else(|_| panic!("HTTP {status}, and no JSON: {body}"));
    (status, json)
}

/// The text in `value`.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text expected, found {value}"))
}
