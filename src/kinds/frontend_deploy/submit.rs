//! From checked files to a submitted request: the plan, its facts, and the answer to the caller.

use super::name::NAME;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::{ProjectId, ReleaseId, RequestId};
use crate::domain::project::{FrontendTarget, Project};
use crate::domain::request::{Lifetime, Request, Status};
use crate::domain::site::manifest::{ChangeCounts, Manifest};
use crate::domain::site::removal::MassDelete;
use crate::domain::time::Time;
use crate::kinds::site::plan::{FrontendPlan, SiteFacts};
use crate::policy::rules::Subject;
use crate::requests::app::App;
use crate::requests::prompts::page_url;
use crate::requests::submit;
use crate::requests::submit::{Submission, Submitted};
use crate::requests::text::RequestText;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

/// The answer when a human has to decide.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PendingAnswer {
    /// "pending_approval", or where a request that was confirmed before stands by now.
    pub status: Status,
    /// Ask for it with bouncer_status.
    pub request_id: String,
    /// What happens next.
    pub message: String,
    /// Until when it can be decided.
    pub expires_at: Time,
    /// The same as a duration, "600 seconds".
    pub expires_in: String,
    /// The deploy's id in the project's history.
    pub deploy_id: String,
    /// Files of the site.
    pub file_count: usize,
    /// Their bytes.
    pub total_size: u64,
    /// Against the project's current release.
    pub changes: ChangeCounts,
    /// The earlier release that the site would go back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<ReleaseId>,
    /// What an approval is bound to.
    pub plan_hash: String,
    /// Address of the request's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Ask bouncer_status after so many seconds.
    pub poll_after_seconds: u64,
}

/// What is asked for.
pub(crate) struct Proposal<'a> {
    pub project: &'a Project,
    pub target: FrontendTarget,
    /// What visitors get now.
    pub base: Manifest,
    /// The files.
    pub manifest: &'a Manifest,
    /// The earlier release that they are of, when a site goes back to one.
    pub restores: Option<ReleaseId>,
    /// Whether more than half of the site may go.
    pub allow_mass_delete: bool,
    pub wording: RequestText,
    /// The request under which the files were uploaded.
    pub ready: Option<Request>,
}

/// Stores the plan and asks for its approval.
pub(crate) async fn submit(app: &App, caller: &Caller, proposal: Proposal<'_>) -> Result<PendingAnswer, UserError> {
    let Proposal { project, target, base, manifest, restores, allow_mass_delete, wording, ready } = proposal;
    let changes = ChangeCounts::from(&manifest.changes_since(&base));
    let mass_delete = MassDelete::of(&base, manifest);
    if let Some(exceeded) = mass_delete.filter(|_| !allow_mass_delete) {
        return Err(UserError::validation(
            format!("This {exceeded} (more than half). No approval was requested."),
            "Look at what bouncer_frontend_diff lists as removed. If it is meant, ask again with allow_mass_delete: true \
             (--allow-mass-delete).",
        )
        .with("changes", json!(changes)));
    }
    let mass_delete = mass_delete.is_some();
    let list = app.documents.put_manifest(&project.project_id, manifest).await?;
    if let Some(release) = &restores {
        // From now on the list keeps its contents; until now the release did.
        must_be_kept(app, &project.project_id, release).await?;
    }
    let plan = FrontendPlan {
        project: project.project_id.clone(),
        target,
        manifest: list,
        base_release: project.current_release.clone(),
        restores,
        mass_delete,
    };
    let facts = SiteFacts {
        changes: Some(changes),
        file_count: manifest.entries().len(),
        total_size: manifest.total_size(),
        issued: ready.as_ref().and_then(|request| request.facts_as::<SiteFacts>()).and_then(|facts| facts.issued),
        restores: plan.restores.clone(),
        mass_delete,
    };
    let window = wording.approval_window.unwrap_or(app.settings.approval_window);
    let lifetime = Lifetime { from: Time::now(), valid: window, kept: Request::KEPT_SECONDS };
    let request_id = ready.as_ref().map_or_else(RequestId::random, |request| request.request_id.clone());
    let request = Request {
        source: wording.source,
        trust_scope: wording.trust_scope,
        reason: Some(wording.reason),
        project: Some(project.project_id.clone()),
        deploy_id: Some(request_id.frontend_deploy_id()),
        approvals_required: project.approvals_required,
        ..Request::new(request_id, NAME, Status::PendingApproval, caller, &summary(&plan, changes), lifetime)
    };
    let request = request.with_plan(&plan)?.with_facts(&facts)?;
    let submission = Submission { request, subject: Subject::production(), ready, commit: None };
    match submit::submit(app, caller, submission).await? {
        Submitted::Stored(request) | Submitted::Waiting(request) => pending_answer(app, &request),
    }
}

/// The answer that a stored request gives.
pub(crate) fn pending_answer(app: &App, request: &Request) -> Result<PendingAnswer, UserError> {
    let facts = request.facts_as::<SiteFacts>().unwrap_or_default();
    let (Some(changes), Some(plan_hash), Some(deploy_id)) = (facts.changes, request.plan_hash, &request.deploy_id)
    else {
        return Err(UserError::new(
            ErrorCode::Conflict,
            format!("The request '{}' is {} and has no plan.", request.request_id, request.status),
            "Ask anew.",
        ));
    };
    let now = Time::now();
    let status = request.status_at(now);
    let message = match status {
        Status::PendingApproval => "Waiting for an approver; poll bouncer_status with the request_id.".to_owned(),
        other => format!("This was confirmed before and is {other}."),
    };
    Ok(PendingAnswer {
        status,
        request_id: request.request_id.to_string(),
        message,
        expires_at: request.expires_at,
        expires_in: format!("{} seconds", request.expires_at.seconds_left(now)),
        deploy_id: deploy_id.to_string(),
        file_count: facts.file_count,
        total_size: facts.total_size,
        changes,
        restores: facts.restores,
        url: page_url(app, request),
        poll_after_seconds: 5,
        plan_hash: plan_hash.to_string(),
    })
}

fn summary(plan: &FrontendPlan, changes: ChangeCounts) -> String {
    let project = &plan.project;
    let what = match &plan.restores {
        Some(release) => format!("Roll {project} back to {release}"),
        None => format!("Deploy {project}"),
    };
    let ChangeCounts { added, changed, removed, unchanged, .. } = changes;
    let warning = if plan.mass_delete { "DELETES MOST OF THE SITE. " } else { "" };
    format!("{warning}{what}: {added} added, {changed} changed, {removed} removed, {unchanged} unchanged")
}

/// Refuses a release that was given up while it was asked for: its contents may be about to go.
async fn must_be_kept(app: &App, project: &ProjectId, release: &ReleaseId) -> Result<(), UserError> {
    let now = app.store.project(project).await?;
    if now.is_some_and(|now| now.releases.iter().any(|kept| kept.release_id == *release)) {
        return Ok(());
    }
    Err(UserError::new(
        ErrorCode::Conflict,
        format!("The release {release} was given up at this moment."),
        "Name one that is kept; bouncer_frontend_releases lists them.",
    ))
}
