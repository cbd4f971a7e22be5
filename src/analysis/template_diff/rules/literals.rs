//! Finds passwords, tokens and keys in plain text.

use super::values::{any_text, call, is_off, leaves, text};
use super::walker::{Object, Step, Walker, Watch, hash};
use crate::analysis::template::substitution::{Piece, pieces};
use crate::analysis::template_diff::report::Rule;
use serde_json::Value;

/// Words that mark a name as that of a secret. Names are compared in lower case, without punctuation.
const WORDS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "token",
    "credential",
    "privatekey",
    "accesskey",
    "signingkey",
    "encryptionkey",
];
/// Endings of names that describe a secret without containing it.
const ABOUT: [&str; 34] = [
    "algorithm",
    "alias",
    "arn",
    "arns",
    "count",
    "days",
    "description",
    "enabled",
    "endpoint",
    "expiration",
    "expiry",
    "format",
    "header",
    "hours",
    "id",
    "ids",
    "length",
    "limit",
    "location",
    "minutes",
    "name",
    "names",
    "path",
    "policy",
    "prefix",
    "region",
    "seconds",
    "source",
    "stage",
    "ttl",
    "type",
    "units",
    "uri",
    "url",
];
/// Names of AWS properties that only sound like secrets.
const HARMLESS: [&str; 12] = [
    "accesskeylastrotated",
    "accesstokenvalidity",
    "enabletokenrevocation",
    "excludecharacters",
    "generatesecret",
    "httptokens",
    "idtokenvalidity",
    "managemasteruserpassword",
    "nexttoken",
    "refreshtokenvalidity",
    "requirepassword",
    "tokenissuer",
];

pub fn check(walker: &mut Walker<'_>, object: &Object<'_>) {
    let named = pair_name(object);
    for (name, value) in object.map {
        let is_value = matches!(name.as_str(), "Value" | "ParameterValue" | "value" | "Default");
        let promised = if is_value { named.unwrap_or(name) } else { name };
        check_value(walker, name, promised, value);
    }
}

/// Returns the name in a pair such as `{Name, Value}`.
fn pair_name<'a>(object: &Object<'a>) -> Option<&'a str> {
    ["Name", "Key", "ParameterKey", "name", "key"].iter().find_map(|key| object.map.get(*key).and_then(Value::as_str))
}

/// Checks the literals of a section.
pub fn check_section(walker: &mut Walker<'_>, name: &str, section: &Value) {
    let Value::Object(members) = section else { return check_value(walker, "", name, section) };
    for (member, body) in members {
        walker.below(Step::Name(member), |walker| match (name, body.get("Default")) {
            ("Parameters", Some(default)) => check_default(walker, member, body, default),
            _ => every_member(walker, member, body),
        });
    }
}

fn check_default(walker: &mut Walker<'_>, parameter: &str, body: &Value, default: &Value) {
    // A parameter that is resolved elsewhere has only the place as its default.
    let is_place = body.get("Type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("AWS::"));
    let is_hidden = body.get("NoEcho").is_some_and(|flag| leaves(flag).into_iter().any(|leaf| !is_off(leaf)));
    let promised = match (is_place, is_hidden) {
        (true, _) => "Default",
        (_, true) => "NoEcho: secret",
        _ => parameter,
    };
    check_value(walker, "Default", promised, default);
}

fn every_member(walker: &mut Walker<'_>, name: &str, value: &Value) {
    match value {
        Value::Object(map) => {
            for (inner, item) in map {
                // An output's value belongs to the output's name.
                check_value(walker, inner, if inner == "Value" { name } else { inner }, item);
                walker.below(Step::Name(inner), |walker| every_member(walker, inner, item));
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walker.below(Step::Item(at), |walker| every_member(walker, name, item));
            }
        }
        _ => {}
    }
}

fn check_value(walker: &mut Walker<'_>, name: &str, promised: &str, value: &Value) {
    let is_promised = promises_secret(promised);
    let is_limit = ["max", "min"].iter().any(|start| promised.to_ascii_lowercase().starts_with(start));
    let is_number = |leaf: &Value| leaf.is_number() || text(leaf).is_some_and(|text| text.parse::<f64>().is_ok());
    let stands_there = leaves(value).into_iter().any(|leaf| {
        let is_literal = text(leaf).is_some_and(is_literal) || leaf.is_number();
        (is_promised && is_literal && !(is_limit && is_number(leaf))) || holds_secret(leaf)
    });
    if stands_there {
        let shown: String = promised.chars().filter(|c| !c.is_control()).take(80).collect();
        let says = match walker.resource {
            Some((id, _)) => format!("The template contains a secret in plain text: the value of '{shown}' in '{id}'"),
            None => format!("The template contains a secret in plain text: the value of '{shown}'"),
        };
        walker.note(Rule::LiteralSecret, Watch::Presence, name, &hash(value), says);
    }
}

/// Tells whether a name indicates that its value is a secret.
fn promises_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let is_about = ABOUT.iter().any(|ending| plain.ends_with(ending)) || plain.ends_with("validity");
    WORDS.iter().any(|word| plain.contains(word)) && !is_about && !HARMLESS.contains(&plain.as_str())
}

/// Tells whether a text is a literal: not blank, no dynamic reference, no variable of a parameter or resource.
fn is_literal(text: &str) -> bool {
    let is_filled_in = |piece: &Piece<'_>| matches!(piece, Piece::Variable(name) if !name.starts_with("AWS::"));
    !text.trim().is_empty() && !text.contains("{{resolve:") && !pieces(text).iter().any(is_filled_in)
}

/// Tells whether a leaf, or any text in the argument of a function, has the form of a secret.
fn holds_secret(leaf: &Value) -> bool {
    match (leaf, call(leaf)) {
        (Value::String(text), _) => looks_secret(text),
        (_, Some((_, argument))) => any_text(argument, &looks_secret),
        _ => false,
    }
}

/// Tells whether a text has the form of a well-known kind of secret.
fn looks_secret(text: &str) -> bool {
    const STARTS: [(&str, usize); 10] = [
        ("AKIA", 20),
        ("ASIA", 20),
        ("ghp_", 36),
        ("gho_", 36),
        ("ghs_", 36),
        ("github_pat_", 40),
        ("glpat-", 20),
        ("xoxb-", 20),
        ("xoxp-", 20),
        ("sk_live_", 20),
    ];
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut words = text.split(|c| !is_word(c));
    let has_known_start =
        words.any(|word| STARTS.iter().any(|(start, length)| word.starts_with(start) && word.len() >= *length));
    let has_private_key = text
        .split("-----BEGIN ")
        .skip(1)
        .any(|rest| rest.split("-----").next().is_some_and(|kind| kind.ends_with("PRIVATE KEY")));
    has_known_start || has_private_key || has_password_in_url(text)
}

/// Finds `scheme://user:password@host`, unless the password is a variable.
fn has_password_in_url(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next().unwrap_or_default();
        let password =
            authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
        password.is_some_and(|password| !password.is_empty() && !password.contains(['$', '{', '<']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_promise_a_secret() {
        for name in [
            "Password",
            "DB_PASSWORD",
            "MasterUserPassword",
            "apiKey",
            "API-KEY",
            "api_key",
            "Secret",
            "SecretString",
            "client_secret",
            "GITHUB_TOKEN",
            "AuthToken",
            "AWS_SECRET_ACCESS_KEY",
            "Credentials",
            "private.key",
            "OAuthToken",
        ] {
            assert!(promises_secret(name), "{name}");
        }
        for name in [
            "SecretArn",
            "SECRET_NAME",
            "SecretId",
            "TokenTtl",
            "HttpTokens",
            "IdTokenValidity",
            "GenerateSecret",
            "PasswordLength",
            "TOKEN_URL",
            "Timeout",
            "Handler",
            "KeyName",
            "ManageMasterUserPassword",
            "PasswordPolicy",
        ] {
            assert!(!promises_secret(name), "{name}");
        }
    }

    #[test]
    fn texts_that_look_like_one() {
        let key_id = format!("AKIA{}", "ABCDEFGHIJKLMNOP");
        let private = format!("-----BEGIN {} KEY-----\nMII", "RSA PRIVATE");
        for text in [key_id.as_str(), &private, "postgres://app:hunter2@db/x", &format!("x=ghp_{}", "a".repeat(36))] {
            assert!(looks_secret(text), "{text}");
        }
        for text in [
            "AKIA",
            "postgres://app:${Password}@db/x",
            "https://example.com/a@b:c",
            "-----BEGIN CERTIFICATE-----",
            "git@github.com:a/b",
        ] {
            assert!(!looks_secret(text), "{text}");
        }
    }
}
