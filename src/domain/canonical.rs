//! Canonical JSON: one byte string for one value, so that equal plans have equal hashes.

use super::digest::Sha256;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// Writes a value with sorted keys and no white space.
pub fn to_string(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut out = String::new();
    write(&serde_json::to_value(value)?, &mut out);
    Ok(out)
}

/// The SHA-256 of the canonical form.
pub fn hash(value: &impl Serialize) -> Result<Sha256, serde_json::Error> {
    Ok(Sha256::of(to_string(value)?.as_bytes()))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // A dependency may turn on insertion order for serde_json's maps, so the order is made here.
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::String(key.clone()));
                write(&map[key], out);
            }
            out.push('}');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}
