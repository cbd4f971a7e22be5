//! The tasks `deploy.start_build` and `deploy.check_build`: CodeBuild turns the source into a packaged template.

use super::seal::seal;
use super::services::place;
use super::work::DeployTask;
use crate::aws::builds::{BuildOrder, BuildSnapshot};
use crate::domain::backend::run::{BackendStep, BuildRun};
use crate::domain::ids::RequestId;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use serde_json::Value;
use std::collections::BTreeMap;

/// Starts the build unless it was started.
pub async fn start_build(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    if work.run.build.is_some() {
        return Ok(work.answer("started"));
    }
    // Stored before the build knows it, so that a repeated start orders the same.
    let folder = work.run.artifacts.clone().unwrap_or_else(|| place::build(&work.deploy_id));
    work.note(|run, now| {
        run.artifacts = Some(folder.clone());
        run.reach(BackendStep::Building, now);
    })
    .await?;
    let source = work.backend.build_source(&work.deploy_id);
    let order = BuildOrder {
        source: source.clone(),
        token: work.deploy_id.to_string(),
        variables: BTreeMap::from([
            ("BOUNCER_DEPLOY_ID", work.deploy_id.to_string()),
            ("BOUNCER_COMMIT", work.plan.commit.to_string()),
            ("BOUNCER_TEMPLATE", work.plan.target.sam_template_path.clone()),
            ("BOUNCER_ARTIFACTS_BUCKET", work.backend.artifacts.name().to_owned()),
            ("BOUNCER_ARTIFACTS_PREFIX", folder),
        ]),
    };
    let build = match work.backend.builds.find_build(&source).await? {
        Some(started) => started,
        None => work.backend.builds.start_build(&order).await?,
    };
    let noted = work
        .note(|run, _| {
            run.build =
                Some(BuildRun { id: build.clone(), status: "IN_PROGRESS".into(), phase: "QUEUED".into(), log: None });
        })
        .await;
    if noted.is_err() {
        let now = super::work::load(app, id).await?;
        if now.status.has_ended() || now.cancellation.is_some() {
            // Cancelled between the start and its note: nobody else knows of this build.
            work.backend.builds.stop_build(&build).await?;
        }
    }
    noted?;
    Ok(work.answer("started"))
}

/// Looks at the build; when it has succeeded, what it left is sealed.
pub async fn check_build(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    let Some(known) = work.run.build.clone() else { return Ok(work.answer("again")) };
    let look = work.backend.builds.get_build(&known.id).await?;
    work.note(|run, _| run.build = Some(seen(&known, &look))).await?;
    match look.build.build_status.as_deref() {
        Some("SUCCEEDED") => {
            seal(&work).await?;
            Ok(work.answer("built"))
        }
        Some("FAILED" | "FAULT" | "STOPPED" | "TIMED_OUT") => Ok(work.answer("failed")),
        _ => Ok(work.answer("again")),
    }
}

/// What the record keeps of a build.
fn seen(known: &BuildRun, look: &BuildSnapshot) -> BuildRun {
    BuildRun {
        id: known.id.clone(),
        status: look.build.build_status.clone().unwrap_or_else(|| known.status.clone()),
        phase: look.build.current_phase.clone().unwrap_or_else(|| known.phase.clone()),
        log: look.log.clone().or_else(|| known.log.clone()),
    }
}
