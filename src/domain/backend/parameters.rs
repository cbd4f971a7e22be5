//! Holds the values that a project gives to the parameters of its stack: `sam_params` of its row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The most parameters that CloudFormation accepts.
pub const MAX_PARAMETERS: usize = 200;
/// The longest value that CloudFormation accepts, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;
/// The longest text form, in bytes.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most bytes of all names and values: a request's row stores them three times.
const MAX_BYTES: usize = 64 * 1024;

/// The reason why `sam_params` is refused. Each sentence names the key and never shows a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // Each message says what its name means.
pub enum ParameterProblem {
    #[error("sam_params has more than {MAX_PARAMETERS} parameters; CloudFormation accepts no more.")]
    TooMany,
    #[error("sam_params is longer than {MAX_TEXT_BYTES} bytes.")]
    TooLong,
    #[error("The names and values of sam_params have {0} bytes in total; a deploy's record has room for {MAX_BYTES}.")]
    TooLarge(usize),
    #[error("'{0}' in sam_params is not a parameter name: expected 1 to 255 letters and digits.")]
    Key(String),
    #[error("The value of the parameter '{0}' in sam_params is longer than {MAX_VALUE_BYTES} bytes.")]
    ValueTooLong(String),
    #[error("The value of the parameter '{0}' in sam_params must be text, a number, true or false.")]
    ValueKind(String),
    #[error("The value of the parameter '{0}' in sam_params contains a NUL character.")]
    ValueCharacter(String),
    #[error("The parameter '{0}' appears twice in sam_params.")]
    Duplicate(String),
    #[error("Part {0} of sam_params has no '='; write Key=Value, with quotes around a value that has spaces.")]
    NoEquals(usize),
    #[error("A quote in part {0} of sam_params is not closed.")]
    OpenQuote(usize),
    #[error(
        "Part {0} of sam_params needs both ParameterKey and ParameterValue; write ParameterKey=Name,ParameterValue=Value."
    )]
    HalfPair(usize),
    #[error("sam_params must be an object of values, or text such as 'Key=Value Other=\"two words\"'.")]
    Kind,
}

/// Checked parameters by name. The debug form shows only names.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Value", into = "BTreeMap<String, String>")]
#[schemars(with = "BTreeMap<String, String>")]
pub struct StackParameters(BTreeMap<String, String>);

impl StackParameters {
    /// Parses an object `{"Key": "Value"}`, a list of `Key=Value` texts or of `{"ParameterKey", "ParameterValue"}`,
    /// or a text as [`Self::parse_text`] does. Null means no parameters.
    ///
    /// # Errors
    ///
    /// Fails on the first parameter that CloudFormation would not accept.
    pub fn parse(value: &Value) -> Result<Self, ParameterProblem> {
        match value {
            Value::Null => Ok(Self::default()),
            Value::String(text) => Self::parse_text(text),
            Value::Object(map) => collect(map.iter().map(|(key, value)| {
                let text = scalar_text(value).ok_or_else(|| ParameterProblem::ValueKind(shown(key)))?;
                Ok((key.clone(), text))
            })),
            Value::Array(items) => collect(items.iter().enumerate().map(|(at, item)| list_item(at + 1, item))),
            Value::Bool(_) | Value::Number(_) => Err(ParameterProblem::Kind),
        }
    }

    /// Parses the form of `sam deploy --parameter-overrides`: parts separated by white space, each `Key=Value` or
    /// `ParameterKey=Key,ParameterValue=Value`, with quotes and backslashes as in a shell.
    ///
    /// # Errors
    ///
    /// Fails on the first part that is malformed.
    pub fn parse_text(text: &str) -> Result<Self, ParameterProblem> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ParameterProblem::TooLong);
        }
        collect(split(text)?.into_iter().enumerate().map(|(at, part)| pair(at + 1, &part)))
    }

    /// Checks that the parameters fit into a record. Existing rows that hold more stay readable.
    ///
    /// # Errors
    ///
    /// Fails when names and values are too large together.
    pub fn check_size(&self) -> Result<(), ParameterProblem> {
        match self.iter().map(|(name, value)| name.len() + value.len()).sum() {
            bytes if bytes > MAX_BYTES => Err(ParameterProblem::TooLarge(bytes)),
            _ => Ok(()),
        }
    }

    /// Returns the value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Iterates over names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Tells whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for StackParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl TryFrom<Value> for StackParameters {
    type Error = ParameterProblem;
    fn try_from(value: Value) -> Result<Self, ParameterProblem> {
        Self::parse(&value)
    }
}

impl From<StackParameters> for BTreeMap<String, String> {
    fn from(parameters: StackParameters) -> Self {
        parameters.0
    }
}

fn collect(
    pairs: impl Iterator<Item = Result<(String, String), ParameterProblem>>,
) -> Result<StackParameters, ParameterProblem> {
    let mut map = BTreeMap::new();
    for pair in pairs {
        let (key, value) = pair?;
        if !(1..=255).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ParameterProblem::Key(shown(&key)));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(ParameterProblem::ValueTooLong(key));
        }
        if value.contains('\0') {
            return Err(ParameterProblem::ValueCharacter(key));
        }
        if map.contains_key(&key) {
            return Err(ParameterProblem::Duplicate(key));
        }
        map.insert(key, value);
        if map.len() > MAX_PARAMETERS {
            return Err(ParameterProblem::TooMany);
        }
    }
    Ok(StackParameters(map))
}

/// Converts a scalar to text as CloudFormation does. Returns `None` for null, lists and objects.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Makes a key safe for a sentence.
fn shown(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn list_item(at: usize, item: &Value) -> Result<(String, String), ParameterProblem> {
    match item {
        Value::String(text) => pair(at, text),
        Value::Object(map) => {
            let key = map.get("ParameterKey").and_then(Value::as_str).ok_or(ParameterProblem::HalfPair(at))?;
            let value = map.get("ParameterValue").ok_or(ParameterProblem::HalfPair(at))?;
            let text = scalar_text(value).ok_or_else(|| ParameterProblem::ValueKind(shown(key)))?;
            Ok((key.to_owned(), text))
        }
        _ => Err(ParameterProblem::Kind),
    }
}

fn pair(at: usize, part: &str) -> Result<(String, String), ParameterProblem> {
    let (key, value) = match part.strip_prefix("ParameterKey=") {
        Some(rest) => rest.split_once(",ParameterValue=").ok_or(ParameterProblem::HalfPair(at))?,
        None if part.starts_with("ParameterValue=") => return Err(ParameterProblem::HalfPair(at)),
        None => part.split_once('=').ok_or(ParameterProblem::NoEquals(at))?,
    };
    Ok((key.to_owned(), value.to_owned()))
}

/// Splits at white space outside quotes, and removes quotes and backslashes.
fn split(text: &str) -> Result<Vec<String>, ParameterProblem> {
    let mut parts = Vec::new();
    let mut part: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if quote.is_none() && c.is_whitespace() {
            parts.extend(part.take());
            continue;
        }
        let current = part.get_or_insert_default();
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '\\') => current.push(characters.next().unwrap_or('\\')),
            (Some('"'), '\\') => {
                // Between double quotes a backslash protects only a quote and itself.
                let protected = characters.next_if(|next| matches!(next, '"' | '\\'));
                current.push(protected.unwrap_or('\\'));
            }
            (_, c) => current.push(c),
        }
    }
    if quote.is_some() {
        return Err(ParameterProblem::OpenQuote(parts.len() + 1));
    }
    parts.extend(part);
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(value: Value) -> Result<Value, String> {
        StackParameters::parse(&value).map(|p| serde_json::to_value(p).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_form_gives_the_same() {
        let expected = json!({"Stage": "prod", "Title": "a b", "Zones": "a,b"});
        for form in [
            json!({"Stage": "prod", "Title": "a b", "Zones": "a,b"}),
            json!("Stage=prod Title=\"a b\" Zones=a,b"),
            json!("  Stage='prod'\n\tTitle='a b'   Zones=\"a,b\" "),
            json!("Title=a\\ b \"Stage=prod\" Zones=a,b"),
            json!("ParameterKey=Stage,ParameterValue=prod ParameterKey=Title,ParameterValue=\"a b\" Zones=a,b"),
            json!("ParameterKey=Zones,ParameterValue=a,b Stage=prod Title=\"a b\""),
            json!(["Stage=prod", "Title=a b", "Zones=a,b"]),
            json!([{"ParameterKey": "Stage", "ParameterValue": "prod"}, "Title=a b", "Zones=a,b"]),
        ] {
            assert_eq!(parsed(form.clone()), Ok(expected.clone()), "{form}");
        }
        for (form, expected) in [
            (json!(null), json!({})),
            (json!(""), json!({})),
            (json!({"N": 3, "B": true}), json!({"N": "3", "B": "true"})),
            (
                json!("Empty= Url=https://x/?a=b&c=d Quote=\"say \\\"hi\\\"\" Path=\"C:\\x\""),
                json!({
                    "Empty": "", "Url": "https://x/?a=b&c=d", "Quote": "say \"hi\"", "Path": "C:\\x"
                }),
            ),
        ] {
            assert_eq!(parsed(form.clone()), Ok(expected), "{form}");
        }
    }

    #[test]
    fn faults_name_the_key_and_never_the_value() {
        let many: serde_json::Map<String, Value> = (0..201).map(|n| (format!("K{n}"), json!("hunter2"))).collect();
        for (form, sentence) in [
            (json!("A=hunter2 A=hunter2"), "The parameter 'A' appears twice in sam_params."),
            (
                json!("A=hunter2 hunter2"),
                "Part 2 of sam_params has no '='; write Key=Value, with quotes around a value that has spaces.",
            ),
            (json!("A=\"hunter2"), "A quote in part 1 of sam_params is not closed."),
            (
                json!("a-b=hunter2"),
                "'a-b' in sam_params is not a parameter name: expected 1 to 255 letters and digits.",
            ),
            (json!("=hunter2"), "'' in sam_params is not a parameter name: expected 1 to 255 letters and digits."),
            (
                json!("ParameterKey=A"),
                "Part 1 of sam_params needs both ParameterKey and ParameterValue; write ParameterKey=Name,ParameterValue=Value.",
            ),
            (
                json!("ParameterValue=hunter2,ParameterKey=A"),
                "Part 1 of sam_params needs both ParameterKey and ParameterValue; write ParameterKey=Name,ParameterValue=Value.",
            ),
            (
                json!({"A": ["hunter2"]}),
                "The value of the parameter 'A' in sam_params must be text, a number, true or false.",
            ),
            (json!({"A": null}), "The value of the parameter 'A' in sam_params must be text, a number, true or false."),
            (json!({"A": "x\u{0}hunter2"}), "The value of the parameter 'A' in sam_params contains a NUL character."),
            (json!({"A": "x".repeat(4097)}), "The value of the parameter 'A' in sam_params is longer than 4096 bytes."),
            (json!(many), "sam_params has more than 200 parameters; CloudFormation accepts no more."),
            (json!(7), "sam_params must be an object of values, or text such as 'Key=Value Other=\"two words\"'."),
        ] {
            assert_eq!(parsed(form), Err(sentence.to_owned()));
        }
    }

    #[test]
    fn a_record_has_room_for_what_is_accepted() {
        let of = |count: usize| {
            let all: serde_json::Map<String, Value> =
                (0..count).map(|n| (format!("K{n:02}"), json!("x".repeat(4093)))).collect();
            StackParameters::parse(&json!(all)).unwrap().check_size()
        };
        assert_eq!(of(16), Ok(()));
        assert_eq!(of(17), Err(ParameterProblem::TooLarge(17 * 4096)));
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(values in proptest::collection::btree_map("[A-Za-z0-9]{1,8}", "\\PC{0,20}", 0..6)) {
            let quote = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
            let parts: Vec<String> = values.iter()
                .map(|(key, value)| format!("{key}=\"{}\"", quote(value)))
                .collect();
            let parameters = StackParameters::parse_text(&parts.join(" ")).unwrap();
            for (name, value) in parameters.iter() {
                prop_assert_eq!(Some(value), values.get(name).map(String::as_str));
            }
            prop_assert_eq!(parameters.iter().count(), parts.len());
            let text = serde_json::to_string(&parameters).unwrap();
            prop_assert_eq!(serde_json::from_str::<StackParameters>(&text).unwrap(), parameters);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}|[A-Z='\"\\\\ ,]{0,30}") {
            let _ = StackParameters::parse_text(&text);
        }
    }
}
