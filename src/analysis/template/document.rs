//! Holds a template in the long form of every function.

use super::error::{MAX_BYTES, MAX_DEPTH, TemplateError};
use super::{json, yaml};
use crate::domain::backend::parameters::{StackParameters, scalar_text};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Replaces a value that must not be shown.
const HIDDEN: &str = "****";

/// A template in the long form.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    sections: Map<String, Value>,
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterDeclaration {
    /// A type such as `String`, `Number`, `List<…>` or `AWS::SSM::Parameter::Value<…>`.
    pub kind: String,
    /// The default value as CloudFormation writes it.
    pub default: Option<String>,
    /// Whether the value must not be shown.
    pub no_echo: bool,
}

impl Template {
    /// Parses a template. A text that starts with `{` is tried as JSON first, as the packaging tools do.
    ///
    /// # Errors
    ///
    /// Fails when the text is too large, malformed, or has no `Resources`.
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

    /// Returns the sections by name.
    pub fn sections(&self) -> &Map<String, Value> {
        &self.sections
    }

    /// Returns a member of a section.
    pub fn member(&self, section: &str, name: &str) -> Option<&Value> {
        self.sections.get(section)?.get(name)
    }

    /// Iterates over the resources by logical id.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.sections.get("Resources").and_then(Value::as_object);
        resources.into_iter().flatten().map(|(logical_id, body)| (logical_id.as_str(), body))
    }

    /// Returns the declared parameters by name.
    pub fn parameters(&self) -> BTreeMap<String, ParameterDeclaration> {
        let declared = self.sections.get("Parameters").and_then(Value::as_object);
        declared.into_iter().flatten().map(|(name, body)| (name.clone(), declaration(body))).collect()
    }

    /// Returns the value of each parameter: the given value or the default. Leaves out values that must not be shown
    /// and values that CloudFormation looks up elsewhere.
    pub fn known_values(&self, given: &StackParameters) -> BTreeMap<String, String> {
        let values = self.parameters().into_iter().filter_map(|(name, declaration)| {
            if declaration.no_echo || declaration.kind.starts_with("AWS::SSM::Parameter::Value") {
                return None;
            }
            let value = given.get(&name).map(str::to_owned).or(declaration.default)?;
            Some((name, value))
        });
        values.collect()
    }

    /// Returns the given values by name, with `****` for each one that the template does not declare without
    /// `NoEcho`, since an undeclared parameter may hold anything.
    pub fn redacted(&self, given: &StackParameters) -> BTreeMap<String, String> {
        let declared = self.parameters();
        let is_open = |name: &str| declared.get(name).is_some_and(|declaration| !declaration.no_echo);
        let shown = |name: &str, value: &str| if is_open(name) { value.to_owned() } else { HIDDEN.to_owned() };
        given.iter().map(|(name, value)| (name.to_owned(), shown(name, value))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hidden_values_are_not_shown() {
        let template = Template::parse(
            "Parameters:\n  Open: {Type: String}\n  Shut: {Type: String, NoEcho: 'true'}\n  Odd: {Type: String, NoEcho: !Ref Open}\nResources: {}",
        )
        .unwrap();
        let parameters = StackParameters::parse_text("Open=a Shut=b Odd=c Unknown=d").unwrap();
        let shown = json!(template.redacted(&parameters));
        assert_eq!(shown, json!({"Open": "a", "Shut": "****", "Odd": "****", "Unknown": "****"}));
        assert_eq!(format!("{parameters:?}"), r#"{"Odd", "Open", "Shut", "Unknown"}"#);
    }
}
