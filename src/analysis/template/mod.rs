//! A CloudFormation or SAM template, read from YAML or JSON into one form: the long form of every function, so that
//! two ways of writing the same thing compare equal.
//!
//! Scalars mean what they mean to CloudFormation and to the tools that package a template, which read YAML 1.1:
//! `yes`, `no`, `on` and `off` are booleans (`y` and `n` are not), a leading zero makes an octal number, dates stay text.
//! Aliases and merge keys are followed, as those tools follow them. A key that stands twice in one mapping is refused,
//! because readers differ on which one counts.

pub mod json;
mod scalar;
mod secrets;
pub mod substitution;
mod yaml;

pub use secrets::{SecretRef, SecretReferences, secrets_resolved};

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The largest accepted template in bytes: CloudFormation's own limit for one that is read from S3.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep values may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many values a template may have once its aliases are written out.
pub const MAX_VALUES: usize = 100_000;
/// How much text a template may have once its aliases are written out, in bytes.
pub const MAX_EXPANDED_BYTES: usize = 4 << 20;

/// Why a text is not a template. Each is one sentence that names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // Each message says what its name means.
pub enum TemplateError {
    #[error("The template has {0} bytes; CloudFormation takes at most {MAX_BYTES}.")]
    TooLarge(usize),
    #[error("The template is nested more than {MAX_DEPTH} levels deep at line {0}.")]
    TooDeep(usize),
    #[error(
        "The template has more than {MAX_VALUES} values or {MAX_EXPANDED_BYTES} bytes of text with its aliases at line {0}."
    )]
    QuotaExceeded(usize),
    #[error("The template cannot be read at line {line}: {reason}.")]
    Syntax { line: usize, reason: String },
    #[error("The key '{key}' stands twice in one mapping of the template, the second time at line {line}.")]
    DuplicateKey { line: usize, key: String },
    #[error("A key of the template is not text at line {0}.")]
    Key(usize),
    #[error("The template has the tag '{tag}' at line {line}, which CloudFormation does not know.")]
    Tag { line: usize, tag: String },
    #[error("The template has an alias inside the very value it stands for at line {0}.")]
    EndlessAlias(usize),
    #[error("The template merges ('<<') something that is not a mapping at line {0}.")]
    Merge(usize),
    #[error("The template has more than one YAML document; the second starts at line {0}.")]
    Documents(usize),
    #[error("The template is blank.")]
    Blank,
    #[error("The template is not a mapping of sections such as 'Resources'.")]
    NotAMapping,
    #[error("The template has no section 'Resources', or it is not a mapping.")]
    NoResources,
}

/// A template in the long form.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    sections: Map<String, Value>,
}

/// A parameter that a template declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterDeclaration {
    /// `String`, `Number`, `List<…>`, `AWS::SSM::Parameter::Value<…>` and so on.
    pub kind: String,
    /// The value when a stack is given none, as CloudFormation writes it.
    pub default: Option<String>,
    /// Whether the value must never be shown.
    pub no_echo: bool,
}

impl Template {
    /// Reads a template. What starts with `{` is tried as JSON first, as the packaging tools do.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > MAX_BYTES {
            return Err(TemplateError::TooLarge(text.len()));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = if text.trim_start().starts_with('{') {
            // A text that is no JSON may still be a flow mapping of YAML; any other fault is final.
            match json::read(text, MAX_DEPTH) {
                Err(TemplateError::Syntax { line, reason }) => {
                    yaml::read(text).map_err(|_| TemplateError::Syntax { line, reason })?
                }
                other => other?,
            }
        } else {
            yaml::read(text)?
        };
        let Value::Object(sections) = document else { return Err(TemplateError::NotAMapping) };
        if !sections.get("Resources").is_some_and(Value::is_object) {
            return Err(TemplateError::NoResources);
        }
        Ok(Self { sections })
    }

    /// The sections by name.
    pub fn sections(&self) -> &Map<String, Value> {
        &self.sections
    }

    /// A member of a section.
    pub fn member(&self, section: &str, name: &str) -> Option<&Value> {
        self.sections.get(section)?.get(name)
    }

    /// What stands in the section `Resources`, by logical id.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.sections.get("Resources").and_then(Value::as_object);
        resources.into_iter().flatten().map(|(logical_id, body)| (logical_id.as_str(), body))
    }

    /// The declared parameters by name.
    pub fn parameters(&self) -> BTreeMap<String, ParameterDeclaration> {
        let declared = self.sections.get("Parameters").and_then(Value::as_object);
        declared.into_iter().flatten().map(|(name, body)| (name.clone(), declaration(body))).collect()
    }
}

fn declaration(body: &Value) -> ParameterDeclaration {
    ParameterDeclaration {
        kind: body.get("Type").and_then(Value::as_str).unwrap_or("String").to_owned(),
        default: body.get("Default").and_then(scalar_text),
        // Anything but a plain "false" hides the value: showing one too many cannot be undone.
        no_echo: body.get("NoEcho").is_some_and(|flag| scalar_text(flag).is_none_or(|text| text != "false")),
    }
}

/// A scalar as CloudFormation passes it on: as text. `None` for null, lists and objects.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Gives the one function that has two long forms a single one: `A.B` becomes `["A", "B"]`.
fn settle(map: Map<String, Value>) -> Value {
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

#[cfg(test)]
mod tests;
