//! One dispatcher for every tool: HTTP, MCP and the command line call the same table.

mod catalog;
mod help;

use crate::domain::caller::Role;
use crate::domain::error::UserError;
use crate::requests::app::App;
pub use crate::requests::tool::{Context, Tool};
use serde_json::{Map, Value, json};
use std::sync::Arc;

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
        Self { tools: catalog::tools(app.kinds), app }
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
