//! The task `frontend.publish`: one slice of putting an approved site into its bucket. Called again with the cursor
//! it returned until it says `deployed`, and safe to repeat from any point. Here are the checks before any effect; the
//! work itself is in `slice`.

use super::report::Report;
use super::slice::{Cursor, DEPLOYED, FAILED, Publication, Slice};
use crate::aws::error::AwsError;
use crate::domain::audit::Actor;
use crate::domain::history::{Deploy, DeployKind, DeployStatus};
use crate::domain::ids::{ProjectId, ReleaseId, RequestId};
use crate::domain::plan::FrontendPlan;
use crate::domain::progress::Progress;
use crate::domain::project::Project;
use crate::domain::request::{Event, Request, Status, Verdict};
use crate::domain::site::manifest::Manifest;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::approval::APPROVAL_AGE_SECONDS;
use crate::requests::documents::Release;
use crate::requests::engine::TaskError;
use crate::requests::errors::{UNAVAILABLE, role_denied, role_unavailable};
use crate::requests::lease;
use crate::requests::prompts::refresh_progress;
use crate::requests::transition::transition;
use crate::storage::StoreError;
use crate::storage::coordination::Lane;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Runs one slice, which begins no file after `deadline`.
pub async fn publish(app: &App, request_id: &RequestId, cursor: Value, deadline: Instant) -> Result<Slice, TaskError> {
    let cursor: Cursor = serde_json::from_value::<Option<Cursor>>(cursor)?.unwrap_or_default();
    let request = load(app, request_id).await?;
    let request = match request.status {
        Status::Approved => begin(app, &request).await?,
        Status::Running => request,
        Status::Completed => return Ok(DEPLOYED),
        _ => return Ok(FAILED),
    };
    if let Some(deploy) = history_row(&request, DeployStatus::Running) {
        app.store.begin_deploy(&deploy).await?;
    }
    let plan = approved_plan(&request)?;
    let project = app
        .store
        .project(&plan.project)
        .await?
        .ok_or_else(|| stale_plan("The project was removed after the approval"))?;
    let release_id = ReleaseId::derive(&plan.manifest, &request.request_id);
    if project.current_release.as_ref() == Some(&release_id) {
        return Ok(DEPLOYED);
    }
    hold(app, &request, &plan.project).await?;
    let fresh = app
        .store
        .project(&plan.project)
        .await?
        .ok_or_else(|| stale_plan("The project was removed after the approval"))?;
    still_as_approved(&fresh, &plan)?;
    let manifest = app.read_manifest(&plan.project, plan.manifest).await?;

    let site = match app.sites.open(&plan.target, request_id).await {
        Ok(site) => site.objects,
        Err(error) => return no_role(app, &request, &cursor, &error).await,
    };
    let work = Publication {
        app,
        request: &request,
        plan: &plan,
        release_id: &release_id,
        manifest: &manifest,
        site,
        deadline,
    };
    tokio::select! {
        outcome = work.run(&fresh, cursor) => outcome,
        lost = keep_lease(app, &request, &plan.project) => Err(lost),
    }
}

pub(crate) async fn load(app: &App, id: &RequestId) -> Result<Request, TaskError> {
    app.store
        .request(id)
        .await?
        .ok_or_else(|| TaskError { name: "Bouncer.NoRequest", cause: format!("the request {id} does not exist") })
}

/// Marks the start of the work, once.
async fn begin(app: &App, request: &Request) -> Result<Request, TaskError> {
    let now = Time::now();
    if request.decision.as_ref().is_none_or(|decision| now.seconds_since(decision.at) > APPROVAL_AGE_SECONDS) {
        return Err(stale_plan("The approval is older than a day"));
    }
    let running = transition(app, request, Event::Start, Actor::bouncer(), |row| {
        row.started_at = Some(now);
        row.progress = Some(Progress::starting());
    })
    .await?;
    tracing::info!(
        request_id = %request.request_id,
        project = request.project.as_ref().map(tracing::field::display),
        phase = "publish",
        "the approved deploy begins"
    );
    Ok(running)
}

/// The row that the project's history keeps of a request.
pub(crate) fn history_row(request: &Request, status: DeployStatus) -> Option<Deploy> {
    Some(Deploy {
        schema: Deploy::SCHEMA,
        deploy_id: request.deploy_id.clone()?,
        project_id: request.project.clone()?,
        kind: DeployKind::Frontend,
        request_id: request.request_id.clone(),
        status,
        started_at: request.started_at.unwrap_or(request.created_at),
        finished_at: None,
        triggered_by: request.source.clone().unwrap_or_else(|| request.caller_name.clone()),
        // Of an maintenance nobody had to say why.
        reason: request.reason.clone().or_else(|| request.maintenance_plan().map(|_| request.summary.clone())),
        release_id: None,
        commit_sha: None,
        commit_message: None,
        branch: None,
        changes: request.changes,
        error_summary: None,
    })
}

/// The plan, if it is the one that was approved.
fn approved_plan(request: &Request) -> Result<FrontendPlan, TaskError> {
    let approved = request.decision.as_ref().is_some_and(|decision| decision.verdict == Verdict::Approve);
    let plan =
        request.frontend_plan().cloned().filter(|_| approved).ok_or_else(|| stale_plan("There is no approved plan"))?;
    if Some(plan.hash()?) != request.plan_hash {
        return Err(stale_plan("The stored plan is not the one that was approved"));
    }
    Ok(plan)
}

pub(crate) async fn hold(app: &App, request: &Request, project: &ProjectId) -> Result<(), TaskError> {
    let seconds = app.settings.publish.lease_seconds;
    lease::hold(app, project, Lane::Frontend, &request.request_id, seconds).await
}

fn still_as_approved(project: &Project, plan: &FrontendPlan) -> Result<(), TaskError> {
    if !project.enabled {
        return Err(stale_plan("The project was disabled after the approval"));
    }
    if project.frontend.as_ref() != Some(&plan.target) {
        return Err(stale_plan(
            "The project's bucket, distribution, region or role changed after the approval was asked",
        ));
    }
    if project.current_release != plan.base_release {
        return Err(stale_plan(
            "Another release went live after this was asked, so the approved changes are no longer what would happen",
        ));
    }
    Ok(())
}

/// A refusal that no repetition can mend.
pub(crate) fn refused(cause: impl Into<String>) -> TaskError {
    TaskError { name: "Bouncer.Refused", cause: cause.into() }
}

/// The same because something is no longer as it was when the deploy was asked for.
pub(crate) fn stale_plan(reason: &str) -> TaskError {
    refused(format!("{reason}; ask for the deploy anew."))
}

/// Without its role nothing more is written, and the report names it.
async fn no_role(app: &App, request: &Request, cursor: &Cursor, error: &AwsError) -> Result<Slice, TaskError> {
    tracing::warn!(request_id = %request.request_id, %error, phase = "publish", "the deploy role cannot be assumed");
    if error.is_transient() {
        return Err(TaskError { name: UNAVAILABLE, cause: role_unavailable(error) });
    }
    let report = Report::failed(request.visible, cursor.files, role_denied(error));
    app.store.set_result(&request.request_id, &serde_json::to_value(&report)?).await?;
    Ok(FAILED)
}

/// Writes how far the work is, for everybody who looks; an error forbids going on.
pub(crate) async fn note_progress(app: &App, request: &Request, progress: &Progress) -> Result<(), TaskError> {
    match app.store.set_progress(&request.request_id, progress).await {
        Err(StoreError::Conflict) => Err(stale_plan("The request was ended meanwhile")),
        // Progress is for the eye; the work does not stop for it.
        Err(error) => {
            tracing::warn!(%error, "progress could not be written");
            Ok(())
        }
        Ok(()) => {
            refresh_progress(app, request).await;
            Ok(())
        }
    }
}

/// Renews the lease while a slice runs. Ends when it is another's, and before it could become another's.
pub(crate) async fn keep_lease(app: &App, request: &Request, project: &ProjectId) -> TaskError {
    let lease = Duration::from_secs(app.settings.publish.lease_seconds);
    let period = (lease / 6).max(Duration::from_millis(100));
    let mut renewed = Instant::now();
    let mut ticks = tokio::time::interval_at(renewed + period, period);
    loop {
        ticks.tick().await;
        match hold(app, request, project).await {
            Ok(()) => renewed = Instant::now(),
            Err(error) if error.name == UNAVAILABLE && renewed.elapsed() < lease / 2 => {}
            Err(error) => return error,
        }
    }
}

/// Stores the release and notes that the bucket is about to hold files of it.
pub(crate) async fn announce(
    app: &App,
    request: &Request,
    release_id: &ReleaseId,
    plan: &FrontendPlan,
    manifest: &Manifest,
) -> Result<(), TaskError> {
    let release = Release {
        version: 1,
        release_id: release_id.clone(),
        project: plan.project.clone(),
        request_id: request.request_id.clone(),
        created_at: request.started_at.unwrap_or(request.created_at),
        bucket: Some(plan.target.bucket.clone()),
        manifest: manifest.clone(),
    };
    app.write_release(&release).await?;
    Ok(app.store.begin_release(&plan.project, release_id).await?)
}
