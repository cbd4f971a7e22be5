//! The interface of a tool: what clients call by name over MCP, HTTP and the command line.

use super::app::App;
use crate::domain::caller::{Caller, Role};
use crate::domain::error::UserError;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Who calls, and by which name they reached the server.
#[derive(Debug, Clone)]
pub struct Context {
    /// The holder of the key.
    pub caller: Caller,
    /// Host of the request, without a port: upload addresses must be good there.
    pub host: Option<String>,
}

/// The use case of a tool.
pub type Run = fn(Arc<App>, Context, Value) -> BoxFuture<'static, Result<Value, UserError>>;

/// A tool: what clients are told about it, and what it does.
pub struct Tool {
    /// Its name, for every client.
    pub name: &'static str,
    /// What it does and when to use it, for an agent.
    pub about: &'static str,
    /// The least role that is offered it.
    pub role: Role,
    /// JSON schema of its arguments.
    pub input: Arc<Map<String, Value>>,
    /// JSON schema of its answer, which also admits the error shape.
    pub output: Arc<Map<String, Value>>,
    /// Runs it.
    pub run: Run,
}

/// Declares a tool: its name, the role it is offered to, the types of arguments and answer, the use case, and what
/// clients are told.
#[macro_export]
macro_rules! tool {
    ($name:literal, $role:ident, $input:ty => $output:ty, |$app:ident, $cx:ident, $args:ident| $run:expr, $about:literal) => {
        $crate::requests::tool::Tool {
            name: $name,
            about: $about,
            role: $crate::domain::caller::Role::$role,
            input: $crate::requests::schema::input::<$input>(),
            output: $crate::requests::schema::output::<$output>(),
            run: |$app, $cx: $crate::requests::tool::Context, arguments| {
                Box::pin(async move {
                    let _ = &$cx;
                    let $args: $input = $crate::requests::tool::arguments(arguments)?;
                    $crate::requests::tool::answer($run?)
                })
            },
        }
    };
}

/// Reads a tool's arguments.
///
/// # Errors
/// Names the argument whose value is not of its type.
pub fn arguments<T: DeserializeOwned>(arguments: Value) -> Result<T, UserError> {
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

/// Writes a tool's answer.
///
/// # Errors
/// Fails when the answer cannot be written as JSON.
pub fn answer(value: impl Serialize) -> Result<Value, UserError> {
    Ok(serde_json::to_value(value)?)
}
