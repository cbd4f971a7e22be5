//! Things that must never come in unseen, alone and in any template.

use super::tests::{diff, resource, resources, rules, template};
use super::*;
use crate::analysis::template::Template;
use crate::domain::backend::parameters::StackParameters;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Things that must never come in unseen: the rule, the type, and the properties in the flow style.
const BAD: [(Rule, &str, &str); 74] = [
    (
        Rule::WildcardPrincipal,
        "AWS::SQS::QueuePolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: 'sqs:*'}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::SQS::QueuePolicy",
        "{PolicyDocument: {Statement: {Effect: Allow, Principal: {AWS: '*'}, Action: 'sqs:*'}}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: ['1', '*']}, Action: a}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [!If [C, {Effect: Allow, Principal: '*'}, !Ref 'AWS::NoValue']]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: !If [C, Deny, Allow], Principal: '*'}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:role/*'}}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: !Join ['', ['*']]}}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: !If [C, {AWS: '*'}, {AWS: '1'}]}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: !FindInMap [M, any, who]}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: !FindInMap [M, !Ref 'AWS::Region', who]}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: !Ref Star}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::SNS::TopicPolicy",
        "{PolicyDocument: '{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\"}]}'}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::Logs::ResourcePolicy",
        "{PolicyDocument: !Sub '{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Resource\":\"${Keep.Arn}\"}]}'}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::Logs::ResourcePolicy",
        "{PolicyDocument: !ToJsonString {Statement: [{Effect: Allow, Principal: '*'}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {statement: [{effect: Allow, principal: '*'}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, NotPrincipal: {AWS: '1'}}]}}",
    ),
    (
        Rule::WildcardPrincipal,
        "AWS::Lambda::Permission",
        "{FunctionName: f, Action: 'lambda:InvokeFunction', Principal: '*'}",
    ),
    (Rule::WildcardPrincipal, "AWS::EC2::VPCEndpointServicePermissions", "{AllowedPrincipals: ['*']}"),
    (
        Rule::WildcardPrincipal,
        "AWS::Serverless::Api",
        "{StageName: a, Auth: {ResourcePolicy: {CustomStatements: [{Effect: Allow, Principal: '*'}]}}}",
    ),
    (
        Rule::NotUnderstood,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: !Ref Unknown}}]}}",
    ),
    (
        Rule::NotUnderstood,
        "AWS::S3::BucketPolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: !ImportValue who}}]}}",
    ),
    (
        Rule::ResourcePolicy,
        "AWS::SQS::QueuePolicy",
        "{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: '1'}, Action: a}]}}",
    ),
    (Rule::ResourcePolicy, "AWS::Lambda::Permission", "{FunctionName: f, Principal: s3.amazonaws.com}"),
    (Rule::ResourcePolicy, "AWS::SecretsManager::ResourcePolicy", "{}"),
    (Rule::OpenFunctionUrl, "AWS::Lambda::Url", "{AuthType: NONE}"),
    (Rule::OpenFunctionUrl, "AWS::Lambda::Url", "{AuthType: !If [C, NONE, AWS_IAM]}"),
    (Rule::OpenFunctionUrl, "AWS::Lambda::Url", "{AuthType: !Ref OpenAuth}"),
    (Rule::OpenFunctionUrl, "AWS::Serverless::Function", "{Role: r, FunctionUrlConfig: {AuthType: NONE}}"),
    (Rule::OpenFunctionUrl, "AWS::Lambda::Permission", "{Principal: a, FunctionUrlAuthType: NONE}"),
    (Rule::NotUnderstood, "AWS::Lambda::Url", "{AuthType: !Ref Unknown}"),
    (
        Rule::PublicBucket,
        "AWS::S3::Bucket",
        "{PublicAccessBlockConfiguration: {BlockPublicAcls: false, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}}",
    ),
    (
        Rule::PublicBucket,
        "AWS::S3::Bucket",
        "{PublicAccessBlockConfiguration: {BlockPublicAcls: 'True', BlockPublicPolicy: no, IgnorePublicAcls: true, RestrictPublicBuckets: true}}",
    ),
    (
        Rule::PublicBucket,
        "AWS::S3::Bucket",
        "{PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true}}",
    ),
    (
        Rule::PublicBucket,
        "AWS::S3::AccessPoint",
        "{PublicAccessBlockConfiguration: !If [C, {RestrictPublicBuckets: 'false'}, !Ref 'AWS::NoValue']}",
    ),
    (Rule::PublicBucket, "AWS::S3::Bucket", "{AccessControl: PublicRead}"),
    (
        Rule::NotUnderstood,
        "AWS::S3::Bucket",
        "{PublicAccessBlockConfiguration: {BlockPublicAcls: !Ref Unknown, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}}",
    ),
    (Rule::Iam, "AWS::IAM::Role", "{AssumeRolePolicyDocument: {}}"),
    (Rule::Iam, "AWS::IAM::Policy", "{PolicyName: p}"),
    (Rule::Iam, "AWS::Serverless::Function", "{CodeUri: .}"),
    (Rule::Iam, "AWS::Serverless::Function", "{Role: r, Policies: [S3FullAccess]}"),
    (Rule::Iam, "AWS::Lambda::Function", "{Role: r}"),
    (Rule::Iam, "AWS::ECS::TaskDefinition", "{TaskRoleArn: r}"),
    (Rule::OpenIngress, "AWS::EC2::SecurityGroup", "{SecurityGroupIngress: [{IpProtocol: tcp, CidrIp: 0.0.0.0/0}]}"),
    (Rule::OpenIngress, "AWS::EC2::SecurityGroup", "{SecurityGroupIngress: {IpProtocol: tcp, CidrIpv6: '::/0'}}"),
    (Rule::OpenIngress, "AWS::EC2::SecurityGroupIngress", "{IpProtocol: tcp, CidrIp: !Ref OpenCidr}"),
    (Rule::OpenIngress, "AWS::EC2::SecurityGroupIngress", "{IpProtocol: tcp, CidrIp: !Select [0, !Ref OpenCidrs]}"),
    (Rule::OpenIngress, "AWS::EC2::SecurityGroupIngress", "{IpProtocol: tcp, CidrIp: !Sub '${Ip}/0'}"),
    (Rule::OpenIngress, "AWS::EC2::SecurityGroupIngress", "{IpProtocol: tcp, CidrIpv6: '0:0::0/0'}"),
    (Rule::OpenIngress, "AWS::EC2::SecurityGroup", "{SecurityGroupIngress: !If [C, [{CidrIp: 0.0.0.0/0}], []]}"),
    (Rule::OpenIngress, "AWS::EC2::NetworkAclEntry", "{CidrBlock: 0.0.0.0/0, RuleAction: allow}"),
    (Rule::NotUnderstood, "AWS::EC2::SecurityGroupIngress", "{IpProtocol: tcp, CidrIp: !ImportValue range}"),
    (Rule::NotUnderstood, "AWS::EC2::SecurityGroupIngress", "{IpProtocol: tcp, SourcePrefixListId: pl-1}"),
    (Rule::Kms, "AWS::KMS::Key", "{KeyPolicy: {}}"),
    (Rule::Kms, "AWS::SQS::Queue", "{KmsMasterKeyId: alias/a}"),
    (Rule::LiteralSecret, "AWS::Lambda::Function", "{Environment: {Variables: {DB_PASSWORD: hunter2}}}"),
    (
        Rule::LiteralSecret,
        "AWS::ECS::TaskDefinition",
        "{ContainerDefinitions: [{Environment: [{Name: API_KEY, Value: hunter2}]}]}",
    ),
    (Rule::LiteralSecret, "AWS::EC2::Instance", "{UserData: !Base64 'export ID=AKIAIOSFODNN7EXAMPLE'}"),
    (Rule::LiteralSecret, "AWS::EC2::Instance", "{UserData: {'Fn::Base64': !Sub 'curl https://a:hunter2@${Ip}/'}}"),
    (Rule::LiteralSecret, "AWS::SecretsManager::Secret", "{SecretString: '{\"user\":\"a\",\"password\":\"hunter2\"}'}"),
    (Rule::PublicIp, "AWS::EC2::Subnet", "{MapPublicIpOnLaunch: 'yes'}"),
    (Rule::PublicIp, "AWS::ECS::Service", "{NetworkConfiguration: {AwsvpcConfiguration: {AssignPublicIp: ENABLED}}}"),
    (Rule::PublicIp, "AWS::ElasticLoadBalancingV2::LoadBalancer", "{Type: application}"),
    (Rule::NestedStack, "AWS::CloudFormation::Stack", "{TemplateURL: https://x/y}"),
    (Rule::NotUnderstood, "AWS::RDS::DBInstance", "{PubliclyAccessible: !Ref Unknown}"),
    (Rule::NotUnderstood, "AWS::S3::Bucket", "{AccessControl: !Ref Unknown}"),
    (Rule::NotUnderstood, "AWS::S3::Bucket", "{PublicAccessBlockConfiguration: !FindInMap [None, a, b]}"),
    (Rule::PublicIp, "AWS::ElasticLoadBalancing::LoadBalancer", "{Scheme: internet-facing}"),
    (Rule::Macro, "AWS::SQS::Queue", "{QueueName: a, 'Fn::Transform': {Name: 'AWS::Include'}}"),
    (Rule::NotUnderstood, "AWS::SQS::Queue", "{QueueName: a, 'Fn::ForEach::A': [B, [c], {}]}"),
    (
        Rule::NotUnderstood,
        "AWS::SQS::Queue",
        "{P: !Sub ['{\"Statement\":[{\"Principal\":\"*\"}],\"V\":\"${V}\"}', {V: !FindInMap [M, !Ref Ip, who]}]}",
    ),
    (Rule::NotUnderstood, "AWS::SQS::Queue", "{P: !Join ['', ['{\"Statement\":', !If [C, a, b], '}']]}"),
    (Rule::NotUnderstood, "AWS::SQS::Queue", "{P: '{\"Statement\": [{\"Principal\": \"*\"}'}"),
    (Rule::Iam, "AWS::EKS::AccessEntry", "{}"),
    (Rule::Macro, "AWS::SQS::Queue", "{'Fn::Transform': {Name: 'AWS::Include', Parameters: {Location: s3://x}}}"),
];

const SURROUNDINGS: &str = "
Parameters:
  Star: {Type: String, Default: '*'}
  Unknown: {Type: String}
  OpenAuth: {Type: String, Default: NONE}
  OpenCidr: {Type: String, Default: 0.0.0.0/0}
  OpenCidrs: {Type: CommaDelimitedList, Default: '10.0.0.0/8, 0.0.0.0/0'}
  Ip: {Type: String}
Mappings:
  M: {any: {who: '*'}, one: {who: '1'}}
Conditions:
  C: !Equals [!Ref 'AWS::Region', eu-west-1]
";

#[test]
fn every_bad_thing_is_found_where_it_is_new() {
    let without = format!("{SURROUNDINGS}{}", resources(""));
    for (rule, kind, properties) in BAD {
        // Select [0] of OpenCidrs is the closed one; ask for the open one.
        let properties = properties.replace("!Select [0,", "!Select [1,");
        let with = format!("{SURROUNDINGS}{}", resource(kind, &properties));
        let found = diff(&template(&without), &template(&with));
        assert!(
            found.findings.iter().any(|f| f.rule == rule && f.logical_id.as_deref() == Some("X")),
            "{kind} {properties}: {:?}",
            found.findings
        );
        for finding in &found.findings {
            assert!(finding.sentence.ends_with('.') && !finding.sentence.contains("hunter2"), "{finding:?}");
        }
        assert_eq!(diff(&template(&with), &template(&with)).findings, [], "{kind} {properties}");
        let moved = with.replace("\n  X:", "\n  Y:");
        assert!(rules(&with, &moved).contains(&rule), "{kind} {properties}: {:?}", rules(&with, &moved));
    }
}

/// A template that any part may be missing from.
fn any_template() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        "[a-z0-9./*:]{0,8}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!({"Ref": "P"})),
        Just(json!({"Fn::Sub": "${P}-${R0.Arn}"})),
        Just(json!({"Fn::FindInMap": ["M", {"Ref": "P"}, "k"]})),
        Just(json!({"Fn::If": ["C", "0.0.0.0/0", {"Ref": "AWS::NoValue"}]})),
        Just(json!("*")),
    ];
    let names = "(Principal|Statement|Effect|CidrIp|AuthType|Password|Role|Policies|Properties|Auth|KmsKeyId|BlockPublicAcls|PublicAccessBlockConfiguration|SecurityGroupIngress|Tags|A|B)";
    let value = scalar.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(names, inner, 0..4).prop_map(|map| json!(map)),
        ]
    });
    let kinds = prop_oneof![
        Just("AWS::S3::Bucket"),
        Just("AWS::Serverless::Function"),
        Just("AWS::Lambda::Function"),
        Just("AWS::IAM::Role"),
        Just("AWS::EC2::SecurityGroup"),
        Just("AWS::DynamoDB::Table"),
        Just("Custom::X"),
        Just("AWS::SQS::QueuePolicy"),
    ];
    let body = (kinds, value.clone(), proptest::option::of("(Retain|Delete|Snapshot)")).prop_map(
        |(kind, properties, policy)| json!({"Type": kind, "Properties": properties, "DeletionPolicy": policy}),
    );
    let bodies = proptest::collection::vec(body, 0..4);
    (bodies, value.clone(), value).prop_map(|(bodies, default, leaf)| {
        let resources: Map<String, Value> =
            bodies.into_iter().enumerate().map(|(n, body)| (format!("R{n}"), body)).collect();
        json!({
            "Parameters": {"P": {"Type": "String", "Default": default}},
            "Mappings": {"M": {"a": {"k": leaf}}},
            "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "a"]}},
            "Globals": {"Function": {"Timeout": 3}},
            "Resources": resources,
        })
    })
}

fn of(document: &Value) -> Template {
    template(&document.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_differs_from_itself(document in any_template()) {
        let found = diff(&of(&document), &of(&document));
        prop_assert_eq!(found, TemplateDiff { unchanged: true, changes: vec![], sections: vec![], findings: vec![] });
    }

    #[test]
    fn a_bad_thing_is_found_in_any_template(document in any_template(), which in 0..BAD.len(), name in "[A-Z][a-z]{1,6}") {
        let (rule, kind, properties) = BAD[which];
        let properties = properties.replace("!Select [0,", "!Select [1,");
        let bad = template(&format!("{SURROUNDINGS}{}", resource(kind, &properties)));
        let mut old = document;
        for section in ["Parameters", "Mappings", "Conditions"] {
            for (member, body) in bad.sections()[section].as_object().unwrap() {
                old[section][member] = body.clone();
            }
        }
        let mut new = old.clone();
        new["Resources"][&name] = bad.member("Resources", "X").unwrap().clone();
        let found = diff(&of(&old), &of(&new));
        prop_assert!(found.findings.iter().any(|f| f.rule == rule && f.logical_id.as_deref() == Some(&name)), "{:?}", found.findings);
        prop_assert!(!found.unchanged);
    }

    #[test]
    fn what_differs_is_listed(old in any_template(), new in any_template()) {
        let found = diff(&of(&old), &of(&new));
        prop_assert_eq!(found.unchanged, old == new);
        prop_assert_eq!(found.unchanged, found.changes.is_empty() && found.sections.is_empty());
        let back = diff(&of(&new), &of(&old));
        prop_assert_eq!(found.changes.len(), back.changes.len());
    }

    #[test]
    fn no_text_panics(old in "\\PC{0,60}", new in "(Principal|AuthType|: |\\*|NONE|\n|0.0.0.0/0|- |\"|\\{|\\}|,|Password){0,20}") {
        let none = StackParameters::default();
        let _ = diff_texts((&old, &none), (&new, &none));
        let _ = diff_texts((&new, &none), (&old, &none));
    }
}
