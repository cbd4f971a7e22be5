//! `bouncer_deploy`: a commit is asked to become the stack.

use super::github_status::{GithubStatus, report};
use super::preflight;
use super::preflight::Source;
use super::review::review;
use super::services::Backend;
use crate::admin::projects;
use crate::domain::audit::Actor;
use crate::domain::backend::commit::{Branch, CommitSha};
use crate::domain::backend::target::{BackendPlan, BackendTarget, Gate};
use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::history::{DeployKind, DeployStatus};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::plan::Plan;
use crate::domain::project::Project;
use crate::domain::request::{Action, Lifetime, Request, Status};
use crate::domain::time::Time;
use crate::requests::app::{App, Profile};
use crate::requests::execution::ask_and_start;
use crate::requests::lease;
use crate::requests::submit::admitted;
use crate::requests::text::RequestText;
use crate::storage::StoreError;
use crate::storage::coordination::Lane;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// How often a request that others of the same commit get before is tried to be stored.
const TRIES: usize = 10;
/// Deploys from which the usual duration is taken.
const RECENT_DEPLOYS: usize = 25;
/// The usual duration of a project without history, in seconds.
const USUAL_SECONDS: u64 = 300;

/// Arguments of `bouncer_deploy`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeployBackend {
    /// The project's id.
    pub project: String,
    /// Why, for the person who decides.
    pub reason: String,
    /// The branch whose newest commit is deployed; the project's own when absent.
    pub branch: Option<String>,
    /// Who asks, for people: "Bot name (task)".
    pub source: Option<String>,
    /// A stable id for matching; never an identity.
    pub trust_scope: Option<String>,
    /// What else the person who decides should know.
    pub context: Option<String>,
    /// Seconds for which the request waits for a decision, 60 to 3600.
    pub approval_window: Option<u64>,
}

/// The answer of `bouncer_deploy`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeployAnswer {
    /// "pending_approval" when a human decides, "started" when nobody has to.
    pub status: &'static str,
    /// Ask for it with bouncer_status.
    pub request_id: String,
    /// Ask for it with bouncer_deploy_status.
    pub deploy_id: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The same as a duration, "600 seconds".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
    /// What in the template a human should look at.
    pub findings: usize,
    /// What an approval is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<String>,
    /// Whether this commit was asked for before and still waits.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// Who asked for it before, when it was another key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
}

/// Asks for a deploy, or starts it where the project's mode asks nobody.
pub async fn deploy(app: &App, caller: &Caller, args: DeployBackend) -> Result<DeployAnswer, UserError> {
    let wording = RequestText {
        reason: args.reason,
        source: args.source,
        trust_scope: args.trust_scope,
        context: args.context,
        approval_window: args.approval_window,
    };
    wording.check(app)?;
    let (project, target) = backend_of(app, caller, &args.project).await?;
    let backend = Backend::of(app)?;
    refuse_while_one_runs(app, &project.project_id).await?;
    let branch = args.branch.as_deref().unwrap_or(&target.default_branch);
    let branch = Branch::parse(branch)
        .map_err(|error| UserError::invalid("branch", format!("{error}."), "Name a branch of the repository."))?;

    let source = preflight::source(backend, &target, &branch).await?;
    if let Some(waiting) = waiting_for(app, &project.project_id, &source.commit.sha).await? {
        return join(app, caller, &waiting).await;
    }
    let request_id = RequestId::random();
    let open = preflight::secrets(backend, &target, &source, &request_id.backend_deploy_id()).await?;
    let base = project.deployed.clone().filter(|deployed| deployed.is_of(&target));
    let (review, gate) = review(&target, &source, base.as_ref(), wording.context.clone(), &open).await;
    let plan = plan(&project, target, &branch, &source, base.map(|last| last.commit), gate);
    let request = Request {
        review: Some(review),
        approvals_required: project.approvals_required,
        ..row(backend, caller, request_id, plan, wording)?
    }
    .within_budget();

    if let Some(waiting) = store(app, caller, &request, &source.commit.sha).await? {
        return join(app, caller, &waiting).await;
    }
    ask_and_start(app, &request).await?;
    tracing::info!(
        request_id = %request.request_id, project = %project.project_id, phase = "asked",
        gate = ?gate, "a backend deploy is asked for"
    );
    report(app, &request, GithubStatus::Pending).await;
    answer(&request, None)
}

/// Stores the request, or finds the one of the same commit that waits: of many at one instant one is stored.
async fn store(
    app: &App,
    caller: &Caller,
    request: &Request,
    commit: &CommitSha,
) -> Result<Option<Request>, UserError> {
    let project = request.project.as_ref().ok_or_else(UserError::system)?;
    for _ in 0..TRIES {
        let before = app.store.commit_claim(project, commit).await?;
        if before.as_ref() == Some(&request.request_id) {
            // The write whose answer was lost.
            return Ok(None);
        }
        if let Some(waiting) = still_waits(app, before.as_ref()).await? {
            return Ok(Some(waiting));
        }
        let asks = admitted(app, caller, request).await?;
        let by = Actor::from(caller);
        match app.store.create_request_for(request, (project, commit), before.as_ref(), by, asks.as_ref()).await {
            Ok(()) => return Ok(None),
            // Not all whom one was faster than should come back at once.
            Err(StoreError::Conflict | StoreError::Overtaken) => {
                tokio::time::sleep(Duration::from_millis(rand::random_range(5..100))).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(UserError::new(
        ErrorCode::Conflict,
        "Many asked for this commit at this moment, and none of them could be stored for good.",
        "Ask again in a moment.",
    ))
}

/// Somebody asks for what waits already, and may look at it from now on, whoever was first.
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
    answer(waiting, Some(caller))
}

/// The project and its backend, if this caller may deploy it.
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
            format!(
                "The project {} names no role for its stack, and Bouncer's own may change none.",
                project.project_id
            ),
            "Make one with infra/target-account.yaml and have an admin set it: bouncer project backend … --role ARN.",
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
    source: &Source,
    base: Option<CommitSha>,
    gate: Gate,
) -> BackendPlan {
    BackendPlan {
        version: BackendPlan::VERSION,
        project: project.project_id.clone(),
        target,
        branch: branch.to_string(),
        commit: source.commit.sha.clone(),
        commit_message: source.commit.title.clone(),
        template: Sha256::of(source.template_text.as_bytes()),
        parameters: source.parameters.clone(),
        base,
        gate,
    }
}

fn row(
    backend: &Backend,
    caller: &Caller,
    request_id: RequestId,
    plan: BackendPlan,
    wording: RequestText,
) -> Result<Request, UserError> {
    let status = if plan.gate == Gate::Ask { Status::PendingApproval } else { Status::Approved };
    let window = wording.approval_window.unwrap_or(backend.settings.approval_window);
    let lifetime = Lifetime { from: Time::now(), valid: window, kept: Request::KEPT_SECONDS };
    let summary = format!("Deploy {} at {}: {}", plan.project, plan.commit.short(), plan.commit_message);
    let deploy_id = request_id.backend_deploy_id();
    Ok(Request {
        source: wording.source,
        trust_scope: wording.trust_scope,
        reason: Some(wording.reason),
        project: Some(plan.project.clone()),
        plan_hash: Some(plan.hash()?),
        plan: Some(Plan::Backend(Box::new(plan))),
        deploy_id: Some(deploy_id),
        ..Request::new(request_id, Action::BackendDeploy, status, caller, &summary, lifetime)
    })
}

/// A deploy that runs must end first: two would change one stack.
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

/// The median duration of the project's successful deploys.
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

/// A request of the same project and commit that still waits.
async fn waiting_for(app: &App, project: &ProjectId, commit: &CommitSha) -> Result<Option<Request>, UserError> {
    let asked = app.store.commit_claim(project, commit).await?;
    still_waits(app, asked.as_ref()).await
}

async fn still_waits(app: &App, id: Option<&RequestId>) -> Result<Option<Request>, UserError> {
    let Some(id) = id else { return Ok(None) };
    let request = app.store.request(id).await?;
    Ok(request.filter(|request| request.status_at(Time::now()) == Status::PendingApproval))
}

/// `again` is who asks for what waits already.
fn answer(request: &Request, again: Option<&Caller>) -> Result<DeployAnswer, UserError> {
    let (Some(plan), Some(deploy_id)) = (request.backend_plan(), &request.deploy_id) else {
        return Err(UserError::system());
    };
    let asks = plan.gate == Gate::Ask;
    let asker = request.source.as_ref().unwrap_or(&request.caller_name);
    let asked_by = again.filter(|caller| caller.id != request.caller).map(|_| asker.clone());
    Ok(DeployAnswer {
        status: if asks { Status::PendingApproval.as_str() } else { "started" },
        request_id: request.request_id.to_string(),
        deploy_id: deploy_id.to_string(),
        project_id: plan.project.to_string(),
        branch: plan.branch.clone(),
        commit_sha: plan.commit.clone(),
        commit_short: plan.commit.short().to_owned(),
        commit_message: plan.commit_message.clone(),
        message: if let Some(asker) = &asked_by {
            format!(
                "{asker} asked for this commit first, and it waits for an approver; poll bouncer_deploy_status with the deploy_id."
            )
        } else if asks {
            "Waiting for an approver; poll bouncer_deploy_status with the deploy_id.".to_owned()
        } else {
            "Started; poll bouncer_deploy_status with the deploy_id. Infrastructure changes still wait for an approver."
                .to_owned()
        },
        expires_at: asks.then_some(request.expires_at),
        expires_in: asks.then(|| format!("{} seconds", request.expires_at.seconds_left(Time::now()))),
        findings: request.review.as_ref().map_or(0, |review| review.findings.total),
        plan_hash: request.plan_hash.map(|hash| hash.to_string()),
        duplicate: again.is_some(),
        asked_by,
    })
}
