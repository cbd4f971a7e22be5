//! The task `frontend.publish`: one slice of putting an approved site into its bucket. Called again with the cursor
//! it returned until it says `deployed`, and safe to repeat from any point. Here are the checks before any effect; the
//! work itself is in `slice`.

use super::slice::{Cursor, DEPLOYED, FAILED, Publication, Slice};
use crate::aws::error::AwsError;
use crate::domain::ids::{ReleaseId, RequestId};
use crate::domain::project::Project;
use crate::domain::request::{Request, Status};
use crate::kinds::site::plan::{FrontendPlan, VISIBLE};
use crate::kinds::site::progress::Step;
use crate::kinds::site::report::Report;
use crate::kinds::site::work::{hold, keep_lease, take_up};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::errors::{role_denied, role_unavailable};
use crate::requests::find::load;
use crate::requests::work::approved_plan;
use serde_json::Value;
use tokio::time::Instant;

/// Runs one slice, which begins no file after `deadline`.
pub async fn publish(app: &App, request_id: &RequestId, cursor: Value, deadline: Instant) -> Result<Slice, TaskError> {
    let cursor: Cursor = serde_json::from_value::<Option<Cursor>>(cursor)?.unwrap_or_default();
    let request = load(app, request_id).await?;
    let was_completed = request.status == Status::Completed;
    let Some(request) = take_up(app, request, Step::Starting).await? else {
        return Ok(if was_completed { DEPLOYED } else { FAILED });
    };
    let plan: FrontendPlan = approved_plan(&request)?;
    let project = app
        .store
        .project(&plan.project)
        .await?
        .ok_or_else(|| TaskError::stale_plan("The project was removed after the approval"))?;
    let release_id = ReleaseId::derive(&plan.manifest, &request.request_id);
    if project.current_release.as_ref() == Some(&release_id) {
        return Ok(DEPLOYED);
    }
    hold(app, &request, &plan.project).await?;
    let fresh = app
        .store
        .project(&plan.project)
        .await?
        .ok_or_else(|| TaskError::stale_plan("The project was removed after the approval"))?;
    still_as_approved(&fresh, &plan)?;
    let manifest = app.documents.manifest(&plan.project, plan.manifest).await?;

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

fn still_as_approved(project: &Project, plan: &FrontendPlan) -> Result<(), TaskError> {
    if !project.enabled {
        return Err(TaskError::stale_plan("The project was disabled after the approval"));
    }
    if project.frontend.as_ref() != Some(&plan.target) {
        return Err(TaskError::stale_plan(
            "The project's bucket, distribution, region or role changed after the approval was asked",
        ));
    }
    if project.current_release != plan.base_release {
        return Err(TaskError::stale_plan(
            "Another release went live after this was asked, so the approved changes are no longer what would happen",
        ));
    }
    Ok(())
}

/// Without its role nothing more is written, and the report names it.
async fn no_role(app: &App, request: &Request, cursor: &Cursor, error: &AwsError) -> Result<Slice, TaskError> {
    tracing::warn!(request_id = %request.request_id, %error, phase = "publish", "the deploy role cannot be assumed");
    if error.is_transient() {
        return Err(TaskError::unavailable(role_unavailable(error)));
    }
    let report = Report::failed(request.is_marked(VISIBLE), cursor.files, role_denied(error));
    app.store.set_checkpoint(&request.request_id, &report).await?;
    Ok(FAILED)
}
