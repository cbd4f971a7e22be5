//! What the protocol's own messages look like on the wire.

use reqwest::Method;
use serde_json::{Value, json};

use super::TOOLS;
use crate::support::{Role, Server, answer, text};
use crate::tools::{REQUIRED, arguments_without, sample_arguments};

#[tokio::test]
async fn initialize_names_the_server_and_offers_tools() {
    let server = Server::start().await;

    let reply = server.mcp(Role::Agent, "initialize", initialize()).await;

    assert_eq!(reply["result"]["protocolVersion"], "2025-11-25", "{reply:#}");
    assert_eq!(reply["result"]["serverInfo"]["name"], "bouncer", "{reply:#}");
    assert!(reply["result"]["capabilities"]["tools"].is_object(), "{reply:#}");
}

#[tokio::test]
async fn every_tool_says_what_it_is_for_and_what_it_takes() {
    let server = Server::start().await;

    let reply = server.mcp(Role::Agent, "tools/list", json!({})).await;

    let tools = reply["result"]["tools"].as_array().unwrap();
    for name in TOOLS {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert!(text(&tool["description"]).len() > 40, "an agent cannot work from this: {tool:#}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
    }
    for (name, required) in REQUIRED {
        let tool = tools.iter().find(|tool| tool["name"] == *name).unwrap();
        let mut listed: Vec<&str> = match &tool["inputSchema"]["required"] {
            Value::Array(names) => names.iter().map(text).collect(),
            _ => Vec::new(),
        };
        let mut expected = required.to_vec();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected, "{name}");
        for argument in *required {
            let property = &tool["inputSchema"]["properties"][argument];
            assert!(!text(&property["description"]).is_empty(), "{name}.{argument} is not described");
        }
    }
}

#[tokio::test]
async fn a_missing_or_blank_argument_is_invalid_params() {
    let server = Server::start().await;
    for (tool, required) in REQUIRED {
        for argument in *required {
            for arguments in arguments_without(tool, argument) {
                let call = json!({ "name": tool, "arguments": arguments });
                let reply = server.mcp(Role::Agent, "tools/call", call).await;
                assert_eq!(reply["error"]["code"], -32602, "{tool} {arguments}: {reply:#}");
                assert!(text(&reply["error"]["message"]).contains(argument), "{tool} without {argument}: {reply:#}");
            }
        }
    }
}

#[tokio::test]
async fn a_bad_limit_is_invalid_params() {
    let server = Server::start().await;
    for limit in [json!(0), json!(101), json!(-1), json!("ten"), json!(1.5)] {
        let call = json!({ "name": "bouncer_list_pending", "arguments": { "limit": limit } });
        let reply = server.mcp(Role::Agent, "tools/call", call).await;
        assert_eq!(reply["error"]["code"], -32602, "{reply:#}");
        assert!(text(&reply["error"]["message"]).contains("limit"), "{reply:#}");
    }
}

#[tokio::test]
async fn calls_that_fit_no_tool_are_invalid_params() {
    let server = Server::start().await;

    let unknown = server.mcp(Role::Agent, "tools/call", json!({ "name": "bouncer_nope", "arguments": {} })).await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown:#}");
    assert!(text(&unknown["error"]["message"]).contains("bouncer_nope"), "{unknown:#}");

    let nameless = server.mcp(Role::Agent, "tools/call", json!({})).await;
    assert_eq!(nameless["error"]["code"], -32602, "{nameless:#}");

    let method = server.mcp(Role::Agent, "tools/nope", json!({})).await;
    assert_eq!(method["error"]["code"], -32601, "{method:#}");
}

#[tokio::test]
async fn an_answer_is_one_text_and_the_same_object_structured() {
    let server = Server::start().await;
    server.add_project("shop").await;

    let reply = call(&server, "bouncer_project_list", json!({ "zeta": 1, "alpha": 2 })).await;

    let result = &reply["result"];
    assert_ne!(result["isError"], true, "{result:#}");
    let object = only_text(result);
    assert_eq!(result["structuredContent"], object);
    let (_, over_http) = server.tool(Role::Agent, "bouncer_project_list", json!({ "zeta": 1, "alpha": 2 })).await;
    assert_eq!(object, over_http, "one dispatcher, one answer");
}

#[tokio::test]
async fn a_failure_is_marked_and_carries_the_same_object_as_over_http() {
    let server = Server::start().await;
    let arguments = json!({ "request_id": "no-such-request" });

    let reply = call(&server, "bouncer_status", arguments.clone()).await;

    let result = &reply["result"];
    assert_eq!(result["isError"], true, "{result:#}");
    let object = only_text(result);
    assert_eq!(object["error_code"], "NOT_FOUND");
    let (_, over_http) = server.tool(Role::Agent, "bouncer_status", arguments).await;
    assert_eq!(object, over_http, "one dispatcher, one answer");
}

#[tokio::test]
async fn an_unknown_deploy_is_no_failure() {
    let server = Server::start().await;

    let reply = call(&server, "bouncer_deploy_status", sample_arguments("bouncer_deploy_status")).await;

    assert_ne!(reply["result"]["isError"], true, "{reply:#}");
    assert_eq!(only_text(&reply["result"])["status"], "not_found");
}

#[tokio::test]
async fn without_sessions_there_is_no_stream_to_open_or_close() {
    let server = Server::start().await;
    for method in [Method::GET, Method::DELETE] {
        let request = server.request(method, "/mcp").bearer_auth(server.key(Role::Agent));
        let response = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 405);
    }
}

#[tokio::test]
async fn a_call_without_a_good_key_is_unauthorized() {
    let server = Server::start().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize() });
    for key in [None, Some("bncr_wrong")] {
        let request = server.request(Method::POST, "/mcp").header("accept", "application/json, text/event-stream");
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let (status, body) = answer(request.json(&call)).await;
        assert_eq!(status, 401, "{body:#}");
    }
}

fn initialize() -> Value {
    json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "0" },
    })
}

async fn call(server: &Server, tool: &str, arguments: Value) -> Value {
    server.mcp(Role::Agent, "tools/call", json!({ "name": tool, "arguments": arguments })).await
}

/// The object in the one text content of a tool result.
fn only_text(result: &Value) -> Value {
    let contents = result["content"].as_array().unwrap_or_else(|| panic!("no content: {result:#}"));
    assert_eq!(contents.len(), 1, "{result:#}");
    assert_eq!(contents[0]["type"], "text");
    serde_json::from_str(text(&contents[0]["text"])).expect("the text is one JSON object")
}
