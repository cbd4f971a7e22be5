//! The roles in the account of a stack.

use serde_json::json;
use std::collections::BTreeSet;

use super::{allowed, allowing, role, statements, template, texts};

const TEMPLATE: &str = "infra/target-account.yaml";

#[test]
fn the_target_role_is_bouncers_alone() {
    let template = template(TEMPLATE);
    let trust = &role(&template, "TargetRole")["Properties"]["AssumeRolePolicyDocument"]["Statement"];
    let external_id = json!({ "sts:ExternalId": { "Ref": "ExternalId" } });
    assert_eq!(
        trust,
        &json!([
            { "Effect": "Allow", "Principal": { "AWS": { "Ref": "TaskRoleArn" } }, "Action": "sts:AssumeRole",
              "Condition": { "StringEquals": external_id } },
            { "Effect": "Allow", "Principal": { "AWS": { "Ref": "ApiRoleArn" } }, "Action": "sts:AssumeRole",
              "Condition": { "StringEquals": external_id, "StringLike": { "sts:RoleSessionName": "bouncer-ask-*" } } },
        ])
    );
    // What the trust calls a session that asks is what its limits are about.
    let role = role(&template, "TargetRole");
    let deny: Vec<_> = statements(role).into_iter().filter(|statement| statement["Effect"] == "Deny").collect();
    let [limits] = deny[..] else { panic!("{deny:?}") };
    assert_eq!(limits["Condition"], json!({ "StringLike": { "aws:userid": "*:bouncer-ask-*" } }));
    assert_eq!(limits["Resource"], "*");
}

#[test]
fn the_target_role_reaches_named_stacks_and_one_other_role() {
    let template = template(TEMPLATE);
    let target = role(&template, "TargetRole");
    let stacks = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/${StackPrefix}*/*";
    assert_eq!(allowed(target, "cloudformation:ExecuteChangeSet"), [stacks]);
    assert_eq!(
        allowed(target, "cloudformation:CreateChangeSet"),
        [stacks, "arn:${AWS::Partition}:cloudformation:*:aws:transform/*"]
    );
    assert_eq!(allowed(target, "iam:PassRole"), ["ExecutionRole.Arn"]);
    assert_eq!(allowed(target, "s3:GetObject"), ["arn:${AWS::Partition}:s3:::${ArtifactsBucket}/sealed/*"]);
    assert!(allowed(target, "secretsmanager:GetSecretValue").is_empty());
}

/// CloudFormation names a nested stack after the one it is in, so what is allowed for that reaches it. Change sets of
/// nested stacks are described by their ARN; IAM asks for the right on their stack.
#[test]
fn the_target_role_reaches_the_stacks_within_its_stacks() {
    let template = template(TEMPLATE);
    let target = role(&template, "TargetRole");
    let is_reached = |action: &str, stack: &str| {
        let arn = format!("arn:aws:cloudformation:eu-central-1:123456789012:stack/{stack}/0a1b");
        allowed(target, action).iter().any(|pattern| {
            let of_account =
                [("${AWS::Partition}", "aws"), ("${AWS::AccountId}", "123456789012"), ("${StackPrefix}", "shop-")];
            let pattern = of_account.iter().fold(pattern.clone(), |text, (name, value)| text.replace(name, value));
            matches(&pattern, &arn)
        })
    };
    for action in ["cloudformation:DescribeChangeSet", "cloudformation:DescribeStackEvents"] {
        for stack in ["shop-prod", "shop-prod-Orders-1QX2ABCDEFGH", "shop-prod-Orders-1QX2ABCDEFGH-Store-9ZY"] {
            assert!(is_reached(action, stack), "{action} on {stack}");
        }
        assert!(!is_reached(action, "billing-prod"), "{action}");
    }
}

/// Both halves of reading across accounts: what the bucket's owner allows the accounts of the stacks, and what the roles
/// there may ask for. A bucket that were encrypted with a key of KMS would need a third.
#[test]
fn the_accounts_of_stacks_read_what_is_sealed_and_nothing_else() {
    let own = super::template("infra/template.yaml");
    let policy = &own["Resources"]["ArtifactsBucketPolicy"]["Properties"];
    assert_eq!(policy["Bucket"], json!({ "Ref": "ArtifactsBucket" }));
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    let allowing: Vec<_> =
        statements.iter().map(super::at_most).filter(|statement| statement["Effect"] == "Allow").collect();
    let [reading] = allowing[..] else { panic!("{allowing:?}") };
    assert_eq!(reading["Principal"], json!({ "AWS": { "Ref": "TargetAccounts" } }));
    assert_eq!(reading["Action"], "s3:GetObject");
    assert_eq!(reading["Resource"], json!({ "Fn::Sub": "${ArtifactsBucket.Arn}/sealed/*" }));
    assert_eq!(own["Parameters"]["TargetAccounts"]["Type"], "CommaDelimitedList");
    let encryption = &own["Resources"]["ArtifactsBucket"]["Properties"]["BucketEncryption"];
    let rule = &encryption["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"];
    assert_eq!(rule["SSEAlgorithm"], "AES256");

    let target = template(TEMPLATE);
    for id in ["TargetRole", "ExecutionRole"] {
        let reads = allowed(role(&target, id), "s3:GetObject");
        assert!(
            reads.contains(&"arn:${AWS::Partition}:s3:::${ArtifactsBucket}/sealed/*".to_owned()),
            "{id}: {reads:?}"
        );
    }
}

#[test]
fn no_template_makes_users_or_changes_bouncers_roles() {
    let template = template(TEMPLATE);
    let execution = role(&template, "ExecutionRole");
    let policies = execution["Properties"]["Policies"].as_array().unwrap();
    // Behind no condition: in either mode.
    let never = policies.iter().find(|policy| policy["PolicyName"] == "never").unwrap();
    let statements = never["PolicyDocument"]["Statement"].as_array().unwrap();
    let denied: BTreeSet<&str> = statements
        .iter()
        .filter(|statement| statement["Effect"] == "Deny" && statement["Resource"] == "*")
        .flat_map(|statement| texts(&statement["Action"]))
        .collect();
    for forbidden in [
        "iam:CreateUser",
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:AttachUserPolicy",
        "iam:AddUserToGroup",
        "iam:UpdateAccessKey",
        "iam:CreateSAMLProvider",
        "organizations:LeaveOrganization",
        "account:CloseAccount",
    ] {
        assert!(denied.iter().any(|pattern| matches(pattern, forbidden)), "{forbidden} is not denied");
    }
    for needed in ["iam:CreateRole", "iam:PutRolePolicy", "iam:PassRole", "iam:GetRole"] {
        assert!(!denied.iter().any(|pattern| matches(pattern, needed)), "{needed} is denied");
    }
    let own = statements.iter().find(|statement| statement["Sid"] == "NotBouncersRoles").unwrap();
    assert_eq!((&own["Effect"], &own["Action"]), (&json!("Deny"), &json!("iam:*")));
    let protected = own["Resource"].to_string();
    for role in ["TaskRoleArn", "ApiRoleArn", "role/${RoleName}\"", "role/${RoleName}-cloudformation\""] {
        assert!(protected.contains(role), "{role} is not protected: {protected}");
    }
}

fn matches(pattern: &str, action: &str) -> bool {
    let mut rest = action;
    let parts: Vec<&str> = pattern.split('*').collect();
    let Some(start) = parts.first().and_then(|start| rest.strip_prefix(start)) else { return false };
    rest = start;
    for part in &parts[1..] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || pattern.ends_with('*')
}

#[test]
fn with_a_boundary_no_role_is_without_it() {
    let template = template(TEMPLATE);
    let all = statements(role(&template, "ExecutionRole"));
    let of = |sid: &str| *all.iter().find(|statement| statement["Sid"] == sid).unwrap_or_else(|| panic!("{sid}"));
    let within = of("OnlyWithinTheBoundary");
    let actions: BTreeSet<&str> = texts(&within["Action"]).into_iter().collect();
    assert_eq!(
        actions,
        BTreeSet::from([
            "iam:AttachRolePolicy",
            "iam:CreateRole",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy"
        ])
    );
    let boundary = json!({ "Ref": "PermissionsBoundaryArn" });
    assert_eq!(within["Condition"], json!({ "StringNotEquals": { "iam:PermissionsBoundary": boundary } }));
    assert_eq!(of("TheBoundaryStays")["Action"], "iam:DeleteRolePermissionsBoundary");
    assert_eq!(of("TheBoundaryIsFixed")["Resource"], boundary);
}

#[test]
fn scoped_templates_reach_what_is_named_after_their_stack() {
    let template = template(TEMPLATE);
    for statement in allowing(role(&template, "ExecutionRole")) {
        let actions = texts(&statement["Action"]);
        let looks = actions.iter().all(|action| action.contains(":Describe"));
        assert!(statement["Resource"] != "*" || looks, "{actions:?} to everything");
        if actions.iter().any(|action| action.starts_with("iam:")) {
            let role = json!({ "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${StackPrefix}*" });
            assert_eq!(statement["Resource"], role, "{actions:?}");
        }
    }
}
