//! What every task on a site does: it begins the work once, holds the project's lease, and notes how far it is.

use super::plan::SiteFacts;
use super::progress::{SiteProgress, Step};
use crate::domain::history::{Deploy, DeployKind, DeployStatus};
use crate::domain::ids::{ProjectId, ReleaseId};
use crate::domain::request::{Request, Status};
use crate::domain::rule::Rule;
use crate::domain::sealed::Sealed;
use crate::requests::app::App;
use crate::requests::engine::{ErrorName, TaskError};
use crate::requests::lease;
use crate::requests::prompts::refresh_progress;
use crate::requests::work;
use crate::storage::StoreError;
use crate::storage::coordination::Lane;
use std::time::Duration;
use tokio::time::Instant;

/// How often progress is written.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// Begins a request's work, or goes on with it; `None` when it has ended.
pub(crate) async fn take_up(app: &App, request: Request, step: Step) -> Result<Option<Request>, TaskError> {
    match request.status {
        Status::Approved => {
            let progress = Sealed::of(&SiteProgress::at(step))?;
            work::begin(app, &request, |row| row.progress = Some(progress)).await.map(Some)
        }
        Status::Running => {
            work::note_begin(app, &request).await?;
            Ok(Some(request))
        }
        _ => Ok(None),
    }
}

/// Makes the row that the project's history keeps of a request.
pub(crate) fn history_row(request: &Request, status: DeployStatus) -> Option<Deploy> {
    let is_upkeep = request.allowed_by == Some(Rule::Maintenance);
    let outcome = request.outcome.as_ref();
    let release = outcome.and_then(|outcome| outcome.result.get("release_id")?.as_str());
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
        // Maintenance needs no reason.
        reason: request.reason.clone().or_else(|| is_upkeep.then(|| request.summary.clone())),
        release_id: release.and_then(|id| ReleaseId::parse(id).ok()),
        commit_sha: None,
        commit_message: None,
        branch: None,
        changes: request.facts_as::<SiteFacts>().and_then(|facts| facts.changes),
        error_summary: outcome.filter(|_| status == DeployStatus::Failed).and_then(|outcome| outcome.sentence.clone()),
    })
}

/// Takes or renews the project's lease.
pub(crate) async fn hold(app: &App, request: &Request, project: &ProjectId) -> Result<(), TaskError> {
    let seconds = app.settings.publish.lease_seconds;
    lease::hold(app, project, Lane::Frontend, &request.request_id, seconds).await
}

/// Writes how far the work is. An error forbids going on.
pub(crate) async fn note_progress(app: &App, request: &Request, progress: &SiteProgress) -> Result<(), TaskError> {
    match app.store.set_progress(&request.request_id, progress).await {
        Err(StoreError::Conflict) => Err(TaskError::stale_plan("The request was ended meanwhile")),
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
            Err(error) if error.name == ErrorName::Unavailable && renewed.elapsed() < lease / 2 => {}
            Err(error) => return error,
        }
    }
}
