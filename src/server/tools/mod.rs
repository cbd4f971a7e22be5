//! One dispatcher for every tool: HTTP, MCP and the command line call the same table.

mod catalog;
mod help;
mod schema;

use crate::domain::caller::{Caller, Role};
use crate::domain::error::UserError;
use crate::requests::app::App;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Who calls, and by which name they reached this server.
#[derive(Debug, Clone)]
pub struct Context {
    /// From the key.
    pub caller: Caller,
    /// The host of the request, without a port: upload addresses must be good there.
    pub host: Option<String>,
}

type Run = fn(Arc<App>, Context, Value) -> BoxFuture<'static, Result<Value, UserError>>;

/// A tool: what clients are told about it, and what it does.
pub struct Tool {
    /// Its name, for every client.
    pub name: &'static str,
    /// What it does and when to use it, for an agent.
    pub about: &'static str,
    /// The least role that is offered it.
    pub role: Role,
    /// The JSON schema of its arguments.
    pub input: Arc<Map<String, Value>>,
    /// The JSON schema of its answer, which also admits the error shape.
    pub output: Arc<Map<String, Value>>,
    run: Run,
}

/// Every tool, by name.
pub struct Tools {
    app: Arc<App>,
    tools: Vec<Tool>,
}

/// Why a call gave no answer.
#[derive(Debug)]
pub enum CallError {
    /// There is no such tool for this caller.
    UnknownTool(UserError),
    /// The tool refused or failed.
    Tool(UserError),
}

impl Tools {
    /// The tools of an installation.
    pub fn new(app: Arc<App>) -> Self {
        Self { app, tools: catalog::tools() }
    }

    /// The tools a role is offered.
    pub fn offered(&self, role: Role) -> impl Iterator<Item = &Tool> {
        self.tools.iter().filter(move |tool| role >= tool.role)
    }

    /// Calls a tool with the arguments a client sent. The answer is one object; arguments that the tool does not know
    /// are ignored and named in its `warnings`.
    pub async fn call(&self, context: Context, name: &str, arguments: Value) -> Result<Value, CallError> {
        let Some(tool) = self.tools.iter().find(|tool| tool.name == name) else {
            let shown: String = name.chars().take(80).collect();
            return Err(CallError::UnknownTool(UserError::not_found(
                format!("Unknown tool: {shown}"),
                "bouncer_help lists the tools.",
            )));
        };
        let Value::Object(arguments) = arguments else {
            return Err(CallError::Tool(UserError::invalid(
                "arguments",
                "The arguments must be a JSON object.",
                "Send an object, {} if there is nothing to say.",
            )));
        };
        require_all(tool, &arguments).map_err(CallError::Tool)?;
        let warnings = unknown_arguments(tool, &arguments);
        let started = std::time::Instant::now();
        let caller = context.caller.id.clone();
        let outcome = (tool.run)(Arc::clone(&self.app), context, Value::Object(arguments)).await;
        tracing::info!(
            tool = name,
            caller = %caller,
            ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            error_code = outcome.as_ref().err().map(|error| tracing::field::debug(error.code)),
            "tool call"
        );
        let mut answer = outcome.map_err(CallError::Tool)?;
        if let (false, Some(answer)) = (warnings.is_empty(), answer.as_object_mut()) {
            answer.insert("warnings".into(), json!(warnings));
        }
        Ok(answer)
    }
}

/// Required arguments must be there and not blank; the schema says which they are.
fn require_all(tool: &Tool, arguments: &Map<String, Value>) -> Result<(), UserError> {
    let required = tool.input.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let blank = match arguments.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(_) => false,
        };
        if blank {
            return Err(UserError::missing(name));
        }
    }
    Ok(())
}

fn unknown_arguments(tool: &Tool, arguments: &Map<String, Value>) -> Vec<String> {
    let known = tool.input.get("properties").and_then(Value::as_object);
    let mut unknown: Vec<String> = arguments
        .keys()
        .filter(|name| known.is_none_or(|known| !known.contains_key(*name)))
        .map(|name| format!("Unknown argument '{}' was ignored.", name.chars().take(80).collect::<String>()))
        .collect();
    unknown.sort();
    unknown
}

/// Reads a tool's arguments; a value of the wrong type is named.
fn parse<T: DeserializeOwned>(arguments: Value) -> Result<T, UserError> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let name = path.split(['.', '[']).next().unwrap_or_default().to_owned();
        let reason: String = error.inner().to_string().chars().take(200).collect();
        UserError::invalid(
            &name,
            format!("The argument '{path}' is not understood: {reason}."),
            "Correct its type and call again.",
        )
    })
}

fn answer(value: impl Serialize) -> Result<Value, UserError> {
    Ok(serde_json::to_value(value)?)
}
