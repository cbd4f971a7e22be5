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
