//! JSON values of every form, by chance: what a schema asks for, nearly that, and something else altogether.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Map, Number, Value, json};

/// Texts that have a meaning to some reader on the way.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\u{0}",
    "shop",
    "SHOP",
    "no-such-project",
    "index.html",
    "assets/app.js",
    "../../etc/passwd",
    "/",
    "a/../b",
    "%2e%2e%2f",
    "%",
    "%zz",
    "\u{ff0e}\u{ff0e}/x",
    "\u{202e}lmth.exe",
    "cafe\u{301}",
    "\u{1f389}",
    "req-0123456789abcdef",
    "req-",
    "frontend-0123456789abcdef",
    "batch-0123456789ab",
    "rel-0123456789ab",
    "key-0123456789ab",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "aGk=",
    "aGk",
    "====",
    "text/html",
    "text/html; charset=\"",
    "text/html\r\nX-Evil: 1",
    "0",
    "-1",
    "1e400",
    "9223372036854775808",
    "2024-02-30T25:61:61Z",
    "null",
    "{}",
    "[[[[[[",
    "' OR 1=1 --",
    "${jndi:ldap://x}",
    "$.x",
    "arn:aws:iam::123456789012:role/x",
    "https://github.com/a/b",
    "main",
    "**/*.{js,css}",
    "a[",
    "{{{{{{{{",
    "max-age=300",
    "*",
];

/// The arguments of a call to a tool with this schema.
pub fn arguments(schema: &Value, random: &mut StdRng) -> Value {
    if random.random_bool(0.02) {
        return anything(random, 4);
    }
    let mut arguments = Map::new();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        // A call that lacks something required is refused before anything else is looked at.
        if random.random_bool(if required.contains(&name.as_str()) { 0.97 } else { 0.5 }) {
            arguments.insert(name.clone(), value(property, schema, random));
        }
    }
    if random.random_bool(0.05) {
        arguments.insert(text(random), anything(random, 3));
    }
    Value::Object(arguments)
}

/// A value as a schema wants it, most of the time.
fn value(schema: &Value, root: &Value, random: &mut StdRng) -> Value {
    if random.random_bool(0.12) {
        return anything(random, 4);
    }
    if let Some(to) = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
        return value(root.pointer(to).unwrap_or(&Value::Null), root, random);
    }
    if let Some(choices) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        return choices.choose(random).map_or(Value::Null, |choice| value(choice, root, random));
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.choose(random).cloned().unwrap_or_default();
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    match kinds.choose(random).copied() {
        Some("string") => Value::String(text(random)),
        Some("integer" | "number") => number(random),
        Some("boolean") => json!(random.random::<bool>()),
        Some("null") => Value::Null,
        Some("array") => {
            let items = if random.random_bool(0.02) { 300 } else { random.random_range(0..4) };
            (0..items).map(|_| value(&schema["items"], root, random)).collect()
        }
        Some("object") => arguments(&json!({ "$defs": root["$defs"], "properties": schema["properties"] }), random),
        _ => anything(random, 4),
    }
}

/// Any value, so many levels deep at most.
pub fn anything(random: &mut StdRng, depth: usize) -> Value {
    match random.random_range(0..if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => number(random),
        3 => Value::String(text(random)),
        4 => (0..random.random_range(0..4)).map(|_| anything(random, depth - 1)).collect(),
        _ => {
            let members = (0..random.random_range(0..4)).map(|_| (text(random), anything(random, depth - 1)));
            Value::Object(members.collect())
        }
    }
}

fn number(random: &mut StdRng) -> Value {
    let whole = [0, 1, -1, 5, 99, 101, 3600, i64::MAX, i64::MIN, 1 << 53];
    match random.random_range(0..4) {
        0 => json!(random.random_range(0..200)),
        1 => json!(whole.choose(random)),
        2 => json!(u64::MAX),
        _ => Number::from_f64(random.random::<f64>() * 1e300).map_or(Value::Null, Value::Number),
    }
}

/// A text: one that means something, one of any characters, or a very long one.
pub fn text(random: &mut StdRng) -> String {
    match random.random_range(0..10) {
        0..6 => (*TEXTS.choose(random).expect("there are texts")).to_owned(),
        6 => TEXTS.choose_multiple(random, 3).copied().collect(),
        7 => TEXTS.choose(random).expect("there are texts").repeat(random.random_range(1..400)),
        _ => (0..random.random_range(0..40)).map(|_| random.random::<char>()).collect(),
    }
}
