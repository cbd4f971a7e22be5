//! Evaluates functions that build text, `Fn::Sub` and `Fn::Join`, as far as values are known.

use crate::domain::backend::parameters::scalar_text;
use serde_json::Value;
use std::collections::BTreeMap;

/// A part of an `Fn::Sub` text.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// `${!Name}`, the literal text `${Name}`.
    Escaped(&'a str),
    /// `${Name}` or `${Name.Attribute}`.
    Variable(&'a str),
}

/// Splits an `Fn::Sub` text into its parts.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, next)) = after.split_once('}') else { break };
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(match name.strip_prefix('!') {
            Some(literal) => Piece::Escaped(literal),
            None => Piece::Variable(name.trim()),
        });
        rest = next;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Returns the text of a value, with `${…}` for what is unknown until the stack runs. Returns `None` for a value that
/// is not text: a list, an object, or a choice.
pub fn text_of(value: &Value, known: &BTreeMap<String, String>) -> Option<String> {
    let Value::Object(map) = value else { return scalar_text(value) };
    let mut members = map.iter();
    let (Some((name, argument)), None) = (members.next(), members.next()) else { return None };
    match name.as_str() {
        "Ref" => {
            let target = argument.as_str()?;
            Some(known.get(target).cloned().unwrap_or_else(|| format!("${{{target}}}")))
        }
        "Fn::GetAtt" => {
            let parts: Option<Vec<&str>> = argument.as_array()?.iter().map(Value::as_str).collect();
            Some(format!("${{{}}}", parts?.join(".")))
        }
        "Fn::Sub" => substitute(argument, known),
        "Fn::Join" => join(argument, known),
        "Fn::ImportValue" => text_of(argument, known).map(|export| format!("${{Fn::ImportValue {export}}}")),
        _ => None,
    }
}

fn substitute(argument: &Value, known: &BTreeMap<String, String>) -> Option<String> {
    let (text, own) = match argument {
        Value::String(text) => (text, None),
        Value::Array(parts) => (
            match parts.first()? {
                Value::String(text) => text,
                _ => return None,
            },
            parts.get(1),
        ),
        _ => return None,
    };
    let value_of = |name: &str| match own.and_then(|own| own.get(name)) {
        Some(value) => text_of(value, known).unwrap_or_else(|| format!("${{{name}}}")),
        None => known.get(name).cloned().unwrap_or_else(|| format!("${{{name}}}")),
    };
    let parts = pieces(text).into_iter().map(|piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Escaped(name) => format!("${{{name}}}"),
        Piece::Variable(name) => value_of(name),
    });
    Some(parts.collect())
}

fn join(argument: &Value, known: &BTreeMap<String, String>) -> Option<String> {
    let [Value::String(delimiter), Value::Array(items)] = argument.as_array()?.as_slice() else { return None };
    let items: Option<Vec<String>> = items.iter().map(|item| text_of(item, known)).collect();
    Some(items?.join(delimiter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_with_what_is_known() {
        let known = BTreeMap::from([("Stage".to_owned(), "prod".to_owned())]);
        for (value, text) in [
            (json!("a${Stage}"), "a${Stage}"),
            (json!({"Ref": "Stage"}), "prod"),
            (json!({"Ref": "Bucket"}), "${Bucket}"),
            (
                json!({"Fn::Sub": "${Stage}/${Bucket.Arn}/${!Stage}/${AWS::Region}"}),
                "prod/${Bucket.Arn}/${Stage}/${AWS::Region}",
            ),
            (
                json!({"Fn::Sub": ["${A}-${B}-${Stage}", {"A": {"Ref": "Stage"}, "B": {"Fn::If": ["c", 1, 2]}}]}),
                "prod-${B}-prod",
            ),
            (json!({"Fn::Join": [":", ["a", {"Ref": "Stage"}, {"Fn::GetAtt": ["X", "Arn"]}, 7]]}), "a:prod:${X.Arn}:7"),
            (json!({"Fn::Sub": "open ${"}), "open ${"),
        ] {
            assert_eq!(text_of(&value, &known).as_deref(), Some(text), "{value}");
        }
        for value in [json!({"Fn::Join": [":", {"Ref": "List"}]}), json!(["a"]), json!({"Fn::If": ["c", "a", "b"]})] {
            assert_eq!(text_of(&value, &known), None, "{value}");
        }
    }
}
