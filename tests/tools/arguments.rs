//! Arguments: what is required, what is ignored, what is not understood.

use reqwest::Method;
use serde_json::{Value, json};

use super::{NOT_ACCEPTABLE, accepted, assert_nothing_pending, refused, refused_naming};
use crate::support::{Role, Server, Site, answer, text};

/// Every tool that cannot do without something.
pub const REQUIRED: &[(&str, &[&str])] = &[
    ("bouncer_deploy_frontend", &["project", "files", "reason", "source", "trust_scope"]),
    ("bouncer_request_frontend_presigned", &["project", "files"]),
    ("bouncer_confirm_frontend_deploy", &["request_id", "project", "files", "reason", "source"]),
    ("bouncer_frontend_releases", &["project"]),
    ("bouncer_frontend_rollback", &["project", "reason"]),
    ("bouncer_request_presigned", &["filename", "content_type", "reason", "source"]),
    ("bouncer_request_presigned_batch", &["files", "reason", "source"]),
    ("bouncer_confirm_upload", &["batch_id"]),
    ("bouncer_status", &["request_id"]),
    ("bouncer_deploy_status", &["deploy_id"]),
    ("bouncer_deploy_history", &["project"]),
];

/// Arguments of the right form.
pub fn sample_arguments(tool: &str) -> Value {
    let site = Site::new(1, 0, 0);
    match tool {
        "bouncer_deploy_frontend" => super::frontend_request("shop", &site),
        "bouncer_request_frontend_presigned" => json!({ "project": "shop", "files": site.declared() }),
        "bouncer_confirm_frontend_deploy" => json!({
            "request_id": "no-such-request", "project": "shop", "files": site.declared(),
            "reason": "a test", "source": "tests",
        }),
        "bouncer_frontend_releases" => json!({ "project": "shop" }),
        "bouncer_frontend_rollback" => json!({ "project": "shop", "reason": "a test" }),
        "bouncer_request_presigned" => {
            json!({ "filename": "a.txt", "content_type": "text/plain", "reason": "a test", "source": "tests" })
        }
        "bouncer_request_presigned_batch" => json!({
            "files": [{ "filename": "a.txt", "content_type": "text/plain" }], "reason": "a test", "source": "tests",
        }),
        "bouncer_confirm_upload" => json!({ "batch_id": "batch-0123456789ab" }),
        "bouncer_status" => json!({ "request_id": "no-such-request" }),
        "bouncer_deploy_status" => json!({ "deploy_id": "no-such-deploy" }),
        "bouncer_deploy_history" => json!({ "project": "shop" }),
        _ => json!({}),
    }
}

/// The sample arguments of a tool with one of them absent, null or blank.
pub fn arguments_without(tool: &str, argument: &str) -> Vec<Value> {
    let sample = sample_arguments(tool);
    let mut without = vec![sample.clone()];
    without[0].as_object_mut().unwrap().remove(argument);
    let blanks = if sample[argument].is_array() { vec![json!([])] } else { vec![json!(""), json!(" \t\n")] };
    for blank in [vec![Value::Null], blanks].concat() {
        let mut arguments = sample.clone();
        arguments[argument] = blank;
        without.push(arguments);
    }
    without
}

#[tokio::test]
async fn a_missing_or_blank_argument_is_named() {
    let server = Server::start().await;
    server.add_project("shop").await;
    for (tool, required) in REQUIRED {
        for argument in *required {
            for arguments in arguments_without(tool, argument) {
                let answer = server.tool(Role::Agent, tool, arguments.clone()).await;
                assert_eq!(answer.0, 400, "{tool} {arguments}: {:#}", answer.1);
                refused_naming(answer, &["MISSING_PARAM"], argument);
            }
        }
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn an_argument_of_another_type_is_named() {
    let server = Server::start().await;
    server.add_project("shop").await;
    for (tool, required) in REQUIRED {
        for argument in *required {
            let mut arguments = sample_arguments(tool);
            arguments[argument] = json!(7);
            let answer = server.tool(Role::Agent, tool, arguments.clone()).await;
            assert_eq!(answer.0, 400, "{tool} {arguments}: {:#}", answer.1);
            refused_naming(answer, &["INVALID_PARAM"], argument);
        }
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn a_file_without_a_name_or_content_is_refused() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let index = json!({ "filename": "index.html", "content": "aGk=" });
    for (file, missing) in [
        (json!({ "content": "aGk=" }), "filename"),
        (json!({ "filename": "", "content": "aGk=" }), "filename"),
        (json!({ "filename": " ", "content": "aGk=" }), "filename"),
        (json!({ "filename": "a.js" }), "content"),
        (json!({ "filename": "a.js", "content": 7 }), "content"),
        (json!("a.js"), "files"),
    ] {
        let arguments = super::frontend_files("shop", &json!([index, file]));
        let codes = ["MISSING_PARAM", "INVALID_PARAM", "VALIDATION_ERROR"];
        refused_naming(server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await, &codes, missing);
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn unknown_arguments_are_reported_in_order_and_ignored() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let tools = REQUIRED.iter().map(|(tool, _)| *tool);
    let needing = ["bouncer_status", "bouncer_confirm_frontend_deploy", "bouncer_frontend_rollback"];
    let tools = tools.filter(|tool| !needing.contains(tool));
    for tool in tools.filter(|tool| *tool != "bouncer_confirm_upload").chain(["bouncer_list_pending", "bouncer_help"]) {
        let mut arguments = sample_arguments(tool);
        for unknown in ["zeta", "alpha", "midway"] {
            arguments[unknown] = json!("x");
        }
        let body = accepted(server.tool(Role::Agent, tool, arguments).await);
        let warnings = body["warnings"].as_array().unwrap_or_else(|| panic!("{tool}: no warnings: {body:#}"));
        assert_eq!(warnings.len(), 3, "{tool}: {warnings:?}");
        for (warning, unknown) in warnings.iter().zip(["alpha", "midway", "zeta"]) {
            assert!(text(warning).contains(unknown), "{tool}: {warnings:?}");
        }
    }
    let body = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({ "limit": 1 })).await);
    let warnings = body["warnings"].as_array().map_or(0, Vec::len);
    assert_eq!(warnings, 0, "nothing to warn of: {body:#}");
}

#[tokio::test]
async fn the_caller_cannot_be_an_argument() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut arguments = super::frontend_request("shop", &Site::new(1, 0, 0));
    arguments["caller"] = json!("somebody else");
    arguments["caller_id"] = json!("somebody else");

    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await);

    // The agent still sees what it asked for, so it is its own.
    let status = json!({ "request_id": pending["request_id"] });
    assert_eq!(accepted(server.tool(Role::Agent, "bouncer_status", status).await)["status"], "pending_approval");
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let server = Server::start().await;
    for body in ["{", "null", "[]", "\"bouncer\"", "{\"limit\":1}garbage", "{\"limit\":NaN}", "\u{0}"] {
        let request = server.request(Method::POST, "/v1/tools/bouncer_list_pending");
        let request = request.bearer_auth(server.key(Role::Agent)).header("content-type", "application/json");
        let answer = answer(request.body(body)).await;
        assert_eq!(answer.0, 400, "{body:?}: {:#}", answer.1);
        refused(answer, NOT_ACCEPTABLE);
    }
}

#[tokio::test]
async fn an_unknown_tool_is_not_found() {
    let server = Server::start().await;
    for name in ["bouncer_nope", "BOUNCER_STATUS", "bouncer_status%20"] {
        let answer = server.tool(Role::Agent, name, json!({})).await;
        assert_eq!(answer.0, 404, "{name}: {:#}", answer.1);
        refused(answer, &["NOT_FOUND"]);
    }
}
