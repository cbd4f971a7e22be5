//! Tables and properties of the comparison.

use super::*;
use crate::analysis::template::Template;
use crate::domain::backend::parameters::StackParameters;
use serde_json::json;
use std::collections::BTreeSet;

const NONE: &str = "AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n";

/// Compares two templates with their parameters' defaults.
pub(super) fn diff(old: &Template, new: &Template) -> TemplateDiff {
    let none = StackParameters::default();
    diff_deployed(Deployed { template: old, parameters: &none }, Deployed { template: new, parameters: &none })
}

pub(super) fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(super) fn rules(old: &str, new: &str) -> Vec<Rule> {
    let found = diff(&template(old), &template(new));
    let rules: BTreeSet<Rule> = found.findings.iter().map(|finding| finding.rule).collect();
    rules.into_iter().collect()
}

/// A template with these resources, indented by two spaces.
pub(super) fn resources(yaml: &str) -> String {
    let lines: Vec<String> = yaml.trim_matches('\n').lines().map(|line| format!("  {line}")).collect();
    format!("Resources:\n  Keep: {{Type: AWS::SQS::Queue}}\n{}\n", lines.join("\n"))
}

/// A resource of a type with properties in the flow style.
pub(super) fn resource(kind: &str, properties: &str) -> String {
    resources(&format!("X:\n  Type: {kind}\n  Properties: {properties}\n"))
}

#[test]
fn harmless_changes_have_no_findings() {
    let function = "F:\n  Type: AWS::Serverless::Function\n  Properties: {CodeUri: ./a, Role: r, Timeout: 3, Environment: {Variables: {STAGE: dev}}}\n";
    for (old, new) in [
        (resources(function), resources(&function.replace("./a", "./b").replace("Timeout: 3", "Timeout: 9"))),
        (
            resources(function),
            resources(&function.replace("STAGE: dev", "STAGE: prod, TOKEN_URL: 'https://x/', SECRET_NAME: db")),
        ),
        (resources(""), resource("AWS::SQS::Queue", "{VisibilityTimeout: 3}")),
        (resource("AWS::SQS::Queue", "{}"), resources("")),
        (resources(""), resource("AWS::Logs::LogGroup", "{RetentionInDays: 3}")),
        (
            resources(""),
            resource(
                "AWS::EC2::SecurityGroup",
                "{SecurityGroupEgress: [{CidrIp: 0.0.0.0/0}], SecurityGroupIngress: [{CidrIp: 10.0.0.0/8}]}",
            ),
        ),
        (
            resources("Vpc: {Type: AWS::EC2::VPC}"),
            resources("Vpc: {Type: AWS::EC2::VPC}")
                + &resource(
                    "AWS::EC2::SecurityGroup",
                    "{SecurityGroupIngress: [{CidrIp: !GetAtt Vpc.CidrBlock}, {SourceSecurityGroupId: !Ref Keep}]}",
                )
                .replace("Resources:\n  Keep: {Type: AWS::SQS::Queue}\n", ""),
        ),
        (resources(""), resource("AWS::EC2::SecurityGroupEgress", "{CidrIpv6: '::/0'}")),
        (resources(""), resource("AWS::EC2::Route", "{DestinationCidrBlock: 0.0.0.0/0}")),
        (resources(""), resource("AWS::EC2::NetworkAclEntry", "{Egress: true, CidrBlock: 0.0.0.0/0}")),
        (resources(""), resource("AWS::S3::Bucket", "{}")),
        (
            resources(""),
            resource(
                "AWS::S3::Bucket",
                "{PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: 'true', RestrictPublicBuckets: yes}}",
            ),
        ),
        (resources(""), resource("AWS::DynamoDB::Table", "{TableName: t, SSESpecification: {SSEEnabled: true}}")),
        (resources(""), resource("AWS::ElasticLoadBalancingV2::LoadBalancer", "{Scheme: internal}")),
        (resources(""), resource("AWS::EC2::Subnet", "{MapPublicIpOnLaunch: false}")),
        (
            resources(""),
            resource(
                "AWS::Lambda::Function",
                "{Environment: {Variables: {DB_PASSWORD: '{{resolve:secretsmanager:db}}', API_KEY: !Ref Keep, X_TOKEN: !Sub '${Keep}'}}}",
            ),
        ),
        (
            resources(""),
            resource("AWS::EC2::LaunchTemplate", "{LaunchTemplateData: {MetadataOptions: {HttpTokens: required}}}"),
        ),
        (
            resources(""),
            resource(
                "AWS::Cognito::UserPoolClient",
                "{GenerateSecret: true, IdTokenValidity: 5, EnableTokenRevocation: true}",
            ),
        ),
        (resources("") + "Outputs: {A: {Value: !Ref Keep}}", resources("") + "Outputs: {B: {Value: !GetAtt Keep.Arn}}"),
        (
            resources("") + "Parameters: {P: {Type: String, Default: a}}",
            resources("") + "Parameters: {P: {Type: String, Default: b}}",
        ),
        (
            resource("AWS::DynamoDB::Table", "{}"),
            resource("AWS::DynamoDB::Table", "{}").replace("Properties", "DeletionPolicy: Retain\n    Properties"),
        ),
        (
            resource("AWS::RDS::DBInstance", "{}").replace("Properties", "DeletionPolicy: Snapshot\n    Properties"),
            resource("AWS::RDS::DBInstance", "{}").replace("Properties", "DeletionPolicy: Retain\n    Properties"),
        ),
    ] {
        let found = diff(&template(&old), &template(&new));
        assert_eq!(found.findings, [], "{old}\n{new}");
        assert!(!found.unchanged);
    }
}

#[test]
fn what_keeps_data_must_not_go() {
    for (rule, kind, before, after) in [
        (Rule::RetainRemoved, "AWS::S3::Bucket", "DeletionPolicy: Retain", ""),
        (Rule::RetainRemoved, "AWS::S3::Bucket", "DeletionPolicy: Retain", "DeletionPolicy: Delete"),
        (Rule::RetainRemoved, "AWS::S3::Bucket", "DeletionPolicy: Retain", "DeletionPolicy: RetainExceptOnCreate"),
        (Rule::RetainRemoved, "AWS::SQS::Queue", "UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Snapshot"),
        (Rule::RetainRemoved, "AWS::RDS::DBInstance", "", "DeletionPolicy: Delete"),
        (
            Rule::RetainRemoved,
            "AWS::RDS::DBInstance",
            "DeletionPolicy: Retain",
            "DeletionPolicy: !If [C, Retain, Delete]",
        ),
        (
            Rule::RetainRemoved,
            "AWS::DynamoDB::Table",
            "Properties: {DeletionProtectionEnabled: true}",
            "Properties: {DeletionProtectionEnabled: false}",
        ),
        (Rule::NameRemoved, "AWS::S3::Bucket", "Properties: {BucketName: a}", ""),
        (Rule::NameRemoved, "AWS::S3::Bucket", "Properties: {BucketName: a}", "Properties: {BucketName: b}"),
        (Rule::NameRemoved, "AWS::S3::Bucket", "", "Properties: {BucketName: b}"),
        (Rule::NameRemoved, "AWS::DynamoDB::Table", "Properties: {TableName: a}", "Properties: {TableName: b}"),
        (Rule::StatefulRemoved, "AWS::S3::Bucket", "", "Condition: C"),
        (Rule::Kms, "AWS::S3::Bucket", "Properties: {BucketEncryption: {A: b}}", ""),
        (
            Rule::PublicBucket,
            "AWS::S3::Bucket",
            "Properties: {PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}}",
            "Properties: {}",
        ),
        (
            Rule::PublicBucket,
            "AWS::S3::Bucket",
            "Properties: {PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}}",
            "Properties: {PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: 'False'}}",
        ),
        (
            Rule::Authorization,
            "AWS::ApiGateway::Method",
            "Properties: {AuthorizationType: AWS_IAM}",
            "Properties: {AuthorizationType: NONE}",
        ),
        (Rule::Iam, "AWS::Lambda::Function", "Properties: {Role: a}", "Properties: {Role: b}"),
        (
            Rule::Iam,
            "AWS::Serverless::Function",
            "Properties: {Role: a, PermissionsBoundary: b}",
            "Properties: {Role: a}",
        ),
        (Rule::Iam, "AWS::Serverless::Function", "Properties: {}", "Properties: {Tracing: Active}"),
        (Rule::ResourcePolicy, "AWS::Serverless::Function", "Properties: {}", "Properties: {Events: {A: {Type: Api}}}"),
    ] {
        let stack =
            |line: &str| resources(&format!("X:\n  Type: {kind}\n  {line}\n")) + "Conditions: {C: !Equals [a, b]}\n";
        let found = rules(&stack(before), &stack(after));
        assert_eq!(found, [rule], "{kind}: {before} -> {after}");
    }
}

#[test]
fn removed_resources() {
    for (kind, expected) in [
        ("AWS::DynamoDB::Table", vec![Rule::StatefulRemoved]),
        ("AWS::S3::Bucket", vec![Rule::StatefulRemoved]),
        ("AWS::RDS::DBInstance", vec![Rule::StatefulRemoved]),
        ("AWS::Serverless::SimpleTable", vec![Rule::StatefulRemoved]),
        ("AWS::KMS::Key", vec![Rule::Kms, Rule::StatefulRemoved]),
        ("AWS::IAM::Role", vec![Rule::Iam]),
        ("AWS::CloudFormation::Stack", vec![Rule::NestedStack]),
        ("Custom::Thing", vec![Rule::NotUnderstood]),
        ("AWS::SNS::Topic", vec![]),
    ] {
        assert_eq!(rules(&resource(kind, "{}"), &resources("")), expected, "{kind}");
        // The same name for something else is a removal, too.
        assert_eq!(rules(&resource(kind, "{}"), &resource("AWS::SQS::Queue", "{}")), expected, "{kind}");
    }
    let renamed = diff(
        &template(&resource("AWS::S3::Bucket", "{}")),
        &template(&resource("AWS::S3::Bucket", "{}").replace("X:", "Z:")),
    );
    assert_eq!(renamed.findings.len(), 1);
    assert_eq!(renamed.findings[0].sentence, "The data store 'X' is removed.");
}

#[test]
fn sections_reach_into_resources() {
    let role = "Role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyDocument: {Resource: !Ref Bucket}}]}}";
    let stack = |extra: &str, role: &str| format!("{extra}\n{}", resources(role));
    let globals = |auth: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31\nGlobals: {{Function: {{Timeout: 3{auth}}}}}\n{}",
            resource("AWS::Serverless::Function", "{Role: r, Handler: h}")
        )
    };
    let conditional = |expression: &str| {
        stack(
            &format!("Conditions:\n  A: {expression}\n  B: !Not [{{Condition: A}}]"),
            "Url:\n  Type: AWS::SQS::QueuePolicy\n  Condition: B\n  Properties: {PolicyDocument: {Statement: [{Effect: Allow, Principal: '*'}]}}",
        )
    };
    let table = |expression: &str| {
        stack(&format!("Conditions: {{A: {expression}}}"), "T: {Type: AWS::DynamoDB::Table, Condition: A}")
    };
    for (what, old, new, expected) in [
        (
            "the default of a parameter that a role uses",
            stack("Parameters: {Bucket: {Type: String, Default: a}}", role),
            stack("Parameters: {Bucket: {Type: String, Default: '*'}}", role),
            vec![Rule::Iam],
        ),
        (
            "a mapping that a role uses",
            stack("Mappings: {M: {a: {b: x}}}", &role.replace("!Ref Bucket", "!FindInMap [M, a, b]")),
            stack("Mappings: {M: {a: {b: '*'}}}", &role.replace("!Ref Bucket", "!FindInMap [M, a, b]")),
            vec![Rule::Iam],
        ),
        (
            "a mapping that a text in a role uses",
            stack(
                "Mappings: {M: {a: {b: x, c: y}}}",
                &role.replace("!Ref Bucket", "!Sub ['${V}', {V: !FindInMap [M, a, !Ref 'AWS::Region']}]"),
            ),
            stack(
                "Mappings: {M: {a: {b: z, c: y}}}",
                &role.replace("!Ref Bucket", "!Sub ['${V}', {V: !FindInMap [M, a, !Ref 'AWS::Region']}]"),
            ),
            vec![Rule::Iam],
        ),
        (
            "globals that open a URL",
            globals(""),
            globals(", FunctionUrlConfig: {AuthType: NONE}"),
            vec![Rule::OpenFunctionUrl],
        ),
        ("globals that only wait longer", globals(""), globals(", MemorySize: 512"), vec![]),
        (
            "globals with a secret",
            globals(""),
            globals(", Environment: {Variables: {TOKEN: x}}"),
            vec![Rule::LiteralSecret],
        ),
        ("globals for nobody", globals(""), globals("").replace("Function: {T", "Foo: {T"), vec![Rule::NotUnderstood]),
        (
            "a condition that lets a wildcard live",
            conditional("!Equals [a, a]"),
            conditional("!Equals [a, b]"),
            vec![Rule::WildcardPrincipal, Rule::ResourcePolicy],
        ),
        (
            "a condition that ends a table",
            table("!Equals [a, a]"),
            table("!Equals [a, b]"),
            vec![Rule::StatefulRemoved],
        ),
        ("a transform", stack("", ""), stack("Transform: MyMacro", ""), vec![Rule::Macro]),
        (
            "a macro in a mapping",
            stack("", ""),
            stack("Mappings: {M: {'Fn::Transform': {Name: 'AWS::Include'}}}", ""),
            vec![Rule::Macro],
        ),
        (
            "hooks",
            stack("", ""),
            stack("Hooks: {A: {Type: AWS::CodeDeploy::BlueGreen}}", ""),
            vec![Rule::NotUnderstood],
        ),
        ("a section nobody knows", stack("", ""), stack("Extra: 1", ""), vec![Rule::NotUnderstood]),
        (
            "a loop",
            stack("", ""),
            stack("", "'Fn::ForEach::X': [A, [b], {'${A}': {Type: AWS::S3::Bucket}}]"),
            vec![Rule::NotUnderstood],
        ),
        (
            "a secret as a default",
            stack("Parameters: {DbPassword: {Type: String, Default: ''}}", ""),
            stack("Parameters: {DbPassword: {Type: String, Default: hunter2}}", ""),
            vec![Rule::LiteralSecret],
        ),
        (
            "a hidden default",
            stack("Parameters: {P: {Type: String, NoEcho: true}}", ""),
            stack("Parameters: {P: {Type: String, NoEcho: true, Default: hunter2}}", ""),
            vec![Rule::LiteralSecret],
        ),
        (
            "the place of a secret",
            stack("", ""),
            stack("Parameters: {DbPassword: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /db/password}}", ""),
            vec![],
        ),
        (
            "a secret in a mapping",
            stack("Mappings: {M: {prod: {apiKey: ''}}}", ""),
            stack("Mappings: {M: {prod: {apiKey: hunter2}}}", ""),
            vec![Rule::LiteralSecret],
        ),
        (
            "a key in the description",
            stack("", ""),
            stack("Description: uses AKIAIOSFODNN7EXAMPLE", ""),
            vec![Rule::LiteralSecret],
        ),
        (
            "a key in a condition",
            stack("", ""),
            stack("Conditions: {C: !Equals [!Ref 'AWS::Region', AKIAIOSFODNN7EXAMPLE]}", ""),
            vec![Rule::LiteralSecret],
        ),
        (
            "an unknown function",
            stack("", "Q: {Type: AWS::SQS::Queue}"),
            stack("", "Q: {Type: AWS::SQS::Queue, Properties: {A: !Magic b}}"),
            vec![Rule::NotUnderstood],
        ),
        (
            "a policy that changes in one word",
            resource("AWS::SQS::Queue", "{RedrivePolicy: {Statement: [{Effect: Allow, Action: a}]}}"),
            resource("AWS::SQS::Queue", "{RedrivePolicy: {Statement: [{Effect: Allow, Action: b}]}}"),
            vec![Rule::ResourcePolicy],
        ),
        (
            "an old wildcard whose action changes",
            resource(
                "AWS::SQS::QueuePolicy",
                "{PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: a}]}}",
            ),
            resource(
                "AWS::SQS::QueuePolicy",
                "{PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: b}]}}",
            ),
            vec![Rule::WildcardPrincipal, Rule::ResourcePolicy],
        ),
        (
            "an old open port in another place of the list",
            resource("AWS::EC2::SecurityGroup", "{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, FromPort: 443}]}"),
            resource(
                "AWS::EC2::SecurityGroup",
                "{SecurityGroupIngress: [{CidrIp: 10.0.0.0/8}, {CidrIp: 0.0.0.0/0, FromPort: 443}]}",
            ),
            vec![],
        ),
        (
            "an old open range with another port",
            resource("AWS::EC2::SecurityGroup", "{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, FromPort: 443}]}"),
            resource("AWS::EC2::SecurityGroup", "{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, FromPort: 22}]}"),
            vec![Rule::OpenIngress],
        ),
        (
            "a second open range like the first",
            resource("AWS::EC2::SecurityGroup", "{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0}]}"),
            resource("AWS::EC2::SecurityGroup", "{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0}, {CidrIp: 0.0.0.0/0}]}"),
            vec![Rule::OpenIngress],
        ),
        (
            "a denial of everybody",
            resource("AWS::SQS::Queue", "{}"),
            resource("AWS::SQS::Queue", "{P: {Statement: [{Effect: Deny, Principal: '*'}]}}"),
            vec![Rule::ResourcePolicy],
        ),
    ] {
        assert_eq!(rules(&old, &new), expected, "{what}");
    }
}

#[test]
fn parameters_of_the_project_count() {
    let text = "Parameters: {Range: {Type: String}, Hidden: {Type: String, NoEcho: true}}\n".to_owned()
        + &resource(
            "AWS::EC2::SecurityGroup",
            "{SecurityGroupIngress: [{CidrIp: !Ref Range}], GroupName: !Ref Hidden}",
        );
    let template = template(&text);
    let with = |old: &str, new: &str| {
        let (old, new) = (StackParameters::parse_text(old).unwrap(), StackParameters::parse_text(new).unwrap());
        diff_deployed(
            Deployed { template: &template, parameters: &old },
            Deployed { template: &template, parameters: &new },
        )
    };
    let opened = with("Range=10.0.0.0/8", "Range=0.0.0.0/0");
    assert_eq!(opened.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [Rule::OpenIngress]);
    assert_eq!(opened.changes[0].properties, ["Properties.SecurityGroupIngress[0].CidrIp"]);
    assert_eq!(opened.sections.len(), 1);
    let hidden = with("Range=10.0.0.0/8 Hidden=a", "Range=10.0.0.0/8 Hidden=b");
    assert!(!hidden.unchanged && hidden.findings.is_empty() && hidden.changes.is_empty());
    assert!(with("Range=0.0.0.0/0", "Range=0.0.0.0/0").unchanged);
    // Without a value nobody knows what the range will be, but it is as unknown as before.
    assert!(with("", "").findings.is_empty());
    assert_eq!(with("Range=10.0.0.0/8", "").findings[0].rule, Rule::NotUnderstood);
}

#[test]
fn changes_say_where() {
    let old = "Resources:\n  A: {Type: T::A, Properties: {X: {Y: 1, Z: [1, 2]}}}\n  B: {Type: T::B}\n  C: {Type: T::C}\nOutputs: {O: {Value: 1}, P: {Value: 1}}\nDescription: a";
    let new = "Resources:\n  A: {Type: T::A, Properties: {X: {Y: 2, Z: [1, 3]}}, DependsOn: D}\n  C: {Type: T::D}\n  D: {Type: T::D}\nOutputs: {O: {Value: 2}}\nDescription: b";
    let mut found = diff(&template(old), &template(new));
    found.findings.clear();
    let expected = json!({
        "unchanged": false,
        "changes": [
            {"logical_id": "A", "type": "T::A", "change": "changed", "properties": ["DependsOn", "Properties.X.Y", "Properties.X.Z[1]"]},
            {"logical_id": "B", "type": "T::B", "change": "removed"},
            {"logical_id": "C", "type": "T::D", "change": "changed", "properties": ["Type"]},
            {"logical_id": "D", "type": "T::D", "change": "added"},
        ],
        "sections": [
            {"section": "Description", "change": "changed"},
            {"section": "Outputs", "member": "O", "change": "changed"},
            {"section": "Outputs", "member": "P", "change": "removed"},
        ],
        "findings": [],
    });
    assert_eq!(json!(found), expected);
    assert_eq!(serde_json::from_value::<TemplateDiff>(expected).unwrap(), found);
}

#[test]
fn spelling_is_no_change() {
    let yaml =
        "# comment\nResources:\n  A:\n    Type: T::A\n    Properties: {X: !Sub '${B}', Y: !GetAtt B.C, Z: yes}\n";
    let json = r#"{"Resources": {"A": {"Properties": {"Z": true, "Y": {"Fn::GetAtt": ["B", "C"]}, "X": {"Fn::Sub": "${B}"}}, "Type": "T::A"}}}"#;
    let found = diff(&template(yaml), &template(json));
    assert_eq!(found, TemplateDiff { unchanged: true, changes: vec![], sections: vec![], findings: vec![] });
}

#[test]
fn texts_that_cannot_be_compared() {
    let none = StackParameters::default();
    let compared = |old: &str, new: &str| diff_texts((old, &none), (new, &none));
    let broken = compared(NONE, "Resources: {A: {Type: a, Type: b}}");
    assert_eq!(broken.findings[0].rule, Rule::NotUnderstood);
    assert!(!broken.unchanged);
    assert_eq!(compared("", NONE).findings[0].path, "old template");
    assert_eq!(compared(NONE, &format!("# 0.0.0.0/0\n{NONE}")).findings, []);
    assert!(compared(NONE, NONE).unchanged);
    let closed =
        "{BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}";
    let bucket = resource("AWS::S3::Bucket", &format!("{{PublicAccessBlockConfiguration: {closed}}}"));
    assert_eq!(compared(&resources(""), &bucket).findings, []);
}

#[test]
fn a_template_that_grows_without_end_is_a_finding() {
    let long = "x,".repeat(2000);
    let many: String =
        (0..300).map(|n| format!("  R{n}: {{Type: AWS::SQS::Queue, Properties: {{A: !Ref P}}}}\n")).collect();
    let text = format!("Parameters: {{P: {{Type: CommaDelimitedList, Default: '{long}'}}}}\nResources:\n{many}");
    assert_eq!(rules(&text, &text), [Rule::NotUnderstood]);
    let circle = "Conditions: {A: !Not [{Condition: B}], B: !Not [{Condition: A}]}\nResources: {}";
    assert_eq!(rules(circle, circle), [Rule::NotUnderstood]);
    let ranges = format!("[{}]", vec!["0.0.0.0/0"; 4_000].join(","));
    let urls: String =
        (0..300).map(|n| format!("U{n}: {{Type: AWS::Lambda::Url, Properties: {{AuthType: NONE}}}}\n")).collect();
    let many = diff(&template(NONE), &template(&resources(&urls))).findings;
    assert_eq!(many.len(), MAX_FINDINGS + 1);
    assert_eq!(many[MAX_FINDINGS].sentence, "400 further findings are not listed.");
    let nested = (0..30).fold(ranges, |inner, n| format!("{{Principal: '*', K{n}: {inner}}}"));
    let text = resource("AWS::SQS::Queue", &nested);
    let start = std::time::Instant::now();
    assert!(rules(NONE, &text).contains(&Rule::OpenIngress));
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn depth_needs_no_deep_stack() {
    let deep = |n: usize| format!("{}{{Condition: C{n}}}{}", "{'Fn::Not': [".repeat(20), "]}".repeat(20));
    let chain = |first: &str| {
        let others: String = (1..800).map(|n| format!("  C{n}: {}\n", deep(n - 1))).collect();
        let table = "A: {Type: AWS::DynamoDB::Table, Condition: C799}";
        format!("Conditions:\n  C0: !Equals [a, {first}]\n{others}Resources: {{{table}}}")
    };
    assert_eq!(rules(&chain("a"), &chain("a")), []);
    assert_eq!(rules(&chain("a"), &chain("b")), [Rule::StatefulRemoved]);
    // JSON in texts in JSON, each as deep as it may be.
    let wrap = |inner: String| format!("{}{}{}", "[".repeat(30), json!(inner), "]".repeat(30));
    let texts = (0..4).fold("{}".to_owned(), |inner, _| wrap(inner));
    let nested = (0..60).fold(json!(texts), |inner, _| json!([inner]));
    let text = json!({"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": nested}}}).to_string();
    assert_eq!(rules(&text, &text), []);
}
