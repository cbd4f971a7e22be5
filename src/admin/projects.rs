//! Projects: listing them for callers, adding and changing them for the platform's owner.

use crate::domain::backend::commit::CommitSha;
use crate::domain::backend::parameters::StackParameters;
use crate::domain::backend::target::{BackendTarget, DeployMode, Deployed};
use crate::domain::caller::{Caller, Role};
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::ProjectId;
use crate::domain::project::{FrontendTarget, Project, asset_grace_hours, default_region, retain_releases};
use crate::domain::site::headers::CacheRule;
use crate::requests::app::{App, Profile};
use crate::requests::find::{find_project, parse_project_id};
use crate::storage::bucket_locks::BucketLock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A project as callers see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProjectView {
    /// The id to use in calls.
    pub project_id: String,
    /// For people.
    pub name: String,
    /// Whether it takes requests.
    pub enabled: bool,
    /// The bucket its site is published to; absent when it has no frontend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontend_bucket: Option<String>,
    /// The CloudFront distribution before the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontend_distribution_id: Option<String>,
    /// The bucket's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontend_region: Option<String>,
    /// The role that writes the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontend_deploy_role_arn: Option<String>,
    /// Its own cache rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frontend_cache_rules: Vec<CacheRule>,
    /// Who decides about it; every approver when absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How many different people must approve.
    pub approvals_required: u32,
    /// How many releases are kept, the current one among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_releases: Option<u32>,
    /// For how many hours files stay that a release has dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_grace_hours: Option<u32>,
    /// The release visitors get now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_release: Option<String>,
    /// Its backend; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendOfProject>,
}

/// A project's backend as callers see it: the values of parameters may be secret, so only their names are shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BackendOfProject {
    /// The repository.
    pub git_repo: String,
    /// The branch that is deployed unless a call names another.
    pub default_branch: String,
    /// The template's path in the repository.
    pub sam_template_path: String,
    /// The CloudFormation stack.
    pub stack_name: String,
    /// The stack's region, when it is not Bouncer's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_region: Option<String>,
    /// The role that changes the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<String>,
    /// The names of the stack's parameters that are set.
    pub parameters: Vec<String>,
    /// When a human is asked.
    pub deploy_mode: DeployMode,
    /// The commit that the stack was last made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_commit: Option<CommitSha>,
}

impl BackendOfProject {
    fn of(target: BackendTarget, deployed: Option<Deployed>) -> Self {
        let parameters = StackParameters::parse(&target.sam_params).unwrap_or_default();
        Self {
            deployed_commit: deployed.filter(|deployed| deployed.is_of(&target)).map(|deployed| deployed.commit),
            git_repo: target.git_repo,
            default_branch: target.default_branch,
            sam_template_path: target.sam_template_path,
            stack_name: target.stack_name,
            stack_region: target.stack_region,
            target_role_arn: target.target_role_arn,
            parameters: parameters.iter().map(|(name, _)| name.to_owned()).collect(),
            deploy_mode: target.deploy_mode,
        }
    }
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        let name = project.display_name().to_owned();
        let backend = project.backend.map(|target| BackendOfProject::of(target, project.deployed));
        let target = project.frontend;
        Self {
            project_id: project.project_id.to_string(),
            name,
            enabled: project.enabled,
            retain_releases: target.as_ref().map(|_| project.retain_releases),
            asset_grace_hours: target.as_ref().map(|_| project.asset_grace_hours),
            frontend_bucket: target.as_ref().map(|t| t.bucket.clone()),
            frontend_distribution_id: target.as_ref().and_then(|t| t.distribution_id.clone()),
            frontend_region: target.as_ref().map(|t| t.region.clone()),
            frontend_deploy_role_arn: target.and_then(|t| t.deploy_role_arn),
            frontend_cache_rules: project.frontend_cache_rules,
            approvers: project.approvers,
            approvals_required: project.approvals_required,
            current_release: project.current_release.map(String::from),
            backend,
        }
    }
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct NoArguments {}

/// The answer of `bouncer_project_list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProjectList {
    /// By id.
    pub projects: Vec<ProjectView>,
    /// How many.
    pub count: usize,
}

/// Lists every project.
pub async fn list(app: &App, _caller: &Caller, _args: NoArguments) -> Result<ProjectList, UserError> {
    let projects: Vec<ProjectView> = app.store.projects().await?.into_iter().map(ProjectView::from).collect();
    Ok(ProjectList { count: projects.len(), projects })
}

/// Arguments of `bouncer_project_show`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ShowProject {
    /// The project's id.
    pub project: String,
}

/// The answer of `bouncer_project_show` and `bouncer_project_add`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OneProject {
    /// "ok".
    pub status: &'static str,
    /// The project.
    pub project: ProjectView,
    /// Whether the call made it; absent when it only looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
}

/// Shows one project.
pub async fn show(app: &App, _caller: &Caller, args: ShowProject) -> Result<OneProject, UserError> {
    let project = find_project(app, &args.project).await?;
    Ok(OneProject { status: "ok", project: project.into(), created: None })
}

/// Arguments of `bouncer_project_add`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
pub struct AddProject {
    /// The project's id: 1 to 63 characters of a-z, 0-9, '-', '_' and '.'.
    pub project: String,
    /// The bucket the site is published to.
    pub bucket: String,
    /// A name for people.
    pub name: Option<String>,
    /// The CloudFront distribution before the bucket; stays as it is when absent, "" removes it.
    pub distribution: Option<String>,
    /// The bucket's region; stays as it is when absent (us-east-1 at first).
    pub region: Option<String>,
    /// The role that writes the bucket and invalidates the distribution; stays as it is when absent, "" removes it.
    pub role: Option<String>,
    /// The project's own ordered cache rules, before the built-in ones.
    pub cache_rules: Option<Vec<CacheRule>>,
    /// Who decides about the project: ids or names of keys, or users of a channel such as telegram:123456; stays as it
    /// is when absent, [] is every approver.
    pub approvers: Option<Vec<String>>,
    /// How many different people must approve, 1 or 2; stays as it is when absent.
    pub approvals_required: Option<u32>,
    /// How many releases are kept to go back to, the current one among them: 1 to 100 (5).
    pub retain_releases: Option<u32>,
    /// For how many hours files stay in the bucket after a release without them went live: 0 to 2160 (24).
    pub asset_grace_hours: Option<u32>,
    /// Whether the project takes requests (true).
    pub enabled: Option<bool>,
}

/// Adds a project, or changes the frontend of one that is there.
pub async fn add(app: &App, caller: &Caller, args: AddProject) -> Result<OneProject, UserError> {
    require(caller, Role::Admin)?;
    let project_id = parse_project_id(&args.project)?;
    let turn = app.store.lock_buckets().await?;
    let outcome = add_in_turn(app, &project_id, args, &turn).await;
    app.store.unlock_buckets(&turn).await;
    outcome
}

/// Adds or changes the project while nobody else gives a project a bucket.
async fn add_in_turn(app: &App, id: &ProjectId, args: AddProject, turn: &BucketLock) -> Result<OneProject, UserError> {
    let before = app.store.project(id).await?;
    let after = changed(id, before.as_ref(), args);
    check(app, &after)?;
    refuse_shared_bucket(app, &after).await?;
    write(app, before.as_ref(), &after, turn).await?;
    let stored = app.store.project(id).await?.unwrap_or(after);
    Ok(OneProject { status: "ok", project: stored.into(), created: Some(before.is_none()) })
}

/// Checks a project's fields; the error names the first that is not valid.
pub(super) fn check(app: &App, project: &Project) -> Result<(), UserError> {
    if let Some(fault) = project.faults().first() {
        return Err(UserError::invalid(
            fault.field,
            format!("The {fault}."),
            "Correct the value; nothing was changed.",
        ));
    }
    if app.settings.profile == Profile::Local && project.bucket() == Some(app.documents.bucket()) {
        return Err(UserError::invalid(
            "bucket",
            "A site cannot be published to Bouncer's own staging bucket.",
            "Choose another bucket name.",
        ));
    }
    Ok(())
}

/// Writes a checked project while the bucket lock is held. In the local profile this also makes the bucket.
pub(super) async fn write(
    app: &App,
    before: Option<&Project>,
    after: &Project,
    lock: &BucketLock,
) -> Result<(), UserError> {
    if let (Profile::Local, Some(bucket)) = (app.settings.profile, after.bucket()) {
        app.objects.create_bucket(bucket).await?;
    }
    match before {
        Some(before) => app.store.update_project(before, after, lock).await?,
        None => app.store.create_project(after, lock).await?,
    }
    Ok(())
}

/// Applies the arguments to a project, or to none. What they leave out stays as it is.
pub(crate) fn changed(id: &ProjectId, before: Option<&Project>, args: AddProject) -> Project {
    let target = before.and_then(|project| project.frontend.clone());
    Project {
        project_id: id.clone(),
        name: args.name.or_else(|| before.and_then(|p| p.name.clone())),
        enabled: args.enabled.or(before.map(|p| p.enabled)).unwrap_or(true),
        frontend: Some(FrontendTarget {
            bucket: args.bucket,
            distribution_id: kept_or_cleared(
                args.distribution,
                target.as_ref().and_then(|t| t.distribution_id.clone()),
            ),
            region: args.region.or_else(|| target.as_ref().map(|t| t.region.clone())).unwrap_or_else(default_region),
            deploy_role_arn: kept_or_cleared(args.role, target.and_then(|t| t.deploy_role_arn)),
        }),
        frontend_cache_rules: args
            .cache_rules
            .or_else(|| before.map(|p| p.frontend_cache_rules.clone()))
            .unwrap_or_default(),
        approvers: args.approvers.or_else(|| before.map(|p| p.approvers.clone())).unwrap_or_default(),
        approvals_required: args.approvals_required.or(before.map(|p| p.approvals_required)).unwrap_or(1),
        retain_releases: args.retain_releases.or(before.map(|p| p.retain_releases)).unwrap_or_else(retain_releases),
        asset_grace_hours: args
            .asset_grace_hours
            .or(before.map(|p| p.asset_grace_hours))
            .unwrap_or_else(asset_grace_hours),
        current_release: before.and_then(|p| p.current_release.clone()),
        releases: before.map(|p| p.releases.clone()).unwrap_or_default(),
        backend: before.and_then(|p| p.backend.clone()),
        deployed: before.and_then(|p| p.deployed.clone()),
    }
}

/// What a caller says of an optional field: nothing keeps it, a blank text clears it.
fn kept_or_cleared(said: Option<String>, before: Option<String>) -> Option<String> {
    match said {
        None => before,
        Some(text) if text.trim().is_empty() => None,
        said => said,
    }
}

/// Two projects in one bucket would overwrite each other's pages.
async fn refuse_shared_bucket(app: &App, project: &Project) -> Result<(), UserError> {
    let bucket = project.bucket();
    let others = app.store.projects().await?;
    let Some(other) = others.iter().find(|other| other.project_id != project.project_id && other.bucket() == bucket)
    else {
        return Ok(());
    };
    Err(UserError::new(
        ErrorCode::Conflict,
        shared_bucket(bucket.unwrap_or_default(), &other.project_id),
        "Give each project a bucket of its own.",
    ))
}

/// Says that a bucket belongs to another project.
pub(super) fn shared_bucket(bucket: &str, owner: &ProjectId) -> String {
    format!("The bucket '{bucket}' is already that of the project '{owner}'.")
}

/// Refuses a caller whose role is too low.
pub fn require(caller: &Caller, role: Role) -> Result<(), UserError> {
    if caller.role >= role {
        return Ok(());
    }
    Err(UserError::new(
        ErrorCode::Forbidden,
        format!("This needs a key of the role '{role}'; yours has the role '{}'.", caller.role),
        format!("Call with a key of the role '{role}'."),
    ))
}

/// A project that takes requests.
pub(crate) async fn enabled(app: &App, text: &str) -> Result<Project, UserError> {
    let project = find_project(app, text).await?;
    if project.enabled {
        return Ok(project);
    }
    Err(UserError::new(
        ErrorCode::ProjectDisabled,
        format!("The project '{}' is disabled.", project.project_id),
        "Have an admin enable it.",
    ))
}

/// A project that takes frontend deploys.
pub(crate) async fn deployable(app: &App, text: &str) -> Result<(Project, FrontendTarget), UserError> {
    let project = enabled(app, text).await?;
    let Some(target) = project.frontend.clone() else {
        return Err(UserError::new(
            ErrorCode::PreflightFailed,
            format!("The project '{}' has no frontend bucket.", project.project_id),
            "Have an admin set one with `bouncer project add`.",
        ));
    };
    if app.settings.profile == Profile::Local {
        let needs = match (&target.deploy_role_arn, &target.distribution_id) {
            (Some(role), _) => Some(format!("the deploy role {role}")),
            (None, Some(distribution)) => Some(format!("the CloudFront distribution {distribution}")),
            (None, None) => None,
        };
        if let Some(needs) = needs {
            return Err(UserError::new(
                ErrorCode::PreflightFailed,
                format!("The project '{}' needs {needs}, and the local profile has no AWS.", project.project_id),
                "Run Bouncer with AWS, or add the project without role and distribution.",
            ));
        }
    }
    Ok((project, target))
}
