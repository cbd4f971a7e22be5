//! Gives each function one spelling.

use serde_json::{Map, Value};

/// Normalizes `Fn::GetAtt`, the only function with two long forms: `A.B` becomes `["A", "B"]`.
pub(super) fn settle(map: Map<String, Value>) -> Value {
    let attribute = match map.get("Fn::GetAtt") {
        Some(Value::String(text)) if map.len() == 1 => {
            text.split_once('.').map(|(id, name)| [id.to_owned(), name.to_owned()])
        }
        Some(Value::Array(parts)) if map.len() == 1 && parts.len() > 2 => {
            let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            parts.and_then(|parts| parts.split_first().map(|(id, rest)| [(*id).to_owned(), rest.join(".")]))
        }
        _ => None,
    };
    match attribute {
        Some(parts) => serde_json::json!({ "Fn::GetAtt": parts }),
        None => Value::Object(map),
    }
}
