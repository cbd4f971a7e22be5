//! The JSON schemas that clients are told.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The schema of a tool's arguments.
pub(super) fn input<T: JsonSchema>() -> Arc<Map<String, Value>> {
    Arc::new(object::<T>(SchemaSettings::draft2020_12()))
}

/// The schema of a tool's answer. Clients check structured answers against it even when the call failed, so it
/// requires nothing and knows the members of an error too. Inside it, what is required is what is always written: a
/// member that is left out when it is empty is not.
pub(super) fn output<T: JsonSchema>() -> Arc<Map<String, Value>> {
    let mut schema = object::<T>(SchemaSettings::draft2020_12().for_serialize());
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

fn object<T: JsonSchema>(settings: SchemaSettings) -> Map<String, Value> {
    let schema = settings.into_generator().into_root_schema_for::<T>();
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeSet;

    #[derive(Serialize, JsonSchema)]
    struct Answer {
        inner: Inner,
    }

    /// Every way in which a member can be there or not.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    struct Inner {
        always: u64,
        null: Option<u64>,
        #[serde(default)]
        lenient: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u64>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        list: Vec<u64>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        switch: bool,
    }

    #[test]
    fn an_answer_requires_exactly_what_is_always_written() {
        let schema = output::<Answer>();
        let required: Vec<&str> =
            schema["$defs"]["Inner"]["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let written = serde_json::to_value(Inner::default()).unwrap();
        let written: Vec<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(written.len(), 3, "{written:?}");
        assert_eq!(required.iter().collect::<BTreeSet<_>>(), written.iter().collect::<BTreeSet<_>>());
    }

    #[test]
    fn arguments_require_what_has_no_default() {
        let schema = input::<Inner>();
        assert_eq!(schema["required"], json!(["always", "list"]));
    }
}
