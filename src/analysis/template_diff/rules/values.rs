//! Determines what a value may be when the stack runs.

use super::walker::Walker;
use crate::analysis::template::substitution::{Piece, pieces};
use crate::analysis::template_diff::effective::{ANY_OF, is_function};
use serde_json::{Map, Value};

/// The functions whose effect is understood. `Fn::Transform` has its own rule.
const KNOWN_FUNCTIONS: [&str; 25] = [
    "Ref",
    ANY_OF,
    "Fn::And",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAtt",
    "Fn::GetAZs",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Not",
    "Fn::Or",
    "Fn::RefAll",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
];

pub fn is_known_function(name: &str) -> bool {
    KNOWN_FUNCTIONS.contains(&name)
}

/// Returns the function that an object calls, with its argument.
pub fn call(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    is_function(name).then_some((name.as_str(), argument))
}

/// Lists all possible values: the items of lists and the branches of choices, down to scalars, objects and other
/// calls.
pub fn leaves(value: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match (value, call(value)) {
            (Value::Array(items), _) | (_, Some((ANY_OF, Value::Array(items)))) => open.extend(items.iter().rev()),
            (_, Some(("Fn::If", Value::Array(parts)))) => open.extend(parts.iter().skip(1).rev()),
            _ => found.push(value),
        }
    }
    found
}

/// Returns the text of a leaf; of `Fn::Sub`, the text with its variables.
pub fn text(leaf: &Value) -> Option<&str> {
    match (leaf, call(leaf)) {
        (Value::String(text), _) => Some(text),
        (_, Some(("Fn::Sub", Value::String(text)))) => Some(text),
        (_, Some(("Fn::Sub", Value::Array(parts)))) => parts.first().and_then(Value::as_str),
        _ => None,
    }
}

/// Tells whether any text in a value satisfies a predicate.
pub fn any_text(value: &Value, has: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => has(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, has)),
        Value::Object(map) => map.values().any(|item| any_text(item, has)),
        _ => false,
    }
}

/// Tells whether a leaf is one of these words, ignoring case.
pub fn is_word(leaf: &Value, words: &[&str]) -> bool {
    let is = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    match leaf {
        Value::String(text) => is(text),
        Value::Bool(_) | Value::Number(_) => is(&leaf.to_string()),
        _ => false,
    }
}

/// Tells whether a leaf is a switch that is on.
pub fn is_on(leaf: &Value) -> bool {
    is_word(leaf, &["true", "yes", "on", "1", "enabled", "enable", "active"])
}

/// Tells whether a leaf is a switch that is off.
pub fn is_off(leaf: &Value) -> bool {
    is_word(leaf, &["false", "no", "off", "0", "disabled", "disable", "inactive"])
}

/// Returns a member, ignoring the case of its name as policies do.
pub fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<(&'a str, &'a Value)> {
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(key, value)| (key.as_str(), value))
}

impl Walker<'_> {
    /// Tells whether a value is determined outside the template and its resources.
    pub fn is_unknown(&self, value: &Value) -> bool {
        match (value, call(value)) {
            (_, Some(("Ref", Value::String(target)))) => self.effective.parameters.contains(target),
            (_, Some(("Fn::GetAtt", Value::Array(parts)))) => {
                parts.first().and_then(Value::as_str).is_none_or(|id| self.is_opaque(id))
            }
            (_, Some(("Fn::Sub", Value::String(text)))) => self.is_unknown_text(text),
            (_, Some((ANY_OF, Value::Array(items)))) => items.first().is_none_or(|values| self.is_unknown(values)),
            (_, Some(("Fn::If", Value::Array(parts)))) => parts.iter().skip(1).any(|part| self.is_unknown(part)),
            (_, Some(("Fn::ImportValue" | "Fn::FindInMap" | "Fn::Transform", _))) => true,
            (_, Some((name, _))) if !is_known_function(name) => true,
            (Value::String(text), _) => text.contains("{{resolve:"),
            (Value::Array(items), _) => items.iter().any(|item| self.is_unknown(item)),
            (Value::Object(map), _) => map.values().any(|item| self.is_unknown(item)),
            _ => false,
        }
    }

    fn is_unknown_text(&self, text: &str) -> bool {
        let is_unknown = |name: &str| match name.split_once('.') {
            _ if name.starts_with("Fn::ImportValue") => true,
            Some((id, _)) => self.is_opaque(id),
            None => self.effective.parameters.contains(name),
        };
        text.contains("{{resolve:")
            || pieces(text).iter().any(|piece| matches!(piece, Piece::Variable(name) if is_unknown(name)))
    }

    /// Tells whether a resource's attributes are unpredictable, as those of custom resources and nested stacks are.
    fn is_opaque(&self, logical_id: &str) -> bool {
        let kind = self.effective.kind(logical_id).unwrap_or_default();
        !kind.starts_with("AWS::")
            || kind.starts_with("AWS::CloudFormation::")
            || kind == "AWS::Serverless::Application"
    }
}
