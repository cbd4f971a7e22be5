//! Answers keep to the schemas that are listed for them: clients check that, and refuse an answer that does not.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Role, Server, Site, python_tool, run_program, text};
use crate::tools::{approve, frontend_request};

/// One answer and the schema it has to keep to.
struct Case {
    title: String,
    schema: Value,
    answer: Value,
}

/// Projects and releases that leave out everything they can.
#[tokio::test]
async fn answers_about_bare_records_keep_to_their_schemas() {
    let server = Server::start().await;
    let schemas = output_schemas(&server).await;
    let none = json!({});
    let shop = json!({ "project": "shop" });
    let mut cases = Vec::new();
    let empty = [("bouncer_project_list", &none), ("bouncer_list_pending", &none), ("bouncer_history", &none)];
    for (tool, arguments) in empty.into_iter().chain([("bouncer_stats", &none), ("bouncer_audit_list", &none)]) {
        cases.push(call(&server, &schemas, tool, arguments).await);
    }
    let added = json!({ "project": "shop", "bucket": "shop-site" });
    cases.push(call(&server, &schemas, "bouncer_project_add", &added).await);
    let pending = server.mcp(
        Role::Agent,
        "tools/call",
        json!({
            "name": "bouncer_deploy_frontend", "arguments": frontend_request("shop", &Site::new(1, 0, 0)),
        }),
    );
    let pending = pending.await["result"]["structuredContent"].clone();
    let request = json!({ "request_id": pending["request_id"] });
    cases.push(call(&server, &schemas, "bouncer_request_show", &request).await);
    approve(&server, &pending["request_id"]).await;
    for (tool, arguments) in [
        ("bouncer_help", &none),
        ("bouncer_project_list", &none),
        ("bouncer_project_show", &shop),
        ("bouncer_frontend_releases", &shop),
        ("bouncer_deploy_history", &shop),
        ("bouncer_status", &request),
        ("bouncer_request_show", &request),
        ("bouncer_history", &none),
        ("bouncer_stats", &none),
        ("bouncer_audit_list", &none),
        ("bouncer_audit_verify", &none),
        ("bouncer_key_list", &none),
    ] {
        cases.push(call(&server, &schemas, tool, arguments).await);
    }
    assert_kept(&server, &cases).await;
}

/// Every answer that is kept word by word, refusals too.
#[tokio::test]
async fn answers_on_record_keep_to_their_schemas() {
    let server = Server::start().await;
    let schemas = output_schemas(&server).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/tools");
    let mut cases = Vec::new();
    for (tool, schema) in &schemas {
        let Ok(sheet) = std::fs::read_to_string(folder.join(format!("{}.snap", tool.replace("bouncer_", "")))) else {
            continue;
        };
        for piece in sheet.split("\n=== ").skip(1) {
            let (title, answer) = piece.split_once(" ===\n").expect("a title");
            // A number that changes from run to run.
            let answer = answer.replace(": [duration]", ": 1");
            let answer: Value =
                serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{tool}, {title}: {error}"));
            cases.push(Case { title: format!("{tool}, {title}"), schema: schema.clone(), answer });
        }
    }
    assert!(cases.len() > 60, "only {} answers were found", cases.len());
    assert_kept(&server, &cases).await;
}

async fn output_schemas(server: &Server) -> BTreeMap<String, Value> {
    let listed = server.mcp(Role::Admin, "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().expect("a list of tools").iter();
    tools.map(|tool| (text(&tool["name"]).to_owned(), tool["outputSchema"].clone())).collect()
}

async fn call(server: &Server, schemas: &BTreeMap<String, Value>, tool: &str, arguments: &Value) -> Case {
    let reply = server.mcp(Role::Admin, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    assert_eq!(reply["result"]["isError"], false, "{tool}: {reply:#}");
    let answer = reply["result"]["structuredContent"].clone();
    assert!(answer.is_object(), "{tool}: {reply:#}");
    Case { title: tool.to_owned(), schema: schemas[tool].clone(), answer }
}

async fn assert_kept(server: &Server, cases: &[Case]) {
    let cases: Vec<Value> =
        cases.iter().map(|case| json!({ "title": case.title, "schema": case.schema, "answer": case.answer })).collect();
    let python = python_tool("clients", "python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/schemas.py");
    let (python, script) = (python.to_str().expect("UTF-8"), script.to_str().expect("UTF-8"));
    let run = run_program(python, server.scratch(), &["-B", script], json!(cases).to_string().as_bytes()).await;
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
}
