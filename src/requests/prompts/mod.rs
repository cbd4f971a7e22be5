//! What approvers are shown of a request: its parts, read from the records and the stored documents.

mod delivery;

pub use delivery::PromptLocks;
pub(crate) use delivery::{deliver, refresh, refresh_progress, remind};

use super::app::App;
use super::status::hint;
use crate::aws::error::AwsError;
use crate::domain::plan::{FrontendPlan, Plan};
use crate::domain::prompt::{
    BackendContent, Content, FileLine, InfrastructureContent, Outcome, Prompt, SiteContent, Stage,
};
use crate::domain::request::{Request, Status};
use crate::domain::site::manifest::{Entry, Manifest};
use crate::domain::time::Time;
use serde_json::Value;

/// Files that would be written, of which an approver is told by name.
pub(crate) const FILES_SHOWN: usize = 10;
/// Files that would be gone, of which an approver is told by name.
pub(crate) const REMOVED_SHOWN: usize = 100;

/// A request as its approvers are to see it now.
pub async fn prompt_of(app: &App, request: &Request) -> Result<Prompt, AwsError> {
    prompt_knowing(app, request, &mut None).await
}

/// The same for who asks again and again: what a site's deploy would change is read once, and stays so.
async fn prompt_knowing(app: &App, request: &Request, site: &mut Option<SiteContent>) -> Result<Prompt, AwsError> {
    if let (None, Some(plan)) = (&site, request.frontend_plan()) {
        *site = Some(site_content(app, request, plan).await?);
    }
    Ok(with_content(app, request, content(request, site.clone())))
}

/// A site's deploy between two lists of files that were read already.
pub(crate) fn prompt_between(app: &App, request: &Request, plan: &FrontendPlan, sites: &Sites) -> Prompt {
    with_content(app, request, Content::Site(content_between(request, plan, sites)))
}

fn content(request: &Request, site: Option<SiteContent>) -> Content {
    match (&request.plan, site) {
        (Some(Plan::Frontend(_)), Some(site)) => Content::Site(site),
        (Some(Plan::Backend(plan)), _) => Content::Backend(BackendContent {
            git_repo: plan.target.git_repo.clone(),
            branch: plan.branch.clone(),
            commit: plan.commit.clone(),
            commit_message: plan.commit_message.clone(),
            deployed: plan.base.clone(),
            stack_name: plan.target.stack_name.clone(),
            target_role_arn: plan.target.target_role_arn.clone(),
            review: request.review.clone().unwrap_or_default(),
        }),
        (Some(Plan::Infrastructure(plan)), _) => Content::Infrastructure(InfrastructureContent {
            commit: plan.commit.clone(),
            change_set_id: plan.change_set_id.clone(),
            review: request.review.clone().unwrap_or_default(),
        }),
        _ => Content::Other(request.summary.clone()),
    }
}

/// The same of a request whose documents are kept no more: its one line.
pub(crate) fn in_one_line(app: &App, request: &Request) -> Prompt {
    with_content(app, request, Content::Other(request.summary.clone()))
}

fn with_content(app: &App, request: &Request, content: Content) -> Prompt {
    Prompt {
        request_id: request.request_id.clone(),
        action: request.action,
        source: request.source.clone(),
        caller: request.caller_name.clone(),
        project: request.project.clone(),
        deploy_id: request.deploy_id.clone(),
        content,
        reason: request.reason.clone(),
        created_at: request.created_at,
        expires_at: request.expires_at,
        page: app.settings.page_url.as_ref().map(|url| format!("{url}/requests/{}", request.request_id)),
        stage: stage(request, Time::now()),
    }
}

/// A site before and after a deploy.
pub(crate) struct Sites {
    pub before: Manifest,
    pub after: Manifest,
}

impl Sites {
    pub(crate) async fn of(app: &App, plan: &FrontendPlan) -> Result<Self, AwsError> {
        let after = app.read_manifest(&plan.project, plan.manifest).await?;
        let before = app.site_of(&plan.project, plan.base_release.as_ref()).await?;
        Ok(Self { before, after })
    }
}

/// What a site's deploy would change, the first files by name.
pub(crate) async fn site_content(app: &App, request: &Request, plan: &FrontendPlan) -> Result<SiteContent, AwsError> {
    Ok(content_between(request, plan, &Sites::of(app, plan).await?))
}

fn content_between(request: &Request, plan: &FrontendPlan, sites: &Sites) -> SiteContent {
    let manifest = &sites.after;
    let changes = manifest.changes_since(&sites.before);
    let added = changes.added.iter().map(|path| (path, true));
    let files = added
        .chain(changes.changed.iter().map(|path| (path, false)))
        .take(FILES_SHOWN)
        .filter_map(|(path, added)| {
            let index = manifest.entries().binary_search_by(|entry| entry.path.cmp(path)).ok()?;
            manifest.entries().get(index).map(|entry| file_line(entry, added))
        })
        .collect();
    SiteContent {
        target: plan.target.clone(),
        restores: plan.restores.clone(),
        mass_delete: plan.mass_delete,
        changes: request.changes.unwrap_or_else(|| (&changes).into()),
        files,
        files_total: changes.added.len() + changes.changed.len(),
        removed_total: changes.removed.len(),
        removed: changes.removed.into_iter().take(REMOVED_SHOWN).map(String::from).collect(),
    }
}

fn file_line(entry: &Entry, added: bool) -> FileLine {
    FileLine {
        path: entry.path.to_string(),
        added,
        size: entry.size,
        cache_control: entry.cache_control.clone(),
        content_type: entry.content_type.clone(),
    }
}

pub(crate) fn stage(request: &Request, now: Time) -> Stage {
    let decided_by = request.decided_by();
    let ended = |outcome| Stage::Ended { outcome, decided_by: decided_by.clone(), detail: detail(request) };
    match request.status_at(now) {
        Status::Ready | Status::PendingApproval => Stage::Asking {
            offered: request.offered.clone(),
            approved_by: request.approved_by(),
            approvals_required: request.approvals_required,
        },
        Status::Approved | Status::Running => Stage::Running { decided_by, hint: hint(request, now) },
        Status::Completed => ended(Outcome::Completed),
        Status::Failed if said(request, "deploy_status") == Some("partial_deploy") => ended(Outcome::PartlyDeployed),
        Status::Failed => ended(Outcome::Failed),
        Status::Denied => ended(Outcome::Denied),
        Status::Expired => ended(Outcome::Expired),
        Status::Cancelled => ended(Outcome::Cancelled),
    }
}

/// What the result says in a sentence or an id: why it failed, or which release is live.
fn detail(request: &Request) -> Option<String> {
    said(request, "error_summary").or_else(|| said(request, "release_id")).map(str::to_owned)
}

fn said<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.result.as_ref().and_then(|result| result.get(name)).and_then(Value::as_str)
}
