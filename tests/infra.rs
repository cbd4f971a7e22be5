//! The templates of `infra/` say what the program relies on. Whether CloudFormation takes them is for cfn-lint to tell.

mod build;
mod calls;
mod machines;
mod permissions;
mod retries;
mod target;

use bouncer::domain::digest::{PartsDigest, Sha256};
use bouncer::domain::ids::{ProjectId, RequestId};
use bouncer::domain::site::paths::SitePath;
use bouncer::requests::app::PublishSettings;
use bouncer::storage::Table;
use bouncer::storage::documents::{adopting_of, blob_key, manifest_key, moving_of, parts_key, staged_key};
use saphyr::{LoadableYamlNode as _, ScalarOwned, YamlOwned};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What `Prefix` is unless it is given.
const PREFIX: &str = "bouncer-";

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A template with its short forms written out: `!Ref x` as `{"Ref": x}`, `!Sub x` as `{"Fn::Sub": x}`.
fn template(path: &str) -> Value {
    let documents = YamlOwned::load_from_str(&file(path)).unwrap();
    let [document] = &documents[..] else { panic!("{path} holds {} documents", documents.len()) };
    plain(document)
}

fn plain(yaml: &YamlOwned) -> Value {
    match yaml {
        YamlOwned::Value(ScalarOwned::Null) => Value::Null,
        YamlOwned::Value(ScalarOwned::Boolean(value)) => json!(value),
        YamlOwned::Value(ScalarOwned::Integer(value)) => json!(value),
        YamlOwned::Value(ScalarOwned::FloatingPoint(value)) => json!(value.into_inner()),
        YamlOwned::Value(ScalarOwned::String(value)) => json!(value),
        YamlOwned::Sequence(items) => items.iter().map(plain).collect(),
        YamlOwned::Mapping(fields) => Value::Object(
            fields.iter().map(|(key, value)| (key.as_str().expect("a text as key").to_owned(), plain(value))).collect(),
        ),
        YamlOwned::Tagged(tag, value) => {
            let name = match tag.suffix.as_str() {
                "Ref" | "Condition" => tag.suffix.clone(),
                function => format!("Fn::{function}"),
            };
            Value::Object(Map::from_iter([(name, plain(value))]))
        }
        other => panic!("unexpected YAML: {other:?}"),
    }
}

fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let all = template["Resources"].as_object().unwrap();
    let found: Vec<_> = all
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id.as_str(), resource))
        .collect();
    assert!(!found.is_empty(), "there is no {kind}");
    found
}

/// A name made with `!Sub` from the prefix and the account.
fn named(value: &Value) -> String {
    let text = value["Fn::Sub"].as_str().unwrap_or_else(|| panic!("{value} is not made with !Sub"));
    let name = text.replace("${Prefix}", PREFIX).replace("${AWS::AccountId}", "123456789012");
    assert!(!name.contains('$'), "{name}");
    name
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

/// What is there at most: of a choice by a condition, what is not nothing.
fn at_most(value: &Value) -> &Value {
    let Some(choice) = value.get("Fn::If") else { return value };
    if choice[1] == json!({ "Ref": "AWS::NoValue" }) { &choice[2] } else { &choice[1] }
}

/// The statements of a role's policies, those behind a condition too.
fn statements(role: &Value) -> Vec<&Value> {
    let policies = role["Properties"]["Policies"].as_array().unwrap();
    policies
        .iter()
        .flat_map(|policy| at_most(policy)["PolicyDocument"]["Statement"].as_array().unwrap())
        .map(at_most)
        .collect()
}

/// Those that allow something.
fn allowing(role: &Value) -> Vec<&Value> {
    statements(role).into_iter().filter(|statement| statement["Effect"] == "Allow").collect()
}

/// The resources of a role's statements with an action, as they are written.
fn allowed(role: &Value, action: &str) -> Vec<String> {
    allowing(role)
        .into_iter()
        .filter(|statement| texts(&statement["Action"]).contains(&action))
        .flat_map(|statement| match &statement["Resource"] {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        })
        .map(|resource| match resource.as_object().and_then(|fields| fields.values().next()) {
            Some(of) => of.as_str().unwrap().to_owned(),
            None => resource.as_str().unwrap().to_owned(),
        })
        .collect()
}

fn role<'a>(template: &'a Value, id: &str) -> &'a Value {
    assert_eq!(template["Resources"][id]["Type"], "AWS::IAM::Role", "{id}");
    &template["Resources"][id]
}

#[test]
fn the_tables_are_those_of_the_program() {
    let template = template("infra/template.yaml");
    let table = |of: Table, index: Value| {
        let sort = of.sort_key().map(|sort| json!([sort, "RANGE", "N"]));
        let key: Vec<Value> = [json!([of.key(), "HASH", "S"])].into_iter().chain(sort).collect();
        json!({ "name": format!("{PREFIX}{}", of.suffix()), "key": key, "indexes": index })
    };
    let mut expected: Vec<Value> = Table::used(false)
        .map(|of| {
            let index = of.index().map_or(json!([]), |(name, partition, sort)| {
                json!([{ "name": name, "key": [[partition, "HASH", "S"], [sort, "RANGE", "S"]], "projection": "ALL" }])
            });
            table(of, index)
        })
        .collect();

    let mut found: Vec<Value> = Vec::new();
    for (id, table) in resources(&template, "AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        let attributes = properties["AttributeDefinitions"].as_array().unwrap();
        let schema = |keys: &Value| -> Value {
            let keys = keys.as_array().unwrap().iter().map(|key| {
                let kind = attributes.iter().find(|attribute| attribute["AttributeName"] == key["AttributeName"]);
                json!([key["AttributeName"], key["KeyType"], kind.unwrap()["AttributeType"]])
            });
            keys.collect()
        };
        let indexes = properties["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
        let indexes: Value = indexes
            .iter()
            .map(|index| {
                json!({ "name": index["IndexName"], "key": schema(&index["KeySchema"]),
                        "projection": index["Projection"]["ProjectionType"] })
            })
            .collect();
        found.push(
            json!({ "name": named(&properties["TableName"]), "key": schema(&properties["KeySchema"]), "indexes": indexes }),
        );

        assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST", "{id}");
        assert_eq!(properties["TimeToLiveSpecification"], json!({ "AttributeName": "ttl", "Enabled": true }), "{id}");
        assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{id}");
        assert_eq!(properties["DeletionProtectionEnabled"], json!({ "Fn::If": ["IsProtected", true, false] }), "{id}");
    }
    let by_name = |table: &Value| table["name"].as_str().unwrap().to_owned();
    found.sort_by_key(by_name);
    expected.sort_by_key(by_name);
    assert_eq!(found, expected);
}

#[test]
fn what_holds_data_outlives_the_stack() {
    let template = template("infra/template.yaml");
    let kinds = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"];
    for (id, resource) in kinds.into_iter().flat_map(|kind| resources(&template, kind)) {
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
    }
}

#[test]
fn the_staging_bucket_is_the_one_the_program_uses_and_keeps_what_sites_are_made_of() {
    let template = template("infra/template.yaml");
    let bucket = &template["Resources"]["StagingBucket"];
    assert_eq!(named(&bucket["Properties"]["BucketName"]), "bouncer-uploads-123456789012");
    assert_eq!(expiring(bucket), BTreeSet::from(["20", "adopting/", "issued/", "moving/", "staged/"]));
    // Where no bucket sees to it the program does, after the same days.
    let rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    for (prefix, days) in bouncer::storage::documents::TRANSIENT_PREFIXES {
        let rule = rules.iter().find(|rule| rule["Prefix"] == prefix).unwrap();
        assert_eq!(rule["ExpirationInDays"], days, "{prefix}");
    }
}

/// The prefixes whose objects go by age.
fn expiring(bucket: &Value) -> BTreeSet<&str> {
    let rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    rules
        .iter()
        .map(at_most)
        .filter(|rule| rule.get("ExpirationInDays").is_some())
        .map(|rule| rule["Prefix"].as_str().expect("a rule that removes objects names a prefix"))
        .collect()
}

#[test]
fn no_bucket_is_open() {
    let template = template("infra/template.yaml");
    for (id, bucket) in resources(&template, "AWS::S3::Bucket") {
        let properties = &bucket["Properties"];
        let switches = properties["PublicAccessBlockConfiguration"].as_object().unwrap();
        assert!(switches.len() == 4 && switches.values().all(|switch| *switch == true), "{id}");
        assert!(properties["BucketEncryption"].is_object(), "{id}");
        let policies = resources(&template, "AWS::S3::BucketPolicy");
        let policy = policies.iter().find(|(_, policy)| policy["Properties"]["Bucket"] == json!({ "Ref": id }));
        let (_, policy) = policy.unwrap_or_else(|| panic!("{id} has no policy"));
        let statements = policy["Properties"]["PolicyDocument"]["Statement"].as_array().unwrap();
        let deny = statements.iter().find(|statement| statement["Sid"] == "OnlyOverTls").unwrap();
        assert_eq!((&deny["Effect"], &deny["Principal"]), (&json!("Deny"), &json!("*")), "{id}");
        assert_eq!(deny["Condition"], json!({ "Bool": { "aws:SecureTransport": "false" } }), "{id}");
    }
}

#[test]
fn the_functions_are_told_what_the_program_reads() {
    let template = template("infra/template.yaml");
    let common = &template["Globals"]["Function"]["Environment"]["Variables"];
    let names: BTreeSet<&str> = common.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        BTreeSet::from([
            "BOUNCER_ACCOUNT",
            "BOUNCER_ALLOWED_HOSTS",
            "BOUNCER_APPROVAL_WINDOW",
            "BOUNCER_ARTIFACTS_BUCKET",
            "BOUNCER_ASKS_PER_MINUTE",
            "BOUNCER_BUILD_PROJECT",
            "BOUNCER_EXTERNAL_ID",
            "BOUNCER_GITHUB_API_URL",
            "BOUNCER_GITHUB_SECRET",
            "BOUNCER_LANG",
            "BOUNCER_LOG",
            "BOUNCER_PENDING_PER_CALLER",
            "BOUNCER_PREVIEW_DOMAIN",
            "BOUNCER_PROFILE",
            "BOUNCER_PUBLIC_URL",
            "BOUNCER_STAGING_BUCKET",
            "BOUNCER_STATE_MACHINE_DEPLOY",
            "BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY",
            "BOUNCER_STATE_MACHINE_REQUEST",
            "BOUNCER_TABLE_PREFIX",
            "BOUNCER_TELEGRAM_APPROVERS",
            "BOUNCER_TELEGRAM_CHATS",
            "BOUNCER_TELEGRAM_SECRET_ARN",
        ])
    );
    assert_eq!(common["BOUNCER_PROFILE"], "aws");
    assert_eq!(common["BOUNCER_TABLE_PREFIX"], json!({ "Ref": "Prefix" }));
    assert_eq!(common["BOUNCER_APPROVAL_WINDOW"], json!({ "Ref": "ApprovalWindow" }));
    assert_eq!(common["BOUNCER_STAGING_BUCKET"], json!({ "Ref": "StagingBucket" }));

    let functions = resources(&template, "AWS::Serverless::Function");
    assert_eq!(
        functions.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>(),
        BTreeSet::from(["ApiFunction", "TaskFunction"])
    );
    for (id, function) in functions {
        assert_eq!(function["Properties"]["CodeUri"], "../target/lambda/", "{id}");
        let own = function["Properties"]["Environment"]["Variables"].as_object().cloned().unwrap_or_default();
        let expected: &[&str] = if id == "ApiFunction" { &["BOUNCER_BOOTSTRAP_SECRET_ARN"] } else { &[] };
        assert_eq!(own.keys().collect::<Vec<_>>(), expected, "{id}");
    }
    assert_eq!(template["Globals"]["Function"]["Runtime"], "provided.al2023");
    assert_eq!(template["Globals"]["Function"]["Handler"], "bootstrap");
}

#[test]
fn a_publish_slice_ends_before_its_function_does() {
    let template = template("infra/template.yaml");
    let timeout = template["Resources"]["TaskFunction"]["Properties"]["Timeout"].as_u64().unwrap();
    assert!(PublishSettings::default().slice.as_secs() + 60 <= timeout);
    assert!(timeout <= 900, "Lambda ends every function after 15 minutes");
}

#[test]
fn no_role_may_do_more_than_it_has_a_name_for() {
    let templates = ["infra/template.yaml", "infra/deploy-role.yaml", "infra/target-account.yaml"].map(template);
    // IAM knows no narrower resource for these.
    let nameless = |action: &str| action == "states:SendTaskSuccess" || action.starts_with("logs:");
    let roles = templates.iter().flat_map(|template| resources(template, "AWS::IAM::Role"));
    // What stands in templates of others is not known here.
    for (id, role) in roles.filter(|(id, _)| *id != "ExecutionRole") {
        for statement in allowing(role) {
            let actions = texts(&statement["Action"]);
            assert!(actions.iter().all(|action| !action.contains('*')), "{id} may do {actions:?}");
            if statement["Resource"] == "*" {
                assert!(actions.iter().all(|action| nameless(action)), "{id} may do {actions:?} to everything");
            }
        }
    }
}

#[test]
fn only_the_tasks_may_take_a_projects_role() {
    let template = template("infra/template.yaml");
    // The function that answers calls reaches the accounts of stacks, whose roles let it ask and stop alone; no site.
    let target = "arn:${AWS::Partition}:iam::*:role/${TargetRolePrefix}*";
    assert_eq!(allowed(role(&template, "ApiRole"), "sts:AssumeRole"), [target]);
    assert!(allowed(role(&template, "StateMachineRole"), "sts:AssumeRole").is_empty());
    assert_eq!(
        allowed(role(&template, "TaskRole"), "sts:AssumeRole"),
        ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${DeployRolePrefix}*", "OtherDeployRoleArns", target]
    );
    let deploy = self::template("infra/deploy-role.yaml");
    let name = deploy["Resources"]["DeployRole"]["Properties"]["RoleName"]["Fn::Sub"].as_str().unwrap();
    assert!(name.starts_with("${DeployRolePrefix}"), "{name}");
    for parameter in ["DeployRolePrefix", "ExternalId"] {
        let pattern = |template: &Value| {
            template["Parameters"][parameter]["AllowedPattern"].as_str().unwrap().trim_start_matches("^$|").to_owned()
        };
        assert_eq!(pattern(&template), pattern(&deploy), "{parameter}");
    }
    let default = |template: &Value| template["Parameters"]["DeployRolePrefix"]["Default"].clone();
    assert_eq!(default(&template), default(&deploy));
}

#[test]
fn a_deploy_role_is_for_the_tasks_alone_and_never_reads_staging() {
    let template = template("infra/deploy-role.yaml");
    let role = role(&template, "DeployRole");
    let trust = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(
        trust,
        &json!([{
            "Effect": "Allow", "Principal": { "AWS": { "Ref": "TaskRoleArn" } }, "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": { "Ref": "ExternalId" } } },
        }])
    );
    let actions: BTreeSet<&str> =
        statements(role).into_iter().flat_map(|statement| texts(&statement["Action"])).collect();
    assert_eq!(
        actions,
        BTreeSet::from([
            "cloudfront:CreateInvalidation",
            "cloudfront:GetInvalidation",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:ListBucket",
            "s3:PutObject",
        ])
    );
    for action in ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"] {
        assert_eq!(allowed(role, action), ["arn:${AWS::Partition}:s3:::${BucketName}/*"], "{action}");
    }
    assert_eq!(allowed(role, "s3:ListBucket"), ["arn:${AWS::Partition}:s3:::${BucketName}"]);
}

#[test]
fn the_roles_reach_the_keys_the_program_uses() {
    let template = template("infra/template.yaml");
    let folders = |id: &str, action: &str| -> BTreeSet<String> {
        let resources = allowed(role(&template, id), action);
        resources.iter().filter_map(|text| text.strip_prefix("${StagingBucket.Arn}/")).map(str::to_owned).collect()
    };
    let (api_puts, task_gets) = (folders("ApiRole", "s3:PutObject"), folders("TaskRole", "s3:GetObject"));
    let folder = |key: String| format!("{}/*", key.split('/').next().unwrap());

    let blob = folder(blob_key(&ProjectId::parse("shop").unwrap(), Sha256::of(b"")));
    assert!(api_puts.contains(&blob) && task_gets.contains(&blob), "{blob}");
    assert!(folders("ApiRole", "s3:GetObject").contains(&blob), "the page shows staged sites: {blob}");
    let staged = folder(staged_key(&RequestId::random(), &SitePath::parse("index.html").unwrap()));
    assert!(api_puts.contains(&staged) && !task_gets.contains(&staged), "{staged}");
    assert!(folders("TaskRole", "s3:PutObject").contains("releases/*") && !api_puts.contains("releases/*"));
    let moving = folder(moving_of(&RequestId::random()));
    let adopting = folder(adopting_of(&RequestId::random()));
    let parts = folder(parts_key(&ProjectId::parse("shop").unwrap(), Sha256::of(b""), PartsDigest::of([])));
    for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
        let all = [moving.clone(), adopting.clone(), parts.clone()].into();
        assert!(folders("TaskRole", action).is_superset(&all), "{action}");
    }
    assert!(folders("TaskRole", "s3:PutObject").contains(&blob), "what is adopted is kept: {blob}");
    assert!(folders("TaskRole", "s3:AbortMultipartUpload").contains(&blob), "large files in parts: {blob}");
    let list = folder(manifest_key(&ProjectId::parse("shop").unwrap(), Sha256::of(b"")));
    assert!(folders("TaskRole", "s3:DeleteObject").is_superset(&[blob, list].into()));
    assert!(folders("ApiRole", "s3:DeleteObject").is_empty(), "answering a call removes nothing");
    assert!(api_puts.contains("????-??-??/*"), "uploads lie under their date");
}

#[test]
fn every_parameter_and_output_is_explained() {
    for path in ["infra/template.yaml", "infra/deploy-role.yaml", "infra/target-account.yaml"] {
        let template = template(path);
        for section in ["Parameters", "Outputs"] {
            for (name, of) in template[section].as_object().unwrap() {
                assert!(of["Description"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {name}");
            }
        }
        let groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].as_array().unwrap();
        let grouped: BTreeSet<&str> = groups.iter().flat_map(|group| texts(&group["Parameters"])).collect();
        let parameters: BTreeSet<&str> =
            template["Parameters"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(grouped, parameters, "{path}");
    }
}
