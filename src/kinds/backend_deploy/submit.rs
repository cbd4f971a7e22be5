//! `bouncer_deploy`: submits the newest commit of a branch to become the stack.

use super::github_status::{GithubStatus, report};
use super::plan::{BackendFacts, BackendPlan, NAME};
use super::preflight::{self, Source};
use super::review::review;
use crate::admin::projects;
use crate::domain::backend::commit::{Branch, CommitSha};
use crate::domain::backend::target::BackendTarget;
use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::history::{DeployKind, DeployStatus};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::project::Project;
use crate::domain::request::{Lifetime, Request, Status};
use crate::domain::time::Time;
use crate::kinds::stack::review::BackendReview;
use crate::policy::rules::{Effect, Subject};
use crate::requests::app::{App, Profile};
use crate::requests::lease;
use crate::requests::prompts::page_url;
use crate::requests::stack_services::Backend;
use crate::requests::status::POLL_AFTER_SECONDS;
use crate::requests::submit::{self, Submission, Submitted};
use crate::requests::text::RequestText;
use crate::storage::StoreError;
use crate::storage::coordination::Lane;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Deploys from which the usual duration is taken.
const RECENT_DEPLOYS: usize = 25;
/// The usual duration of a project without history, in seconds.
const USUAL_SECONDS: u64 = 300;

/// Arguments of `bouncer_deploy`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeployBackend {
    /// The project's id.
    pub project: String,
    /// Why, for the approver.
    pub reason: String,
    /// The branch whose newest commit is deployed; the project's default branch when absent.
    pub branch: Option<String>,
    /// Who asks, for people: "Bot name (task)".
    pub source: Option<String>,
    /// A stable id for matching; never an identity.
    pub trust_scope: Option<String>,
    /// What else the approver should know.
    pub context: Option<String>,
    /// Seconds for which the request waits for a decision, 60 to 3600.
    pub approval_window: Option<u64>,
}

/// Where a submitted deploy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubmittedAs {
    /// An approver decides.
    PendingApproval,
    /// The project's deploy_mode asks nobody.
    Started,
}

/// The answer of `bouncer_deploy`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeployAnswer {
    /// "pending_approval" when an approver decides, "started" when nobody has to.
    pub status: SubmittedAs,
    /// Pass it to bouncer_status.
    pub request_id: String,
    /// Pass it to bouncer_deploy_status.
    pub deploy_id: String,
    /// Address of the request's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Ask for the status after so many seconds.
    pub poll_after_seconds: u64,
    /// The project.
    pub project_id: String,
    /// The branch.
    pub branch: String,
    /// The commit that is deployed, and no other.
    pub commit_sha: CommitSha,
    /// Its first seven digits.
    pub commit_short: String,
    /// Its title.
    pub commit_message: String,
    /// What happens next.
    pub message: String,
    /// Until when it can be decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The same as a duration, "600 seconds".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
    /// How many things in the template an approver should look at.
    pub findings: usize,
    /// What an approval is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<String>,
    /// Whether this commit was submitted before and still waits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// Who submitted it before, when it was another key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
}

/// Submits a deploy, which starts at once where the project's mode asks nobody.
///
/// # Errors
/// Refuses what would certainly fail, a project that is being deployed, and whatever [`submit::submit`] refuses.
pub async fn deploy(app: &App, caller: &Caller, args: DeployBackend) -> Result<DeployAnswer, UserError> {
    let text = RequestText {
        reason: args.reason,
        source: args.source,
        trust_scope: args.trust_scope,
        context: args.context,
        approval_window: args.approval_window,
    };
    text.check(app)?;
    let (project, target) = backend_of(app, caller, &args.project).await?;
    let backend = Backend::of(app)?;
    refuse_while_one_runs(app, &project.project_id).await?;
    let branch = args.branch.as_deref().unwrap_or(&target.default_branch);
    let branch = Branch::parse(branch)
        .map_err(|error| UserError::invalid("branch", format!("{error}."), "Name a branch of the repository."))?;

    let source = preflight::source(backend, &target, &branch).await?;
    let commit = source.commit.sha.clone();
    if let Some(waiting) = submit::waiting_for(app, &project.project_id, &commit).await? {
        return join(app, caller, &waiting).await;
    }
    let request_id = RequestId::random();
    let open = preflight::secrets(backend, &target, &source, &request_id.backend_deploy_id()).await?;
    let base = project.deployed.clone().filter(|deployed| deployed.is_of(&target));
    let (details, findings) = review(&target, &source, base.as_ref(), text.context.clone(), open).await;
    let subject = Subject { effect: Effect::Production, mode: target.deploy_mode, findings };
    let plan = plan(&project, target, &branch, source, base.map(|last| last.commit));
    let window = text.approval_window.unwrap_or(backend.settings.approval_window);
    let request = Request {
        approvals_required: project.approvals_required,
        ..new_request(caller, request_id, &plan, text, window)?
    };
    let request = details.attach_to(request)?;

    let submission = Submission { request, subject, ready: None, commit: Some(commit) };
    match submit::submit(app, caller, submission).await? {
        Submitted::Waiting(waiting) => join(app, caller, &waiting).await,
        Submitted::Stored(request) => {
            if request.status == Status::PendingApproval {
                report(app, &request, GithubStatus::Pending).await;
            }
            answer(app, &request, None)
        }
    }
}

/// Answers with the request that waits already, and lets whoever submitted the same commit follow it.
async fn join(app: &App, caller: &Caller, waiting: &Request) -> Result<DeployAnswer, UserError> {
    if !waiting.is_visible_to(caller) {
        match app.store.add_follower(&waiting.request_id, &caller.id).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => {
                tracing::warn!(request_id = %waiting.request_id, by = %caller.id, "too many keys follow a request");
            }
            Err(error) => return Err(error.into()),
        }
    }
    answer(app, waiting, Some(caller))
}

/// Finds the project and its backend.
///
/// # Errors
/// Refuses a project without a backend, and a caller that may not deploy it.
async fn backend_of(app: &App, caller: &Caller, project: &str) -> Result<(Project, BackendTarget), UserError> {
    let project = projects::enabled(app, project).await?;
    let Some(target) = project.backend.clone() else {
        return Err(UserError::new(
            ErrorCode::ValidationError,
            format!("The project {} has no backend.", project.project_id),
            "Have an admin set its git_repo and stack_name, or deploy its site with bouncer_deploy_frontend.",
        ));
    };
    if app.settings.profile == Profile::Aws && target.target_role_arn.is_none() {
        return Err(UserError::new(
            ErrorCode::PreflightFailed,
            format!("Project {} has no target role, and Bouncer's own role cannot deploy stacks.", project.project_id),
            "Create one with infra/target-account.yaml and have an admin set it: bouncer project backend … --role ARN.",
        ));
    }
    let allowed = &target.allowed_deployers;
    if !allowed.is_empty() && !allowed.iter().any(|one| one == caller.id.as_str() || *one == caller.name) {
        return Err(UserError::new(
            ErrorCode::Forbidden,
            format!("This key may not deploy the project {}.", project.project_id),
            "Have an admin add the key's id or name to the project's allowed_deployers.",
        ));
    }
    Ok((project, target))
}

fn plan(
    project: &Project,
    target: BackendTarget,
    branch: &Branch,
    source: Source,
    base: Option<CommitSha>,
) -> BackendPlan {
    BackendPlan {
        project: project.project_id.clone(),
        target,
        branch: branch.to_string(),
        commit: source.commit.sha,
        commit_message: source.commit.title,
        template: Sha256::of(source.template_text.as_bytes()),
        parameters: source.parameters,
        base,
    }
}

fn new_request(
    caller: &Caller,
    request_id: RequestId,
    plan: &BackendPlan,
    text: RequestText,
    window: u64,
) -> Result<Request, UserError> {
    let lifetime = Lifetime { from: Time::now(), valid: window, kept: Request::KEPT_SECONDS };
    let summary = format!("Deploy {} at {}: {}", plan.project, plan.commit.short(), plan.commit_message);
    let deploy_id = request_id.backend_deploy_id();
    let request = Request {
        source: text.source,
        trust_scope: text.trust_scope,
        reason: Some(text.reason),
        project: Some(plan.project.clone()),
        deploy_id: Some(deploy_id),
        // Policy decides whether it really waits.
        ..Request::new(request_id, NAME, Status::PendingApproval, caller, &summary, lifetime)
    };
    Ok(request.with_plan(plan)?.with_facts(&BackendFacts::from(plan))?)
}

/// Refuses a deploy while another one runs: two would change one stack.
async fn refuse_while_one_runs(app: &App, project: &ProjectId) -> Result<(), UserError> {
    let holder = lease::holder(app, project, Lane::Backend).await.map_err(|error| {
        tracing::error!(%error, "the lease of a project cannot be read");
        UserError::system()
    })?;
    let Some(holder) = holder else { return Ok(()) };
    let running = app.store.request(&holder).await?;
    let started = running.as_ref().and_then(|request| request.started_at);
    let elapsed = started.map_or(0, |at| Time::now().seconds_since(at));
    let usual = usual_seconds(app, project).await?;
    let minutes = usual.saturating_sub(elapsed).div_ceil(60).max(1);
    let remaining = if minutes == 1 { "1 minute".to_owned() } else { format!("{minutes} minutes") };
    Err(UserError::new(
        ErrorCode::Conflict,
        format!("Another deploy of {project} is running."),
        "Wait until it has ended, or cancel it with bouncer_deploy_cancel.",
    )
    .with_status("conflict")
    .with("running_deploy_id", json!(running.and_then(|request| request.deploy_id)))
    .with("started_at", json!(started))
    .with("estimated_remaining", json!(remaining))
    .with("hint", json!("Use bouncer_deploy_cancel to cancel the running deploy")))
}

/// Returns the median duration of the project's successful deploys.
async fn usual_seconds(app: &App, project: &ProjectId) -> Result<u64, UserError> {
    let deploys = app.store.deploys_of(project, RECENT_DEPLOYS).await?;
    let mut seconds: Vec<u64> = deploys
        .iter()
        .filter(|deploy| deploy.kind == DeployKind::Backend && deploy.status == DeployStatus::Success)
        .filter_map(|deploy| Some(deploy.finished_at?.seconds_since(deploy.started_at)))
        .collect();
    seconds.sort_unstable();
    Ok(seconds.get(seconds.len() / 2).copied().unwrap_or(USUAL_SECONDS))
}

/// Describes a submitted request. `again` is whoever submitted what waits already.
fn answer(app: &App, request: &Request, again: Option<&Caller>) -> Result<DeployAnswer, UserError> {
    let (Some(plan), Some(deploy_id)) = (request.plan_as::<BackendPlan>(), &request.deploy_id) else {
        return Err(UserError::system());
    };
    let asks = request.allowed_by.is_none();
    let asker = request.source.as_ref().unwrap_or(&request.caller_name);
    let asked_by = again.filter(|caller| caller.id != request.caller).map(|_| asker.clone());
    Ok(DeployAnswer {
        status: if asks { SubmittedAs::PendingApproval } else { SubmittedAs::Started },
        request_id: request.request_id.to_string(),
        deploy_id: deploy_id.to_string(),
        url: page_url(app, request),
        poll_after_seconds: POLL_AFTER_SECONDS,
        project_id: plan.project.to_string(),
        branch: plan.branch,
        commit_short: plan.commit.short().to_owned(),
        commit_sha: plan.commit,
        commit_message: plan.commit_message,
        message: if let Some(asker) = &asked_by {
            format!(
                "{asker} submitted this commit first, and it waits for an approver; poll bouncer_deploy_status with the \
                 deploy_id."
            )
        } else if asks {
            "Waiting for an approver; poll bouncer_deploy_status with the deploy_id.".to_owned()
        } else {
            "Started; poll bouncer_deploy_status with the deploy_id. Infrastructure changes still wait for an approver."
                .to_owned()
        },
        expires_at: asks.then_some(request.expires_at),
        expires_in: asks.then(|| format!("{} seconds", request.expires_at.seconds_left(Time::now()))),
        findings: request.details_as::<BackendReview>().map_or(0, |review| review.findings.total),
        plan_hash: request.plan_hash.map(|hash| hash.to_string()),
        duplicate: again.is_some(),
        asked_by,
    })
}
