//! docs/TOOLS.md is written from what the server says of its tools, so it cannot fall behind.

use std::fmt::Write as _;
use std::fs;

use reqwest::Method;
use serde_json::Value;

use super::repository;
use crate::support::{Role, Server, text};

const INTRODUCTION: &str = r"# The tools

<!-- Written by a test from the server's own list: UPDATE_DOCS=1 cargo test --test main the_page_of_tools -->

Every tool is called by name over MCP (`/mcp`, or `bouncer mcp` on stdin and stdout) and as `POST /v1/tools/NAME` with a JSON
object as body and `Authorization: Bearer bncr_…`. The answer is one JSON object; a failure has `status`, `error_code`, `error`
(a sentence) and `suggestion` (the way out). An argument with `?` may be left out; what Answers lists is there when there is
something to say, and most answers have a `status` besides. `GET /v1/tools` gives the JSON schemas.
";

#[tokio::test]
async fn the_page_of_tools_is_what_the_server_says() {
    let server = Server::start().await;
    let all = offered(&server, Role::Admin).await;
    let for_agents: Vec<Value> = offered(&server, Role::Agent).await;
    assert!(for_agents.len() >= 12, "{} tools", for_agents.len());

    let mut page = INTRODUCTION.to_owned();
    for tool in &all {
        let is_for_all = for_agents.iter().any(|other| other["name"] == tool["name"]);
        write_tool(&mut page, tool, is_for_all);
    }
    let path = repository().join("docs/TOOLS.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/TOOLS.md is not what the server says; write it anew with \
         UPDATE_DOCS=1 cargo test --test main the_page_of_tools"
    );
}

async fn offered(server: &Server, role: Role) -> Vec<Value> {
    let request = server.request(Method::GET, "/v1/tools").bearer_auth(server.key(role));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["tools"].as_array().expect("a list of tools").clone()
}

fn write_tool(page: &mut String, tool: &Value, is_for_all: bool) {
    let (input, output) = (&tool["input_schema"], &tool["output_schema"]);
    writeln!(page, "\n## {}\n\n{}\n", text(&tool["name"]), text(&tool["description"])).unwrap();
    if !is_for_all && !text(&tool["description"]).contains("Admins only") {
        writeln!(page, "Not offered to agents.\n").unwrap();
    }
    let arguments = members(input);
    if !arguments.is_empty() {
        writeln!(page, "| argument | type | |\n|---|---|---|").unwrap();
        for (name, schema) in arguments {
            let about = schema["description"].as_str().unwrap_or_default().replace('|', "\\|").replace('\n', " ");
            let kind = kind(schema, input).replace('|', "\\|");
            writeln!(page, "| `{name}` | {kind} | {about} |").unwrap();
        }
        writeln!(page).unwrap();
    }
    // The schema admits failures too, and those have these members.
    let failure = ["status", "error_code", "error", "suggestion", "warnings"];
    let names = output["properties"].as_object().expect("an answer is an object").keys();
    let answers: Vec<String> =
        names.filter(|name| !failure.contains(&name.as_str())).map(|name| format!("`{name}`")).collect();
    writeln!(page, "Answers {}.", answers.join(", ")).unwrap();
}

/// The members of an object, required ones first, others with a `?`.
fn members(schema: &Value) -> Vec<(String, &Value)> {
    let Some(properties) = schema["properties"].as_object() else { return vec![] };
    let names = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let required: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    let optional = properties.keys().filter(|name| !required.contains(&name.as_str()));
    let first = required.iter().map(|name| ((*name).to_owned(), &properties[*name]));
    first.chain(optional.map(|name| (format!("{name}?"), &properties[name]))).collect()
}

/// A type in a few words: `string`, `[{filename, size?}]`.
fn kind(schema: &Value, root: &Value) -> String {
    if let Some(pointer) = schema["$ref"].as_str() {
        return kind(root.pointer(pointer.trim_start_matches('#')).expect("a reference leads somewhere"), root);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let kinds = choices.iter().filter(|choice| choice["type"] != "null").map(|choice| kind(choice, root));
        return kinds.collect::<Vec<_>>().join(" or ");
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let words = choices.iter().map(|choice| choice["const"].as_str().expect("a word that is explained"));
        return words.collect::<Vec<_>>().join(", ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    }
    let word = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        other => other.as_str(),
    };
    match word.expect("a schema has a type") {
        "array" => format!("[{}]", kind(&schema["items"], root)),
        "object" => format!("{{{}}}", members(schema).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ")),
        word => word.to_owned(),
    }
}
