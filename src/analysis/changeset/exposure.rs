//! Finds what a change exposes: wildcard permissions and public access. Compares the resource before and after as far
//! as the change set shows it. Findings only ever raise the risk.

use super::description::{Detail, ResourceChange};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Managed policies that grant nearly everything.
const BROAD_POLICIES: &[&str] = &["AdministratorAccess", "PowerUserAccess", "IAMFullAccess"];

/// The settings that block public access to a bucket.
const CLOSING_SWITCHES: &[&str] =
    &["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];

/// Properties that expose a resource to the internet when true.
const OPENING_SWITCHES: &[&str] =
    &["AssociatePublicIpAddress", "EndpointPublicAccess", "MapPublicIpOnLaunch", "PubliclyAccessible", "PublicAccess"];

/// Lists what the change opens that is closed today, each as the end of a sentence that begins with "it".
pub(super) fn opened(change: &ResourceChange) -> Vec<String> {
    let resource_type = change.resource_type.as_deref().unwrap_or_default();
    let before =
        document(change.before_context.as_deref(), &change.details, |detail| detail.target.before_value.as_deref());
    let after =
        document(change.after_context.as_deref(), &change.details, |detail| detail.target.after_value.as_deref());
    let open_today = findings(resource_type, &before);
    let mut open_then = findings(resource_type, &after);
    if closes_bucket(&before) && !after.is_null() && !closes_bucket(&after) {
        open_then.insert("removes the block on public access".into());
    }
    open_then.difference(&open_today).cloned().collect()
}

/// Returns the resource on one side of the change: its context, or what the details show of it.
fn document<'a>(
    context: Option<&'a str>,
    details: &'a [Detail],
    value: impl Fn(&'a Detail) -> Option<&'a str>,
) -> Value {
    if let Some(whole) = context.and_then(|text| serde_json::from_str(text).ok()) {
        return whole;
    }
    let fragments: Vec<Value> = details.iter().filter_map(|detail| Some(fragment(detail, value(detail)?))).collect();
    if fragments.is_empty() { Value::Null } else { Value::Array(fragments) }
}

/// Wraps a changed value in the name of its property, and in a statement if it belongs to one.
fn fragment(detail: &Detail, text: &str) -> Value {
    let parsed = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let path = detail.target.path.as_deref().unwrap_or_default();
    let named = path.rsplit('/').find(|part| !is_index(part)).or(detail.target.name.as_deref()).unwrap_or_default();
    let member = Value::Object(Map::from_iter([(named.to_owned(), parsed)]));
    match path.contains("/Statement/") && named != "Statement" {
        true => serde_json::json!({ "Statement": [member] }),
        false => member,
    }
}

fn is_index(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Collects what is open in a resource's document.
fn findings(resource_type: &str, document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let lambda_permission = matches!(resource_type, "AWS::Lambda::Permission" | "AWS::Lambda::LayerVersionPermission");
    walk(document, &mut |key, value| {
        if key == "Statement" {
            for statement in one_or_many(value) {
                judge_statement(resource_type, statement, &mut found);
            }
        }
        if lambda_permission && key == "Principal" && is_anyone(value) {
            found.insert("allows anyone to invoke it".into());
        }
        if key == "AuthType" && value == "NONE" && resource_type == "AWS::Lambda::Url" {
            found.insert("allows anyone on the internet to invoke it".into());
        }
        judge_switches(key, value, &mut found);
        judge_network(resource_type, key, value, &mut found);
    });
    found
}

/// Checks a policy statement: whom it lets in and, for identity policies, how broad it is.
fn judge_statement(resource_type: &str, statement: &Value, found: &mut BTreeSet<String>) {
    if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
        return;
    }
    if statement.get("Principal").is_some_and(is_anyone) || statement.get("NotPrincipal").is_some() {
        found.insert("grants access to anyone".into());
    }
    if !resource_type.starts_with("AWS::IAM::") {
        return;
    }
    for action in statement.get("Action").into_iter().flat_map(one_or_many).filter_map(Value::as_str) {
        if action.contains('*') {
            found.insert(format!("allows the actions {action}"));
        }
    }
    let actions = statement.get("Action").map(Value::to_string).unwrap_or_default();
    if statement.get("Resource").is_some_and(|resource| one_or_many(resource).any(|one| one == "*")) {
        found.insert(format!("allows {actions} on every resource"));
    }
    for inverse in ["NotAction", "NotResource"] {
        if statement.get(inverse).is_some() {
            found.insert(format!("allows everything except what {inverse} names"));
        }
    }
}

fn judge_switches(key: &str, value: &Value, found: &mut BTreeSet<String>) {
    if CLOSING_SWITCHES.contains(&key) && is_bool(value, false) {
        found.insert(format!("turns off {key}"));
    }
    if OPENING_SWITCHES.contains(&key) && is_bool(value, true) {
        found.insert(format!("turns on {key}"));
    }
    let open_acl = value.as_str().filter(|acl| acl.starts_with("Public") || *acl == "AuthenticatedRead");
    if let Some(acl) = open_acl.filter(|_| matches!(key, "AccessControl" | "CannedACL")) {
        found.insert(format!("sets the ACL {acl}"));
    }
    if matches!(key, "ManagedPolicyArns" | "ManagedPolicyArn" | "PolicyArn") {
        for arn in one_or_many(value).filter_map(Value::as_str) {
            if let Some(broad) = BROAD_POLICIES.iter().find(|name| arn.ends_with(*name)) {
                found.insert(format!("attaches {broad}"));
            }
        }
    }
}

/// Checks for ingress from anywhere. Egress to anywhere is the default of security groups.
fn judge_network(resource_type: &str, key: &str, value: &Value, found: &mut BTreeSet<String>) {
    let everywhere = matches!(value.as_str(), Some("0.0.0.0/0" | "::/0"));
    let ingress = resource_type.contains("SecurityGroup") && resource_type != "AWS::EC2::SecurityGroupEgress";
    if everywhere && ingress && matches!(key, "CidrIp" | "CidrIpv6" | "CIDRIP") {
        found.insert(format!("allows ingress from any address ({})", value.as_str().unwrap_or_default()));
    }
}

fn closes_bucket(document: &Value) -> bool {
    let mut closes = false;
    walk(document, &mut |key, _| closes |= key == "PublicAccessBlockConfiguration");
    closes
}

/// Visits every member of every object except a security group's egress rules.
fn walk(value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if key != "SecurityGroupEgress" {
                    visit(key, member);
                    walk(member, visit);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

fn one_or_many(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        one => Box::new(std::iter::once(one)),
    }
}

fn is_anyone(principal: &Value) -> bool {
    match principal {
        Value::String(name) => name == "*",
        Value::Array(names) => names.iter().any(is_anyone),
        Value::Object(kinds) => kinds.get("AWS").is_some_and(is_anyone),
        _ => false,
    }
}

fn is_bool(value: &Value, wanted: bool) -> bool {
    value.as_bool() == Some(wanted) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(&wanted.to_string()))
}
