//! Checks who may do what: principals, policies, roles, and the authorization of APIs.

use super::values::{any_text, call, is_word, leaves, member, text};
use super::walker::{Object, Walker, Watch, hash};
use crate::analysis::template_diff::report::Rule;
use serde_json::Value;

/// Members that name principals.
const PRINCIPALS: [&str; 4] = ["Principal", "NotPrincipal", "Principals", "AllowedPrincipals"];
/// Members that configure the authorization of an API.
const AUTHORIZATION: [&str; 10] = [
    "Auth",
    "AuthorizationScopes",
    "AuthorizationType",
    "AuthorizerConfig",
    "AuthorizerId",
    "Authorizers",
    "DefaultAuthorizer",
    "ApiKeyRequired",
    "security",
    "securityDefinitions",
];

pub fn check(walker: &mut Walker<'_>, object: &Object<'_>) {
    principals(walker, object);
    policy_document(walker, object);
    unread_policies(walker, object);
    for (name, value) in object.map {
        if is_role_member(walker.kind(), name) {
            let says = format!("The role or policy {name} of {}", walker.subject());
            walker.note(Rule::Iam, Watch::AnyChange, name, &hash(value), says);
        }
        if matches!(name.as_str(), "AuthType" | "FunctionUrlAuthType") {
            function_url(walker, object, name, value);
        }
        if AUTHORIZATION.contains(&name.as_str()) {
            let says = format!("The authorization setting {name} of {}", walker.subject());
            walker.note(Rule::Authorization, Watch::Loss, name, &hash(value), says);
        }
    }
}

/// Checks for principals that are wildcards or unknown.
fn principals(walker: &mut Walker<'_>, object: &Object<'_>) {
    let denies = member(object.map, "Effect")
        .is_some_and(|(_, effect)| leaves(effect).into_iter().all(|leaf| is_word(leaf, &["Deny"])));
    if denies {
        return;
    }
    for wanted in PRINCIPALS {
        let Some((name, value)) = member(object.map, wanted) else { continue };
        if wanted == "NotPrincipal" && object.map.len() > 1 {
            let says = format!("{} allows everyone except those in {name}", walker.subject());
            walker.note(Rule::WildcardPrincipal, Watch::Presence, name, object.unit(), says);
        } else if has_wildcard(value) {
            let says = format!("{} allows anyone: its {name} is a wildcard", walker.subject());
            walker.note(Rule::WildcardPrincipal, Watch::Presence, name, object.unit(), says);
        } else if walker.is_unknown(value) {
            walker.note_unknown(name, object.unit());
        }
    }
}

/// Tells whether any text in a value contains a `*`.
fn has_wildcard(value: &Value) -> bool {
    leaves(value).into_iter().any(|leaf| match (text(leaf), call(leaf), leaf) {
        (Some(text), _, _) => text.contains('*'),
        (None, Some((_, argument)), _) => has_wildcard(argument),
        (None, None, Value::Object(map)) => map.values().any(has_wildcard),
        _ => false,
    })
}

/// Notes resource-based policies. Policies of IAM resources are noted with the resource.
fn policy_document(walker: &mut Walker<'_>, object: &Object<'_>) {
    let is_policy = member(object.map, "Statement").is_some_and(|(_, statements)| {
        leaves(statements).into_iter().any(|statement| {
            statement.as_object().is_some_and(|map| member(map, "Effect").is_some()) || call(statement).is_some()
        })
    });
    if is_policy && !walker.kind().starts_with("AWS::IAM::") && !walker.kind().starts_with("AWS::KMS::") {
        let says = format!("A policy in {}", walker.subject());
        walker.note(Rule::ResourcePolicy, Watch::AnyChange, "", object.unit(), says);
    }
}

/// Notes texts that look like policies but are assembled from unknown parts.
fn unread_policies(walker: &mut Walker<'_>, object: &Object<'_>) {
    for (name, value) in object.map {
        let is_unread = |leaf: &Value| match (text(leaf), call(leaf)) {
            (Some(text), _) => text.trim_start().starts_with('{') && speaks_of_policy(text),
            (None, Some((_, argument))) => any_text(argument, &speaks_of_policy),
            (None, None) => false,
        };
        if leaves(value).into_iter().any(is_unread) {
            let says = format!("The policy text {name} of {}, which cannot be parsed,", walker.subject());
            walker.note(Rule::NotUnderstood, Watch::AnyChange, name, &hash(value), says);
        }
    }
}

fn speaks_of_policy(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["\"statement\"", "\"principal\"", "\"notprincipal\""].iter().any(|word| text.contains(word))
}

/// Tells whether a member assigns a role, or feeds a role that SAM generates.
fn is_role_member(kind: &str, name: &str) -> bool {
    const ENDINGS: [&str; 9] = [
        "Role",
        "Roles",
        "RoleArn",
        "RoleARN",
        "RoleArns",
        "RoleName",
        "InstanceProfile",
        "InstanceProfileArn",
        "InstanceProfileName",
    ];
    const NAMES: [&str; 6] = [
        "AssumeRolePolicyDocument",
        "ManagedPolicyArns",
        "PermissionsBoundary",
        "Connectors",
        "RolePath",
        "credentials",
    ];
    let is_own = kind.starts_with("AWS::IAM::");
    let makes_role = kind.starts_with("AWS::Serverless::") && name == "Policies";
    !is_own && (makes_role || NAMES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

fn function_url(walker: &mut Walker<'_>, object: &Object<'_>, name: &str, value: &Value) {
    if leaves(value).into_iter().any(|leaf| text(leaf).is_some_and(|text| text.trim().eq_ignore_ascii_case("NONE"))) {
        let says = format!("The function URL of {} accepts unauthenticated calls: {name} is NONE", walker.subject());
        walker.note(Rule::OpenFunctionUrl, Watch::Presence, name, object.unit(), says);
    } else if walker.is_unknown(value) {
        walker.note_unknown(name, object.unit());
    }
}
