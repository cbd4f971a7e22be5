//! Finds the secrets that a template reads from Secrets Manager by dynamic references.
//!
//! The form is `{{resolve:secretsmanager:ID:SecretString:JSON_KEY:STAGE:VERSION}}`, where all but the id is optional.

use super::document::Template;
use super::substitution::text_of;
use crate::domain::backend::parameters::StackParameters;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const OPENING: &str = "{{resolve:secretsmanager:";

/// A reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretRef {
    /// The secret's name or ARN.
    pub id: String,
    /// The JSON member to read; the whole text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_key: Option<String>,
    /// The staging label; `AWSCURRENT` when label and version are absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_stage: Option<String>,
    /// The version id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// The references in a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretReferences {
    /// References to known secrets.
    pub named: BTreeSet<SecretRef>,
    /// The ids with a `${…}` that is resolved only when the stack runs.
    pub open: BTreeSet<String>,
}

/// Finds the references in a template deployed with these parameters. A parameter without a value has its default;
/// the value of one with `NoEcho` stays unknown.
pub fn secrets_resolved(template: &Template, parameters: &StackParameters) -> SecretReferences {
    let known = template.known_values(parameters);
    let mut found = SecretReferences::default();
    for section in template.sections().values() {
        search(section, &known, &mut found);
    }
    for (_, value) in parameters.iter() {
        scan(value, &mut found);
    }
    found
}

fn search(value: &Value, known: &BTreeMap<String, String>, found: &mut SecretReferences) {
    if let Some(text) = text_of(value, known) {
        scan(&text, found);
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| search(item, known, found)),
        Value::Object(map) => map.iter().for_each(|(name, item)| {
            scan(name, found);
            search(item, known, found);
        }),
        _ => {}
    }
}

fn scan(text: &str, found: &mut SecretReferences) {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(OPENING) {
        let Some((body, next)) = after.split_once("}}").map(|(body, next)| widen(after, body, next)) else { return };
        rest = next;
        let Some(reference) = reference(body) else { continue };
        if reference.id.contains("${") {
            found.open.insert(reference.id);
        } else {
            found.named.insert(reference);
        }
    }
}

/// Restores the brace of a body ending in `${Name`, which the closing `}}` took: `{{…:${Name}}}`.
fn widen<'a>(after: &'a str, body: &'a str, next: &'a str) -> (&'a str, &'a str) {
    let is_open = body.rfind("${").is_some_and(|at| !body[at..].contains('}'));
    match next.strip_prefix('}') {
        Some(next) if is_open => (&after[..=body.len()], next),
        _ => (body, next),
    }
}

fn reference(body: &str) -> Option<SecretRef> {
    let fields = fields(body);
    // An ARN has six colons of its own: arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME.
    let width = if fields.first() == Some(&"arn") { 7 } else { 1 };
    let id = fields.get(..width.min(fields.len()))?.join(":");
    let field = |at: usize| fields.get(width + at).filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
    (!id.is_empty()).then(|| SecretRef { id, json_key: field(1), version_stage: field(2), version_id: field(3) })
}

/// Splits at colons outside `${…}`.
fn fields(body: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut inside = false;
    for (at, c) in body.char_indices() {
        match c {
            '{' if body[..at].ends_with('$') => inside = true,
            '}' => inside = false,
            ':' if !inside => {
                fields.push(&body[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(&body[start..]);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str, parameters: &str) -> (Vec<String>, Vec<String>) {
        let template = Template::parse(text).unwrap();
        let found = secrets_resolved(&template, &StackParameters::parse_text(parameters).unwrap());
        let named = found.named.into_iter().map(|secret| {
            let or = |field: Option<String>| field.unwrap_or_else(|| "-".to_owned());
            format!("{} {} {} {}", secret.id, or(secret.json_key), or(secret.version_stage), or(secret.version_id))
        });
        (named.collect(), found.open.into_iter().collect())
    }

    #[test]
    fn references_in_each_form() {
        for (value, named, open) in [
            ("'{{resolve:secretsmanager:db}}'", "db - - -", ""),
            ("'{{resolve:secretsmanager:prod/db:SecretString:password}}'", "prod/db password - -", ""),
            ("'{{resolve:secretsmanager:db:SecretString:password::v1}}'", "db password - v1", ""),
            ("'{{resolve:secretsmanager:db:SecretString::AWSPREVIOUS}}'", "db - AWSPREVIOUS -", ""),
            (
                "'{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:SecretString:user:AWSCURRENT}}'",
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf user AWSCURRENT -",
                "",
            ),
            ("!Sub 'x {{resolve:secretsmanager:${Stage}/db:SecretString:k}} y'", "prod/db k - -", ""),
            ("!Sub '{{resolve:secretsmanager:${AWS::StackName}/db:SecretString:k}}'", "", "${AWS::StackName}/db"),
            ("!Sub '{{resolve:secretsmanager:${Secret}}}'", "", "${Secret}"),
            ("!Sub '{{resolve:secretsmanager:${Stage}}}'", "prod - - -", ""),
            ("!Join ['', ['{{resolve:secretsmanager:', !Ref Secret, ':SecretString:k}}']]", "", "${Secret}"),
            ("!Join ['', ['{{resolve:secretsmanager:', !Ref Stage, ':SecretString:k}}']]", "prod k - -", ""),
            ("!If [C, '{{resolve:secretsmanager:a}}', !Sub '{{resolve:secretsmanager:b}}']", "a - - -|b - - -", ""),
            ("[{X: '{{resolve:secretsmanager:a:SecretString:k}}{{resolve:secretsmanager:b}}'}]", "a k - -|b - - -", ""),
            ("!Sub '{{resolve:secretsmanager:${Hidden}}}'", "", "${Hidden}"),
            ("'{{resolve:ssm:/db:1}} {{resolve:secretsmanager:}} {{resolve:secretsmanager:x'", "", ""),
        ] {
            let template = format!(
                "Parameters:\n  Stage: {{Type: String, Default: dev}}\n  Hidden: {{Type: String, NoEcho: true}}\n\
                 Resources:\n  A:\n    Type: T\n    Properties:\n      P: {value}\n"
            );
            let expect = |text: &str| text.split('|').filter(|t| !t.is_empty()).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(found(&template, "Stage=prod Hidden=h"), (expect(named), expect(open)), "{value}");
        }
    }

    #[test]
    fn references_in_parameters_count() {
        let template = "Parameters: {P: {Type: String, Default: '{{resolve:secretsmanager:a}}'}}\nResources: {}";
        assert_eq!(found(template, "P={{resolve:secretsmanager:b}}").0, ["a - - -", "b - - -"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\$\\{|\\}|\\{\\{resolve:secretsmanager:|:|ä|a|\\}\\}){0,20}") {
            scan(&text, &mut SecretReferences::default());
        }
    }
}
