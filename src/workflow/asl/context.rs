//! The context object: what `$$` names.

use super::execution::{Execution, Visit};
use super::paths::{Path, Root};
use crate::requests::engine::TaskToken;
use serde_json::{Value, json};

/// The context object as a state sees it. The token is there only while a task is handed one.
pub fn object(execution: &Execution, visit: &Visit, token: Option<&TaskToken>) -> Value {
    let mut context = json!({
        "Execution": {
            "Id": execution.id(),
            "Name": execution.name,
            "StartTime": execution.started_at,
            "Input": execution.input,
        },
        "State": { "Name": visit.state, "EnteredTime": visit.entered_at, "RetryCount": visit.retry_count() },
        "StateMachine": { "Id": execution.machine, "Name": execution.machine },
    });
    if let Some(token) = token {
        context["Task"] = json!({ "Token": token.0 });
    }
    context
}

/// Whether a path names something the context object holds. `in_callback` says whether there is a task token.
pub fn knows(path: &Path, in_callback: bool) -> bool {
    debug_assert_eq!(path.root(), Root::Context);
    if path.starts_with(&["Execution", "Input"]) {
        return true;
    }
    let Some(names) = path.members() else { return false };
    match names[..] {
        [] | ["Execution" | "State" | "StateMachine"] => true,
        ["Execution", "Id" | "Name" | "StartTime"] => true,
        ["State", "Name" | "EnteredTime" | "RetryCount"] => true,
        ["StateMachine", "Id" | "Name"] => true,
        ["Task"] | ["Task", "Token"] => in_callback,
        _ => false,
    }
}
