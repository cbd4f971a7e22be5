//! `bouncer_request_show`: what an approver needs to decide.

use super::WhichRequest;
use crate::domain::backend::commit::CommitSha;
use crate::domain::caller::{Caller, Role};
use crate::domain::error::UserError;
use crate::domain::ids::{DeployId, ReleaseId};
use crate::domain::prompt::FileLine;
use crate::domain::request::{Action, Request, Status, Verdict};
use crate::domain::review::Review;
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::site::removal::MassDelete;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::approval::find;
use crate::requests::prompts::site_content;
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `bouncer_request_show`: what an approver needs to decide.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RequestDetails {
    /// The request's id.
    pub request_id: String,
    /// What is asked.
    pub action: Action,
    /// Where it stands.
    pub status: Status,
    /// The project.
    pub project: Option<String>,
    /// Where it would go.
    pub target: Option<TargetView>,
    /// Who asks, in their own words.
    pub source: Option<String>,
    /// Whose key asks.
    pub caller: CallerView,
    /// Why.
    pub reason: Option<String>,
    /// The earlier release that the site would go back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<ReleaseId>,
    /// What to know before anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
    /// What it would change.
    pub changes: Option<ChangeCounts>,
    /// The first files that would be written.
    pub files: Vec<FileChange>,
    /// How many files would be written.
    pub files_total: usize,
    /// Files that would be gone, the first 100.
    pub removed: Vec<String>,
    /// Why no files are listed, though some would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// Of a backend: where it comes from and goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendDetails>,
    /// Of a backend: what to look at before deciding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// What an approval is bound to.
    pub plan_hash: Option<String>,
    /// When it was asked.
    pub created_at: Time,
    /// Until when it can be decided.
    pub expires_at: Time,
    /// The same as a duration.
    pub expires_in: String,
    /// Who has approved, where two must and one has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// How many different people must approve, where it is not one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals_required: Option<u32>,
    /// What can be decided.
    pub offered: Vec<Verdict>,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
}

/// Where a site would go.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TargetView {
    /// The bucket.
    pub bucket: String,
    /// The distribution before it.
    pub distribution_id: Option<String>,
    /// The bucket's region.
    pub region: String,
    /// The role that writes it.
    pub deploy_role_arn: Option<String>,
}

impl TargetView {
    fn of(request: &Request) -> Option<Self> {
        let target = request.frontend_plan().map(|plan| &plan.target);
        target.or_else(|| request.maintenance_plan().map(|plan| &plan.target)).map(|target| Self {
            bucket: target.bucket.clone(),
            distribution_id: target.distribution_id.clone(),
            region: target.region.clone(),
            deploy_role_arn: target.deploy_role_arn.clone(),
        })
    }
}

/// Where a backend comes from and goes to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BackendDetails {
    /// The deploy.
    pub deploy_id: Option<DeployId>,
    /// The commit that would be deployed, and no other.
    pub commit_sha: CommitSha,
    /// The change set that would be executed, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_set_id: Option<String>,
    /// The repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_repo: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_message: Option<String>,
    /// The commit that the stack was last made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_commit: Option<CommitSha>,
    /// The stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
    /// The role that changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<String>,
}

impl BackendDetails {
    fn of(request: &Request) -> Option<Self> {
        let deploy_id = request.deploy_id.clone();
        if let Some(plan) = request.infrastructure_plan() {
            return Some(Self {
                deploy_id,
                commit_sha: plan.commit.clone(),
                change_set_id: Some(plan.change_set_id.clone()),
                git_repo: None,
                branch: None,
                commit_message: None,
                deployed_commit: None,
                stack_name: None,
                target_role_arn: None,
            });
        }
        request.backend_plan().map(|plan| Self {
            deploy_id,
            commit_sha: plan.commit.clone(),
            change_set_id: None,
            git_repo: Some(plan.target.git_repo.clone()),
            branch: Some(plan.branch.clone()),
            commit_message: Some(plan.commit_message.clone()),
            deployed_commit: plan.base.clone(),
            stack_name: Some(plan.target.stack_name.clone()),
            target_role_arn: plan.target.target_role_arn.clone(),
        })
    }
}

/// Whose key asks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CallerView {
    /// The key's id.
    pub key_id: String,
    /// The key's name.
    pub name: String,
}

/// A file that would be written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileChange {
    /// The file.
    pub filename: String,
    /// "added" or "changed".
    pub change: &'static str,
    /// Bytes.
    pub size: u64,
    /// How it would be cached.
    pub cache_control: String,
    /// As what it would be served.
    pub content_type: String,
}

impl From<FileLine> for FileChange {
    fn from(line: FileLine) -> Self {
        Self {
            filename: line.path,
            change: if line.added { "added" } else { "changed" },
            size: line.size,
            cache_control: line.cache_control,
            content_type: line.content_type,
        }
    }
}

/// Said of a request whose files cannot be named any more.
const NOT_KEPT: &str = "The lists of its files are not kept any more; changes still counts them.";

/// Shows what a request would do, file by file.
pub async fn show(app: &App, caller: &Caller, args: WhichRequest) -> Result<RequestDetails, UserError> {
    let mut request = find(app, caller, &args.request_id).await?;
    let (mut files, mut files_total, mut removed, mut note) = (Vec::new(), 0, Vec::new(), None);
    if let Some(plan) = request.frontend_plan() {
        match site_content(app, &request, plan).await {
            Ok(site) => {
                files = site.files.into_iter().map(FileChange::from).collect();
                (files_total, removed) = (site.files_total, site.removed);
            }
            Err(error) if error.is_not_found() => note = Some(NOT_KEPT),
            Err(error) => return Err(error.into()),
        }
    }
    let mut review = request.review.take();
    if caller.role < Role::Approver
        && let Some(review) = &mut review
    {
        review.hide_parameters();
    }
    let now = Time::now();
    let backend = BackendDetails::of(&request);
    let (decided_by, approved_by) = (request.decided_by(), request.approved_by());
    Ok(RequestDetails {
        action: request.action,
        status: request.status_at(now),
        project: request.project.as_ref().map(ToString::to_string),
        target: TargetView::of(&request),
        restores: request.frontend_plan().and_then(|plan| plan.restores.clone()),
        warning: request.frontend_plan().filter(|plan| plan.mass_delete).map(|_| MassDelete::WARNING),
        source: request.source,
        caller: CallerView { key_id: request.caller.into(), name: request.caller_name },
        reason: request.reason,
        changes: request.changes,
        backend,
        review,
        files,
        files_total,
        removed,
        note,
        plan_hash: request.plan_hash.map(|hash| hash.to_string()),
        created_at: request.created_at,
        expires_at: request.expires_at,
        expires_in: format!("{} seconds", request.expires_at.seconds_left(now)),
        approved_by,
        approvals_required: Some(request.approvals_required).filter(|required| *required > 1),
        offered: request.offered,
        decided_by,
        decided_at: request.decision.map(|decision| decision.at),
        request_id: request.request_id.into(),
    })
}
