//! The JSON schemas that clients are told.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The schema of a tool's arguments.
pub fn input<T: JsonSchema>() -> Arc<Map<String, Value>> {
    Arc::new(object::<T>())
}

/// The schema of a tool's answer. Clients check structured answers against it even when the call failed, so it
/// requires nothing and knows the members of an error too.
pub fn output<T: JsonSchema>() -> Arc<Map<String, Value>> {
    let mut schema = object::<T>();
    schema.remove("required");
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        // The status of a failure is another word than those of the answer.
        properties.insert("status".into(), json!({ "type": "string" }));
        for (name, about) in [
            ("error_code", "On failure: the kind of error."),
            ("error", "On failure: one sentence."),
            ("suggestion", "On failure: what to do."),
        ] {
            properties.entry(name).or_insert_with(|| json!({ "type": "string", "description": about }));
        }
        properties.entry("warnings").or_insert_with(
            || json!({ "type": "array", "items": { "type": "string" }, "description": "Arguments that were ignored." }),
        );
    }
    Arc::new(schema)
}

fn object<T: JsonSchema>() -> Map<String, Value> {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut schema = match schema.to_value() {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    schema.values_mut().for_each(drop_number_formats);
    schema.insert("type".into(), json!("object"));
    schema.remove("title");
    schema.remove("$schema");
    schema.remove("description");
    schema
}

/// Removes `format` from numbers: `uint64` and its like are Rust's words, which clients warn about.
fn drop_number_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| format.trim_start_matches('u').starts_with("int"))
            {
                members.remove("format");
            }
            members.values_mut().for_each(drop_number_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_number_formats),
        _ => {}
    }
}
