//! What a tool's schema requires is what its answers always hold: read from the types, and compared with what is listed.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use super::assert_none;
use super::source::sources;
use crate::support::{Role, Server, text};

/// The members of a type that are always written, and those that are left out when they are empty.
#[derive(Debug, Default)]
struct Members {
    always: BTreeSet<String>,
    sometimes: BTreeSet<String>,
}

#[tokio::test]
async fn an_answer_requires_exactly_what_is_always_written() {
    let types = types();
    let server = Server::start().await;
    let request = server.request(Method::GET, "/v1/tools").bearer_auth(server.key(Role::Admin));
    let listed: Value = request.send().await.unwrap().json().await.unwrap();
    let (mut faults, mut compared) = (Vec::new(), BTreeSet::new());
    for tool in listed["tools"].as_array().expect("a list of tools") {
        for (name, schema) in tool["output_schema"]["$defs"].as_object().into_iter().flatten() {
            let required: BTreeSet<String> =
                schema["required"].as_array().into_iter().flatten().map(|name| text(name).to_owned()).collect();
            let Some([members]) = types.get(name).map(Vec::as_slice) else { continue };
            compared.insert(name.clone());
            let tool = text(&tool["name"]);
            let wrong = required.intersection(&members.sometimes);
            faults.extend(wrong.map(|member| format!("{tool}: {name}.{member} is required, and can be left out")));
            let missing = members.always.difference(&required);
            faults
                .extend(missing.map(|member| format!("{tool}: {name}.{member} is not required, and is always there")));
        }
    }
    assert!(compared.len() > 20, "too few types were compared: {compared:?}");
    assert_none("A schema requires exactly what is always written:", faults);
}

/// The structs that are answers or parts of answers, by name; those of the same name beside each other.
fn types() -> BTreeMap<String, Vec<Members>> {
    let mut types: BTreeMap<String, Vec<Members>> = BTreeMap::new();
    for source in sources() {
        let mut lines = source.text.lines();
        let mut attributes = String::new();
        while let Some(line) = lines.next() {
            let line = line.trim_start_matches("pub ");
            let name = line.strip_prefix("struct ").and_then(|rest| rest.strip_suffix(" {"));
            if name.is_some_and(|_| attributes.contains("JsonSchema") && attributes.contains("Serialize")) {
                let style = attributes.split("rename_all = \"").nth(1).and_then(|rest| rest.split('"').next());
                let members = members_in(&mut lines.by_ref().take_while(|line| *line != "}"), style);
                types.entry(name.unwrap_or_default().to_owned()).or_default().push(members);
            }
            attributes = if line.starts_with("#[") { attributes + line } else { String::new() };
        }
    }
    types
}

fn members_in<'a>(lines: &mut impl Iterator<Item = &'a str>, style: Option<&str>) -> Members {
    let mut members = Members::default();
    let mut attributes = String::new();
    for line in lines.map(str::trim) {
        if line.starts_with("#[") {
            attributes += line;
        } else if let Some((name, _)) =
            line.trim_start_matches("pub(super) ").trim_start_matches("pub ").split_once(": ")
            && !line.starts_with("//")
        {
            let renamed = attributes.split("rename = \"").nth(1).and_then(|rest| rest.split('"').next());
            let name = renamed.map_or_else(|| in_style(name.trim_start_matches("r#"), style), str::to_owned);
            if attributes.contains("skip_serializing_if") {
                members.sometimes.insert(name);
            } else if !attributes.contains("flatten") && !attributes.contains("serde(skip") {
                members.always.insert(name);
            }
            attributes.clear();
        }
    }
    members
}

/// A member's name as its type has it written.
fn in_style(name: &str, style: Option<&str>) -> String {
    let capitalized = |word: &str| word[..1].to_uppercase() + &word[1..];
    let pascal: String = name.split('_').map(capitalized).collect();
    match style {
        None | Some("snake_case") => name.to_owned(),
        Some("PascalCase") => pascal,
        Some("camelCase") => pascal[..1].to_lowercase() + &pascal[1..],
        Some(other) => panic!("members are written in {other}"),
    }
}
