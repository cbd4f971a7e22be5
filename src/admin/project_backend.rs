//! Saying where a project's backend comes from and goes to.

use super::projects::{OneProject, require};
use crate::domain::backend::commit::{Branch, Repo};
use crate::domain::backend::parameters::StackParameters;
use crate::domain::backend::target::{BackendTarget, DeployMode};
use crate::domain::caller::{Caller, Role};
use crate::domain::error::UserError;
use crate::domain::ids::ProjectId;
use crate::domain::project::{Project, asset_grace_hours, is_region, is_role_arn, retain_releases};
use crate::requests::app::App;
use crate::requests::find::parse_project_id;
use crate::storage::bucket_locks::BucketLock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Arguments of `bouncer_project_backend`. What is not said stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SetBackend {
    /// The project's id; a new one is made.
    pub project: String,
    /// The repository: "owner/name".
    pub git_repo: Option<String>,
    /// The CloudFormation stack.
    pub stack_name: Option<String>,
    /// The branch that is deployed unless a call names another (main).
    pub default_branch: Option<String>,
    /// The stack's region; Bouncer's own when blank.
    pub stack_region: Option<String>,
    /// The role that Bouncer assumes in the stack's account; needed by an installation on AWS.
    pub target_role_arn: Option<String>,
    /// The role that CloudFormation works with; that of the caller when blank.
    pub cloudformation_role_arn: Option<String>,
    /// The template's path in the repository (template.yaml).
    pub sam_template_path: Option<String>,
    /// The stack's parameters: an object, or text such as "Stage=prod Name=\"My shop\"".
    pub sam_params: Option<ParametersAsSaid>,
    /// A secret that must have a value before a deploy is asked for.
    pub secrets_id: Option<String>,
    /// The secret that holds the GitHub token, when it is not the installation's.
    pub github_pat_secret: Option<String>,
    /// When a human is asked: manual, auto_code or auto_all (manual).
    pub deploy_mode: Option<Mode>,
    /// The ids or names of the keys that may ask; every key may when empty.
    pub allowed_deployers: Option<Vec<String>>,
    /// Whether GitHub is told of deploys.
    pub github_status: Option<bool>,
}

/// `sam_params` in either form that a row takes.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ParametersAsSaid {
    /// By name.
    Object(BTreeMap<String, Value>),
    /// As `sam deploy --parameter-overrides` takes it.
    Text(String),
}

/// A `deploy_mode` as an admin says it: here a wrong word is an error, not "manual".
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Mode {
    Manual,
    AutoCode,
    AutoAll,
}

impl From<Mode> for DeployMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Manual => DeployMode::Manual,
            Mode::AutoCode => DeployMode::AutoCode,
            Mode::AutoAll => DeployMode::AutoAll,
        }
    }
}

/// Sets or changes the backend of a project, which is made if there is none.
pub async fn set(app: &App, caller: &Caller, args: SetBackend) -> Result<OneProject, UserError> {
    require(caller, Role::Admin)?;
    let id = parse_project_id(&args.project)?;
    let turn = app.store.lock_buckets().await?;
    let outcome = set_in_turn(app, caller, id, args, &turn).await;
    app.store.unlock_buckets(&turn).await;
    outcome
}

/// The same while nobody else writes a project's row.
async fn set_in_turn(
    app: &App,
    caller: &Caller,
    id: ProjectId,
    args: SetBackend,
    turn: &BucketLock,
) -> Result<OneProject, UserError> {
    let before = app.store.project(&id).await?;
    let target = changed(before.as_ref().and_then(|project| project.backend.clone()), args)?;
    check(&target)?;
    let stored = match &before {
        Some(before) => {
            let after = Project { backend: Some(target), ..before.clone() };
            app.store.update_project(before, &after, turn).await?;
            after
        }
        None => {
            let project = Project {
                project_id: id,
                name: None,
                enabled: true,
                frontend: None,
                frontend_cache_rules: vec![],
                approvers: vec![],
                approvals_required: 1,
                retain_releases: retain_releases(),
                asset_grace_hours: asset_grace_hours(),
                current_release: None,
                releases: vec![],
                backend: Some(target),
                deployed: None,
            };
            app.store.create_project(&project, turn).await?;
            project
        }
    };
    tracing::info!(project = %stored.project_id, by = %caller.id, "a project's backend was set");
    Ok(OneProject { status: "ok", project: stored.into(), created: Some(before.is_none()) })
}

fn changed(before: Option<BackendTarget>, args: SetBackend) -> Result<BackendTarget, UserError> {
    let required = |said: Option<String>, before: Option<&str>, name: &str| {
        said.filter(|text| !text.trim().is_empty())
            .or_else(|| before.map(str::to_owned))
            .ok_or_else(|| UserError::missing(name))
    };
    // A blank text takes the value away.
    let optional = |said: Option<String>, before: Option<String>| match said {
        Some(text) if text.trim().is_empty() => None,
        Some(text) => Some(text),
        None => before,
    };
    let git_repo = required(args.git_repo, before.as_ref().map(|target| target.git_repo.as_str()), "git_repo")?;
    let stack_name = required(args.stack_name, before.as_ref().map(|target| target.stack_name.as_str()), "stack_name")?;
    let before = before.unwrap_or_else(|| BackendTarget::new(&git_repo, &stack_name));
    Ok(BackendTarget {
        git_repo,
        stack_name,
        default_branch: args.default_branch.unwrap_or(before.default_branch),
        stack_region: optional(args.stack_region, before.stack_region),
        target_role_arn: optional(args.target_role_arn, before.target_role_arn),
        cloudformation_role_arn: optional(args.cloudformation_role_arn, before.cloudformation_role_arn),
        sam_template_path: args.sam_template_path.unwrap_or(before.sam_template_path),
        sam_params: match args.sam_params {
            Some(said) => serde_json::to_value(said)?,
            None => before.sam_params,
        },
        secrets_id: optional(args.secrets_id, before.secrets_id),
        github_pat_secret: optional(args.github_pat_secret, before.github_pat_secret),
        deploy_mode: args.deploy_mode.map_or(before.deploy_mode, DeployMode::from),
        allowed_deployers: args.allowed_deployers.unwrap_or(before.allowed_deployers),
        github_status: args.github_status.unwrap_or(before.github_status),
    })
}

fn check(target: &BackendTarget) -> Result<(), UserError> {
    let wrong = |name: &str, fault: String| UserError::invalid(name, fault, "Correct it; nothing was changed.");
    Repo::parse(&target.git_repo).map_err(|error| wrong("git_repo", format!("The {error}.")))?;
    Branch::parse(&target.default_branch).map_err(|error| wrong("default_branch", format!("The {error}.")))?;
    let parameters = StackParameters::parse(&target.sam_params);
    let parameters = parameters.and_then(|parameters| parameters.check_size());
    parameters.map_err(|error| wrong("sam_params", error.to_string()))?;
    let check = |name: &str, value: &str, good: bool, expected: &str| {
        if good { Ok(()) } else { Err(wrong(name, format!("{name} '{value}' is not valid: expected {expected}."))) }
    };
    check(
        "stack_name",
        &target.stack_name,
        is_stack_name(&target.stack_name),
        "1 to 128 letters, digits and '-', a letter first",
    )?;
    let path = &target.sam_template_path;
    check("sam_template_path", path, is_template_path(path), "a path in the repository such as infra/template.yaml")?;
    if let Some(region) = &target.stack_region {
        check("stack_region", region, is_region(region), "an AWS region such as us-east-1")?;
    }
    let role = "the ARN of an IAM role: arn:aws:iam::<12 digits>:role/<name>";
    for (name, arn) in
        [("target_role_arn", &target.target_role_arn), ("cloudformation_role_arn", &target.cloudformation_role_arn)]
    {
        if let Some(arn) = arn {
            check(name, arn, is_role_arn(arn), role)?;
        }
    }
    Ok(())
}

fn is_stack_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The build and GitHub both take the path as it is, so it has nothing that leads elsewhere.
fn is_template_path(path: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_. ".contains(&b))
    };
    (1..=255).contains(&path.len()) && !path.starts_with('-') && path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        for good in ["shop", "Shop-Prod-2", &"a".repeat(128)] {
            assert!(is_stack_name(good), "{good}");
        }
        for bad in ["", "2shop", "-shop", "shop_prod", "shop prod", &"a".repeat(129)] {
            assert!(!is_stack_name(bad), "{bad}");
        }
        for good in ["template.yaml", "infra/prod/template.yml", "a b/t.json"] {
            assert!(is_template_path(good), "{good}");
        }
        for bad in ["", "/template.yaml", "../t.yaml", "a//b", "a/./b", "t.yaml;rm", "$(id)", "a\nb", "-t"] {
            assert!(!is_template_path(bad), "{bad}");
        }
    }
}
