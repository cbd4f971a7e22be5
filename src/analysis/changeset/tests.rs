use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A change set that is ready, with these resource changes.
fn change_set(changes: Value) -> ChangeSet {
    let changes: Vec<Value> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|change| json!({"Type": "Resource", "ResourceChange": change}))
        .collect();
    serde_json::from_value(json!({
        "ChangeSetId": "arn:root", "ChangeSetName": "deploy-1", "StackName": "Shop", "StackId": "arn:stack/Shop",
        "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "NextToken": null, "Changes": changes,
    }))
    .unwrap()
}

fn detail(attribute: &str, name: &str) -> Value {
    let name = if name.is_empty() { Value::Null } else { json!(name) };
    json!({"Target": {"Attribute": attribute, "Name": name, "RequiresRecreation": "Never"},
           "Evaluation": "Static", "ChangeSource": "DirectModification"})
}

fn modify(kind: &str, details: Value) -> Value {
    json!({"Action": "Modify", "LogicalResourceId": "Thing", "PhysicalResourceId": "thing-1", "ResourceType": kind,
           "Replacement": "False", "Scope": ["Properties"], "Details": details})
}

fn code() -> Value {
    modify("AWS::Lambda::Function", json!([detail("Properties", "Code")]))
}

fn action(action: &str, kind: &str) -> Value {
    json!({"Action": action, "LogicalResourceId": "Thing", "ResourceType": kind, "Scope": [], "Details": []})
}

fn with(mut change: Value, key: &str, value: Value) -> Value {
    change[key] = value;
    change
}

fn only(change: Value) -> AssessedChange {
    let assessment = assess(&change_set(json!([change])));
    assert_eq!(assessment.error, None);
    let expected = if assessment.changes[0].needs_human { ChangeClass::Infrastructure } else { ChangeClass::CodeOnly };
    assert_eq!(assessment.class, expected);
    assessment.changes.into_iter().next().unwrap()
}

#[test]
fn what_is_known_to_be_code_needs_nobody() {
    let caused = |name: &str, by: &str| {
        json!({"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"},
               "Evaluation": "Dynamic", "ChangeSource": "ResourceReference", "CausingEntity": by})
    };
    let mut cases = vec![
        code(),
        modify("AWS::Lambda::Function", json!([detail("Properties", "Code"), detail("Metadata", "")])),
        modify("AWS::Lambda::Function", json!([detail("Properties", "Description")])),
        modify("AWS::Lambda::Alias", json!([caused("FunctionVersion", "Version2.Version")])),
        action("Remove", "AWS::Lambda::Permission"),
        action("Add", "AWS::Logs::LogGroup"),
    ];
    for kind in ["AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::Lambda::LayerVersion"] {
        cases.extend([action("Add", kind), action("Remove", kind)]);
    }
    for case in cases {
        let judged = only(case.clone());
        assert!(!judged.needs_human && judged.risk == Risk::Low, "{case} is code: {judged:?}");
    }
    assert_eq!(assess(&change_set(json!([]))).class, ChangeClass::CodeOnly);
}

#[test]
fn what_is_not_known_to_be_code_goes_to_a_human() {
    let code_and = |more: Value| modify("AWS::Lambda::Function", json!([detail("Properties", "Code"), more]));
    let mut recreates = detail("Properties", "Code");
    recreates["Target"]["RequiresRecreation"] = json!("Always");
    let no_details = modify("AWS::Lambda::Function", json!([]));
    let mut cases = vec![
        (code_and(detail("Properties", "Timeout")), Risk::Review),
        (code_and(detail("Properties", "Environment")), Risk::Review),
        (code_and(detail("Tags", "")), Risk::Review),
        (code_and(detail("UpdatePolicy", "")), Risk::Review),
        (code_and(json!({"Evaluation": "Static"})), Risk::Review),
        (code_and(json!({"Target": null})), Risk::Review),
        (no_details, Risk::Review),
        (with(code(), "Scope", json!(["Properties", "DeletionPolicy"])), Risk::Review),
        (with(code(), "Scope", json!(["Properties", "Unheard"])), Risk::Review),
        (with(code(), "Replacement", json!("True")), Risk::Review),
        (with(code(), "Replacement", json!("Conditional")), Risk::Review),
        (with(code(), "Replacement", json!("Perhaps")), Risk::Review),
        (with(code(), "Replacement", Value::Null), Risk::Review),
        (with(code(), "Details", json!([recreates])), Risk::Review),
        (with(code(), "PolicyAction", json!("ReplaceAndDelete")), Risk::Review),
        (with(code(), "Action", json!("Dynamic")), Risk::Review),
        (with(code(), "Action", json!("SyncWithActual")), Risk::Review),
        (with(code(), "Action", json!("Import")), Risk::Review),
        (with(code(), "Action", json!("Unheard")), Risk::Review),
        (with(code(), "Action", Value::Null), Risk::Review),
        (with(code(), "ResourceType", Value::Null), Risk::Review),
        (action("Dynamic", "AWS::Lambda::Version"), Risk::Review),
        (action("Import", "AWS::Lambda::Alias"), Risk::Review),
        (action("Add", "AWS::Lambda::Function"), Risk::Review),
        (action("Remove", "AWS::Lambda::Function"), Risk::Review),
        (action("Add", "AWS::Lambda::Permission"), Risk::Review),
        (action("Add", "AWS::Lambda::Url"), Risk::Review),
        (action("Add", "AWS::ApiGateway::Deployment"), Risk::Review),
        (modify("AWS::ApiGateway::Stage", json!([detail("Properties", "Variables")])), Risk::Review),
        (modify("AWS::Logs::LogGroup", json!([detail("Properties", "RetentionInDays")])), Risk::Review),
        (action("Remove", "AWS::Logs::LogGroup"), Risk::High),
        (action("Add", "AWS::New::Thing"), Risk::Review),
        (action("Add", "Acme::Own::Thing"), Risk::Review),
        (action("Remove", "AWS::SNS::Topic"), Risk::Review),
    ];
    for kind in [
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::KMS::Key",
        "AWS::KMS::Alias",
        "AWS::S3::BucketPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupIngress",
        "Custom::Anything",
        "AWS::CloudFormation::CustomResource",
    ] {
        cases.push((action("Add", kind), Risk::Review));
        cases.push((modify(kind, json!([detail("Properties", "Code")])), Risk::Review));
    }
    for kind in [
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::RDS::DBInstance",
        "AWS::RDS::DBCluster",
        "AWS::EFS::FileSystem",
        "AWS::KMS::Key",
        "AWS::Cognito::UserPool",
        "AWS::SecretsManager::Secret",
    ] {
        cases.push((action("Remove", kind), Risk::High));
        cases.push((with(action("Remove", kind), "PolicyAction", json!("Retain")), Risk::High));
        let changed = modify(kind, json!([detail("Properties", "Name")]));
        cases.push((changed.clone(), Risk::Review));
        cases.push((with(changed.clone(), "Replacement", json!("True")), Risk::High));
        cases.push((with(changed, "Replacement", json!("Conditional")), Risk::High));
    }
    for (case, risk) in cases {
        let judged = only(case.clone());
        assert!(judged.needs_human, "{case} needs a human: {judged:?}");
        assert_eq!(judged.risk, risk, "{case}: {judged:?}");
        assert!(judged.why.ends_with('.') && judged.why.starts_with(char::is_uppercase), "{}", judged.why);
    }
}

#[test]
fn a_change_without_a_resource_or_of_another_kind_needs_a_human() {
    for kind in [json!({"Type": "Hook"}), json!({"Type": "Unheard", "ResourceChange": code()}), json!({})] {
        let mut set = change_set(json!([]));
        set.changes = vec![serde_json::from_value(kind).unwrap()];
        let assessment = assess(&set);
        assert_eq!(assessment.class, ChangeClass::Infrastructure);
        assert!(assessment.changes[0].needs_human);
    }
}

#[test]
fn stages_follow_from_code_only() {
    let follows = |name: &str, from: &str| {
        json!({"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"},
               "Evaluation": "Dynamic", "ChangeSource": "ResourceReference", "CausingEntity": from})
    };
    let set = |function: Value| {
        change_set(json!([
            with(
                modify("AWS::ApiGateway::Stage", json!([follows("DeploymentId", "Deployment")])),
                "LogicalResourceId",
                json!("Stage")
            ),
            with(
                modify("AWS::ApiGateway::Deployment", json!([follows("Description", "Function.Arn")])),
                "LogicalResourceId",
                json!("Deployment")
            ),
            with(function, "LogicalResourceId", json!("Function")),
        ]))
    };
    assert_eq!(assess(&set(code())).class, ChangeClass::CodeOnly);
    let other = modify("AWS::Lambda::Function", json!([detail("Properties", "Role")]));
    let assessment = assess(&set(other));
    assert!(assessment.changes.iter().all(|change| change.needs_human), "{:?}", assessment.changes);
}

#[test]
fn contexts_raise_the_risk_but_are_not_needed() {
    let policy = |actions: Value, resource: &str| {
        json!({"Properties": {"PolicyDocument": {"Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": resource}]}}})
        .to_string()
    };
    let role = |before: Option<String>, after: Option<String>| {
        let change = modify("AWS::IAM::Policy", json!([detail("Properties", "PolicyDocument")]));
        with(with(change, "BeforeContext", json!(before)), "AfterContext", json!(after))
    };
    let narrow = || Some(policy(json!(["s3:GetObject"]), "arn:aws:s3:::files/*"));
    let wide = || Some(policy(json!("s3:*"), "*"));
    assert_eq!(only(role(None, None)).risk, Risk::Review);
    assert_eq!(only(role(narrow(), narrow())).risk, Risk::Review);
    assert_eq!(only(role(wide(), wide())).risk, Risk::Review, "it was as wide before");
    assert_eq!(only(role(wide(), narrow())).risk, Risk::Review, "it narrows");
    assert_eq!(only(role(narrow(), wide())).risk, Risk::High);
    assert_eq!(only(role(None, wide())).risk, Risk::High);
    assert_eq!(only(role(Some("not JSON".into()), Some("not JSON".into()))).risk, Risk::Review);
}

#[test]
fn what_opens_to_the_public_is_high() {
    let cases = [
        ("AWS::Lambda::Permission", json!({"Principal": "*", "Action": "lambda:InvokeFunction"})),
        ("AWS::Lambda::Url", json!({"AuthType": "NONE"})),
        (
            "AWS::S3::BucketPolicy",
            json!({"PolicyDocument": {"Statement": {"Effect": "Allow", "Principal": {"AWS": ["*"]}}}}),
        ),
        ("AWS::EC2::SecurityGroup", json!({"SecurityGroupIngress": [{"CidrIp": "0.0.0.0/0", "FromPort": 22}]})),
        ("AWS::EC2::SecurityGroupIngress", json!({"CidrIpv6": "::/0"})),
        ("AWS::S3::Bucket", json!({"PublicAccessBlockConfiguration": {"BlockPublicPolicy": "false"}})),
        ("AWS::S3::Bucket", json!({"AccessControl": "PublicRead"})),
        ("AWS::RDS::DBInstance", json!({"PubliclyAccessible": true})),
        ("AWS::EC2::Subnet", json!({"MapPublicIpOnLaunch": "true"})),
        ("AWS::IAM::Role", json!({"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]})),
        ("AWS::IAM::Role", json!({"AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": "*"}]}})),
    ];
    for (kind, properties) in cases {
        let after = json!({"Properties": properties}).to_string();
        let judged = only(with(action("Add", kind), "AfterContext", json!(after)));
        assert!(judged.needs_human && judged.risk == Risk::High, "{kind}: {judged:?}");
    }
    let closed = [
        ("AWS::EC2::SecurityGroup", json!({"SecurityGroupEgress": [{"CidrIp": "0.0.0.0/0"}]})),
        (
            "AWS::IAM::Policy",
            json!({"PolicyDocument": {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}}),
        ),
        (
            "AWS::KMS::Key",
            json!({"KeyPolicy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "kms:*", "Resource": "*"}]}}),
        ),
    ];
    for (kind, properties) in closed {
        let after = json!({"Properties": properties}).to_string();
        assert_eq!(only(with(action("Add", kind), "AfterContext", json!(after))).risk, Risk::Review, "{kind}");
    }
}

#[test]
fn details_alone_tell_of_exposure_too() {
    let mut changed = detail("Properties", "PolicyDocument");
    changed["Target"]["Path"] = json!("/Properties/PolicyDocument/Statement/0/Action/1");
    changed["Target"]["BeforeValue"] = json!("s3:GetObject");
    changed["Target"]["AfterValue"] = json!("s3:*");
    assert_eq!(only(modify("AWS::IAM::Policy", json!([changed]))).risk, Risk::High);
    let mut opened = detail("Properties", "PubliclyAccessible");
    opened["Target"]["AfterValue"] = json!("true");
    assert_eq!(only(modify("AWS::RDS::DBInstance", json!([opened]))).risk, Risk::High);
}

#[test]
fn a_bucket_that_loses_its_block_is_high() {
    let change = modify("AWS::S3::Bucket", json!([detail("Properties", "PublicAccessBlockConfiguration")]));
    let before = json!({"Properties": {"PublicAccessBlockConfiguration": {"BlockPublicAcls": true}}}).to_string();
    let after = json!({"Properties": {}}).to_string();
    assert_eq!(only(with(with(change, "BeforeContext", json!(before)), "AfterContext", json!(after))).risk, Risk::High);
}

#[test]
fn only_our_own_tags_need_nobody_when_the_contexts_prove_it() {
    let tags = |commit: &str, team: &str| {
        json!({"Properties": {"Name": "a", "Tags": [
            {"Key": "bouncer:commit", "Value": commit}, {"Key": "team", "Value": team}]}})
        .to_string()
    };
    let change = |before: String, after: String| {
        let change = with(modify("AWS::SNS::Topic", json!([detail("Tags", "")])), "Scope", json!(["Tags"]));
        with(with(change, "BeforeContext", json!(before)), "AfterContext", json!(after))
    };
    assert!(!only(change(tags("1", "shop"), tags("2", "shop"))).needs_human);
    assert!(only(change(tags("1", "shop"), tags("2", "bank"))).needs_human);
    assert!(only(change(tags("1", "shop"), tags("1", "shop"))).needs_human, "nothing proves what changes");
    assert!(only(modify("AWS::SNS::Topic", json!([detail("Tags", "")]))).needs_human);
}

fn nested_stack(change_set_id: Value) -> Value {
    let change = modify("AWS::CloudFormation::Stack", json!([detail("Properties", "TemplateURL")]));
    with(with(change, "PhysicalResourceId", json!("arn:stack/Shop-Child")), "ChangeSetId", change_set_id)
}

fn child(change: Value) -> ChangeSet {
    let mut child = change_set(json!([change]));
    child.change_set_id = Some("arn:child".into());
    child.stack_id = Some("arn:stack/Shop-Child".into());
    child.stack_name = Some("Shop-Child".into());
    child.execution_status = Some("UNAVAILABLE".into());
    child
}

#[test]
fn a_nested_stack_is_what_its_own_change_set_is() {
    let mut set = change_set(json!([nested_stack(json!("arn:child"))]));
    set.nested = vec![child(code())];
    let assessment = assess(&set);
    assert_eq!(assessment.class, ChangeClass::CodeOnly, "{assessment:?}");
    assert_eq!(assessment.changes.len(), 2);
    assert_eq!(resource_count(&set), 2);

    set.nested = vec![child(action("Remove", "AWS::DynamoDB::Table"))];
    let assessment = assess(&set);
    assert_eq!(assessment.class, ChangeClass::Infrastructure);
    assert_eq!(assessment.changes[0].stack, "Shop-Child", "the removal comes first");
    assert!(assessment.changes.iter().all(|change| change.needs_human));
}

#[test]
fn a_nested_change_set_that_is_missing_or_wrong_needs_a_human() {
    let named = || change_set(json!([nested_stack(json!("arn:child"))]));
    let with_child = |child: ChangeSet| ChangeSet { nested: vec![child], ..named() };
    let cases = [
        change_set(json!([nested_stack(Value::Null)])),
        named(),
        with_child(ChangeSet { change_set_id: Some("arn:other".into()), ..child(code()) }),
        with_child(ChangeSet { stack_id: Some("arn:stack/Else".into()), ..child(code()) }),
        with_child(ChangeSet { next_token: Some("more".into()), ..child(code()) }),
        with_child(ChangeSet { status: Some("FAILED".into()), ..child(code()) }),
        with_child(ChangeSet { status: Some("CREATE_PENDING".into()), ..child(code()) }),
        change_set(json!([with(nested_stack(json!("arn:child")), "Action", json!("Add"))])),
        change_set(json!([with(nested_stack(json!("arn:child")), "Action", json!("Remove"))])),
        with_child(child(nested_stack(json!("arn:child")))),
    ];
    for set in cases {
        let assessment = assess(&set);
        assert_eq!(assessment.class, ChangeClass::Infrastructure, "{set:?}");
        assert!(assessment.changes.iter().any(|change| change.needs_human && change.resource_type.ends_with("Stack")));
    }
}

#[test]
fn what_failed_or_was_not_read_to_its_end_is_infrastructure_with_the_error() {
    let ready = || change_set(json!([code()]));
    let reason = "Transform AWS::Include failed with: S3 bucket [x] does not exist.";
    let failed = ChangeSet { status: Some("FAILED".into()), status_reason: Some(reason.into()), ..ready() };
    let cases = [
        (failed, reason),
        (ChangeSet { next_token: Some("page 2".into()), ..ready() }, "not read completely"),
        (ChangeSet { status: Some("CREATE_IN_PROGRESS".into()), ..ready() }, "CREATE_IN_PROGRESS"),
        (ChangeSet { status: Some("DELETE_COMPLETE".into()), ..ready() }, "DELETE_COMPLETE"),
    ];
    for (set, words) in cases {
        let assessment = assess(&set);
        assert_eq!(assessment.class, ChangeClass::Infrastructure);
        assert!(assessment.error.as_deref().is_some_and(|error| error.contains(words)), "{assessment:?}");
        assert_eq!(assessment.changes.len(), 1, "it is shown all the same");
    }
}

#[test]
fn no_changes_is_not_a_failure() {
    let says = |reason: &str| ChangeSet {
        status: Some("FAILED".into()),
        status_reason: Some(reason.into()),
        ..change_set(json!([]))
    };
    for reason in [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "The submitted information didn\u{2019}t contain changes.",
        "No updates are to be performed.",
    ] {
        assert!(says(reason).says_no_changes());
        assert_eq!(assess(&says(reason)).class, ChangeClass::CodeOnly);
        assert_eq!(assess(&says(reason)).error, None);
    }
    assert!(!says("Transform failed").says_no_changes());
    assert!(
        !ChangeSet { changes: vec![Change::default()], ..says("No updates are to be performed.") }.says_no_changes()
    );
    assert!(
        !ChangeSet { status: Some("CREATE_COMPLETE".into()), ..says("No updates are to be performed.") }
            .says_no_changes()
    );
}

#[test]
fn replacements_and_removals_come_first_and_one_property_counts_once() {
    let named = |change: Value, name: &str| with(change, "LogicalResourceId", json!(name));
    let assessment = assess(&change_set(json!([
        named(code(), "Code"),
        named(action("Add", "AWS::SNS::Topic"), "Topic"),
        named(
            with(
                action("Add", "AWS::IAM::Role"),
                "AfterContext",
                json!("{\"Properties\":{\"ManagedPolicyArns\":[\"x/AdministratorAccess\"]}}")
            ),
            "Role"
        ),
        named(action("Remove", "AWS::SNS::Topic"), "Gone"),
        named(action("Remove", "AWS::Lambda::Version"), "OldVersion"),
        named(
            with(
                modify(
                    "AWS::DynamoDB::Table",
                    json!([detail("Properties", "KeySchema"), detail("Properties", "KeySchema")])
                ),
                "Replacement",
                json!("True")
            ),
            "Table"
        ),
    ])));
    let order: Vec<_> = assessment.changes.iter().map(|change| change.logical_id.as_str()).collect();
    assert_eq!(order, ["Table", "Gone", "Role", "Topic", "OldVersion", "Code"]);
    assert_eq!(assessment.changes[0].properties, ["KeySchema"]);
    assert_eq!(assessment.counts(), ChangeCounts { added: 2, modified: 1, replaced: 1, removed: 2, other: 0 });
    assert_eq!(assessment.counts().to_string(), "1 to replace, 2 to remove, 1 to change, 2 to add");
    assert_eq!(ChangeCounts::default().to_string(), "no changes");
    assert_eq!(assessment.risk(), Risk::High);
}

#[test]
fn the_shapes_survive_a_round_trip() {
    let mut set = change_set(json!([nested_stack(json!("arn:child"))]));
    set.nested = vec![child(code())];
    let text = serde_json::to_string(&set).unwrap();
    assert_eq!(serde_json::from_str::<ChangeSet>(&text).unwrap(), set);
    let empty: ChangeSet = serde_json::from_value(json!({"Changes": null, "Tags": null, "Unheard": 1})).unwrap();
    assert_eq!(empty, ChangeSet::default());
}

fn any_word(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => proptest::sample::select(words).prop_map(|word| json!(word)),
        1 => Just(Value::Null),
        1 => "[A-Z][a-z]{1,8}".prop_map(Value::from),
    ]
}

fn any_change() -> impl Strategy<Value = Value> {
    let kind = any_word(&[
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Lambda::Permission",
        "AWS::ApiGateway::Stage",
        "AWS::Logs::LogGroup",
        "AWS::IAM::Role",
        "AWS::DynamoDB::Table",
        "AWS::CloudFormation::Stack",
    ]);
    let detail = (
        any_word(&["Properties", "Metadata", "Tags", "DeletionPolicy"]),
        any_word(&["Code", "Timeout", "CodeSha256"]),
        any_word(&["Never", "Always", "Conditionally"]),
    )
        .prop_map(|(attribute, name, when)| {
            json!({"Target": {"Attribute": attribute, "Name": name, "RequiresRecreation": when}})
        });
    (
        any_word(&["Add", "Modify", "Remove", "Import", "Dynamic"]),
        kind,
        any_word(&["False", "True", "Conditional"]),
        proptest::collection::vec(detail, 0..3),
        "[A-D]",
    )
        .prop_map(|(action, kind, replacement, details, name)| {
            json!({"Action": action, "ResourceType": kind, "Replacement": replacement, "Details": details,
                   "LogicalResourceId": name})
        })
}

/// The rules said once more, as a list of what may pass.
fn may_pass(change: &AssessedChange) -> bool {
    let kind = change.resource_type.as_str();
    let code = |name: &String| matches!(name.as_str(), "Code" | "CodeSha256" | "Timeout" | "Metadata");
    change.replacement == Replacement::None
        && match change.action.as_str() {
            "Modify" if kind == "AWS::Lambda::Function" => change.properties.iter().all(code),
            "Modify" => kind.starts_with("AWS::Lambda::") || kind.starts_with("AWS::ApiGateway::"),
            "Add" => kind == "AWS::Lambda::Version" || kind == "AWS::Logs::LogGroup",
            "Remove" => kind == "AWS::Lambda::Version" || kind == "AWS::Lambda::Permission",
            _ => false,
        }
}

proptest! {
    #[test]
    fn nothing_passes_that_is_not_on_the_list(changes in proptest::collection::vec(any_change(), 0..6)) {
        let assessment = assess(&change_set(Value::Array(changes.clone())));
        prop_assert_eq!(assessment.changes.len(), changes.len());
        for change in &assessment.changes {
            prop_assert!(change.needs_human || may_pass(change), "{:?}", change);
            prop_assert_eq!(change.needs_human, change.risk > Risk::Low);
        }
        let humans = assessment.changes.iter().any(|change| change.needs_human);
        prop_assert_eq!(humans, assessment.class == ChangeClass::Infrastructure);
    }

    #[test]
    fn the_order_of_the_answer_decides_nothing(changes in proptest::collection::vec(any_change(), 0..6), turn in 0usize..6) {
        let mut turned = changes.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let one = assess(&change_set(Value::Array(changes)));
        let other = assess(&change_set(Value::Array(turned)));
        prop_assert_eq!(one.class, other.class);
    }

    #[test]
    fn one_more_change_never_makes_it_safer(changes in proptest::collection::vec(any_change(), 1..6)) {
        let fewer = assess(&change_set(Value::Array(changes[1..].to_vec())));
        let all = assess(&change_set(Value::Array(changes.clone())));
        let followers = changes.iter().any(|change| change["ResourceType"] == "AWS::ApiGateway::Stage");
        prop_assert!(followers || fewer.class == ChangeClass::CodeOnly || all.class == ChangeClass::Infrastructure);
    }

    #[test]
    fn any_json_of_the_right_outline_is_read(text in "[ -~]{0,40}", changes in proptest::collection::vec(any_change(), 0..3)) {
        let mut set = change_set(Value::Array(changes));
        set.status = Some(text.clone());
        set.next_token = Some(text);
        let assessment = assess(&set);
        prop_assert!(assessment.error.is_some());
    }
}
