//! Checks resources and sections as a whole: types that always need an approver, and types that hold data.

use super::values::{call, is_word, leaves};
use super::walker::{Step, Walker, Watch, hash};
use crate::analysis::template_diff::effective::Resource;
use crate::analysis::template_diff::report::Rule;
use serde_json::Value;

/// Prefixes of types that hold data.
const STATEFUL: [&str; 22] = [
    "AWS::Backup::BackupVault",
    "AWS::Cognito::IdentityPool",
    "AWS::Cognito::UserPool",
    "AWS::DAX::Cluster",
    "AWS::DocDB::",
    "AWS::DSQL::",
    "AWS::DynamoDB::",
    "AWS::EC2::Volume",
    "AWS::EFS::",
    "AWS::ElastiCache::",
    "AWS::Elasticsearch::",
    "AWS::FSx::",
    "AWS::KMS::",
    "AWS::Kinesis::Stream",
    "AWS::MemoryDB::",
    "AWS::Neptune::",
    "AWS::OpenSearchService::",
    "AWS::RDS::",
    "AWS::Redshift::Cluster",
    "AWS::S3",
    "AWS::SecretsManager::Secret",
    "AWS::Timestream::",
];
/// Members that set a physical name; changing one replaces the resource.
const NAMES: [&str; 8] = [
    "BucketName",
    "TableName",
    "DBClusterIdentifier",
    "DBInstanceIdentifier",
    "ClusterIdentifier",
    "UserPoolName",
    "DomainName",
    "FileSystemName",
];
/// Prefixes of types whose every change needs an approver; the first match applies.
const ALWAYS: [(&str, Rule, &str); 20] = [
    ("AWS::CloudFormation::Macro", Rule::Macro, "The macro"),
    ("AWS::CloudFormation::Stack", Rule::NestedStack, "The nested stack"),
    ("AWS::CloudFormation::", Rule::NotUnderstood, "The custom resource or registration"),
    ("AWS::EC2::EIP", Rule::PublicIp, "The public address"),
    ("AWS::EC2::InternetGateway", Rule::PublicIp, "The internet gateway"),
    ("AWS::EKS::AccessEntry", Rule::Iam, "The cluster access entry"),
    ("AWS::IAM::", Rule::Iam, "The IAM resource"),
    ("AWS::IdentityStore::", Rule::Iam, "The identity"),
    ("AWS::KMS::", Rule::Kms, "The KMS resource"),
    ("AWS::LakeFormation::", Rule::Iam, "The data permission"),
    ("AWS::Lambda::Url", Rule::ResourcePolicy, "The function URL"),
    ("AWS::Organizations::", Rule::Iam, "The organization resource"),
    ("AWS::RAM::", Rule::Iam, "The resource share"),
    ("AWS::RolesAnywhere::", Rule::Iam, "The IAM resource"),
    ("AWS::SSO::", Rule::Iam, "The IAM resource"),
    ("AWS::Serverless::Application", Rule::NestedStack, "The nested stack"),
    ("AWS::Serverless::Connector", Rule::Iam, "The connector, which generates policies,"),
    ("AWS::ServiceCatalog::", Rule::NestedStack, "The Service Catalog resource, which contains templates,"),
    ("AWS::VerifiedPermissions::", Rule::Iam, "The permission"),
    ("Custom::", Rule::NotUnderstood, "The custom resource"),
];
/// Types that the list above or the name endings would match, although they grant nothing.
const HARMLESS: [&str; 10] = [
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::ContinuousDeploymentPolicy",
    "AWS::CloudFront::OriginRequestPolicy",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::DLM::LifecyclePolicy",
    "AWS::ElasticLoadBalancing::LoadBalancerPolicy",
];
/// SAM types for which SAM generates a role unless they name one.
const MAKES_ROLE: [&str; 2] = ["AWS::Serverless::Function", "AWS::Serverless::StateMachine"];
/// Properties that widen the generated role.
const WIDENS_ROLE: [&str; 5] = ["DeadLetterQueue", "EventInvokeConfig", "FileSystemConfigs", "Tracing", "VpcConfig"];

pub fn check(walker: &mut Walker<'_>, resource: &Resource) {
    let unit = hash(&resource.body);
    if let Some((rule, what)) = always(&resource.kind, &resource.body) {
        let says = format!("{what} {}", walker.subject());
        walker.note(rule, Watch::AnyChange, "", &unit, says);
    }
    let is_internal = |leaf: &Value| is_word(leaf, &["internal"]);
    let is_balancer =
        resource.kind.starts_with("AWS::ElasticLoadBalancing") && resource.kind.ends_with("::LoadBalancer");
    let scheme = resource.body.get("Properties").and_then(|properties| properties.get("Scheme"));
    if is_balancer && !scheme.is_some_and(|scheme| leaves(scheme).into_iter().all(is_internal)) {
        let says = format!("The load balancer {} is internet-facing", walker.subject());
        walker.note(Rule::PublicIp, Watch::Presence, "Properties.Scheme", &unit, says);
    }
    keeps_data(walker, resource);
    made_by_sam(walker, resource);
}

/// Returns the rule for types whose every change needs an approver.
fn always(kind: &str, body: &Value) -> Option<(Rule, &'static str)> {
    if !body.is_object() {
        return Some((Rule::NotUnderstood, "The invalid resource"));
    }
    if HARMLESS.contains(&kind) {
        return None;
    }
    if let Some((_, rule, what)) = ALWAYS.iter().find(|(start, _, _)| kind.starts_with(start)) {
        return Some((*rule, what));
    }
    if !kind.starts_with("AWS::") || kind.ends_with("::MODULE") {
        return Some((Rule::NotUnderstood, "The third-party resource"));
    }
    let grants = ["Policy", "Permission", "Permissions"].iter().any(|ending| kind.ends_with(ending));
    grants.then_some((Rule::ResourcePolicy, "The policy or permission"))
}

fn keeps_data(walker: &mut Walker<'_>, resource: &Resource) {
    let is_stateful = STATEFUL.iter().any(|start| resource.kind.starts_with(start))
        || resource.kind == "AWS::Serverless::SimpleTable";
    if is_stateful && !resource.kind.ends_with("Policy") {
        let says = match resource.condition.as_str() {
            "" => format!("The data store {}", walker.subject()),
            _ => format!("The data store {} or its condition", walker.subject()),
        };
        walker.note(Rule::StatefulRemoved, Watch::Loss, "", &resource.condition, says);
        let properties = resource.body.get("Properties");
        for name in NAMES {
            let unit = properties.and_then(|properties| properties.get(name)).map(hash).unwrap_or_default();
            let says = format!("The physical name {name} of {} (a change replaces it)", walker.subject());
            walker.note(Rule::NameRemoved, Watch::Loss, &format!("Properties.{name}"), &unit, says);
        }
    }
    for name in ["DeletionPolicy", "UpdateReplacePolicy"] {
        // One unit for each degree of safety, so that a step up loses none.
        for degree in 1..=safety(&resource.kind, resource.body.get(name)) {
            let says = format!("The {name} of {}, which protects its data,", walker.subject());
            walker.note(Rule::RetainRemoved, Watch::Loss, name, &degree.to_string(), says);
        }
    }
}

/// Rates what a deletion leaves: 0 nothing, 1 a snapshot, 2 or 3 the resource.
fn safety(kind: &str, policy: Option<&Value>) -> u8 {
    let Some(policy) = policy else {
        return u8::from(matches!(kind, "AWS::RDS::DBCluster" | "AWS::RDS::DBInstance"));
    };
    let degree = |leaf: &Value| match leaf.as_str() {
        Some("Retain") => 3,
        Some("RetainExceptOnCreate") => 2,
        Some("Snapshot") => 1,
        _ => 0,
    };
    leaves(policy).into_iter().map(degree).min().unwrap_or(0)
}

/// Notes roles and permissions that SAM generates, which appear in no template.
fn made_by_sam(walker: &mut Walker<'_>, resource: &Resource) {
    let none = serde_json::Map::new();
    let properties = resource.body.get("Properties").and_then(Value::as_object).unwrap_or(&none);
    if MAKES_ROLE.contains(&resource.kind.as_str()) {
        if !properties.contains_key("Role") {
            let says = format!("The role that SAM generates for {}", walker.subject());
            walker.note(Rule::Iam, Watch::AnyChange, "Properties.Role", "made", says);
        }
        for name in WIDENS_ROLE {
            let Some(value) = properties.get(name) else { continue };
            let says = format!("The permissions that {} needs for {name}", walker.subject());
            let unit = if name == "VpcConfig" && call(value).is_none() { String::new() } else { hash(value) };
            walker.note(Rule::Iam, Watch::AnyChange, &format!("Properties.{name}"), &unit, says);
        }
    }
    if resource.kind.starts_with("AWS::Serverless::")
        && let Some(Value::Object(events)) = properties.get("Events")
    {
        for (name, event) in events {
            let says = format!("The permission of the event {name} to invoke {}", walker.subject());
            walker.note(
                Rule::ResourcePolicy,
                Watch::AnyChange,
                &format!("Properties.Events.{name}"),
                &hash(event),
                says,
            );
        }
    }
}

/// Checks for sections that may rewrite resources or are unknown.
pub fn check_section(walker: &mut Walker<'_>, name: &str, section: &Value) {
    let (rule, what) = match name {
        "Transform" => (Rule::Macro, "The transform of the template"),
        "Hooks" => (Rule::NotUnderstood, "The Hooks section"),
        "AWSTemplateFormatVersion"
        | "Conditions"
        | "Description"
        | "Mappings"
        | "Metadata"
        | "Outputs"
        | "Parameters"
        | "Rules" => return check_for_macros(walker, section),
        "Globals" => return check_globals(walker, section),
        _ => (Rule::NotUnderstood, "An unknown section of the template"),
    };
    walker.note(rule, Watch::AnyChange, "", &hash(section), what.to_owned());
}

/// Checks for globals that are not merged into resources.
fn check_globals(walker: &mut Walker<'_>, globals: &Value) {
    const KNOWN: [&str; 8] = [
        "Api",
        "CapacityProvider",
        "Function",
        "HttpApi",
        "LayerVersion",
        "SimpleTable",
        "StateMachine",
        "WebSocketApi",
    ];
    let Some(globals) = globals.as_object() else {
        return walker.note(
            Rule::NotUnderstood,
            Watch::AnyChange,
            "",
            &hash(globals),
            "The Globals section".to_owned(),
        );
    };
    for (name, value) in globals.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
        walker.note(Rule::NotUnderstood, Watch::AnyChange, name, &hash(value), format!("The unknown global '{name}'"));
    }
}

fn check_for_macros(walker: &mut Walker<'_>, value: &Value) {
    match value {
        Value::Object(map) => {
            for (name, item) in map {
                if name == "Fn::Transform" || name.starts_with("Fn::ForEach") {
                    let says = "A macro outside the resources".to_owned();
                    walker.note(Rule::Macro, Watch::AnyChange, name, &hash(item), says);
                }
                walker.below(Step::Name(name), |walker| check_for_macros(walker, item));
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walker.below(Step::Item(at), |walker| check_for_macros(walker, item));
            }
        }
        _ => {}
    }
}
