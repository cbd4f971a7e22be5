//! The tasks `deploy.start_build` and `deploy.check_build`: CodeBuild turns the source into a packaged template.

use super::seal::seal;
use crate::aws::builds::{BuildOrder, BuildSnapshot};
use crate::domain::ids::RequestId;
use crate::kinds::stack::run::{BackendStep, BuildRun};
use crate::kinds::stack::task::{DeployTask, StepAnswer};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::find::load;
use crate::requests::stack_services::place;
use serde::Serialize;
use std::collections::BTreeMap;

/// What came of starting a build.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StartOutcome {
    Started,
}

/// What became of a build.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BuildOutcome {
    /// It runs.
    Again,
    /// It succeeded, and what it left is sealed.
    Built,
    /// It failed.
    Failed,
}

/// Starts the build, unless it was started.
pub(crate) async fn start_build(app: &App, id: &RequestId) -> Result<StepAnswer<StartOutcome>, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    if task.run.build.is_some() {
        return Ok(task.answer(StartOutcome::Started));
    }
    // Recorded before the build knows it, so that a repeated start orders the same.
    let folder = task.run.artifacts.clone().unwrap_or_else(|| place::build(&task.deploy_id));
    task.note(|run, now| {
        run.artifacts = Some(folder.clone());
        run.reach(BackendStep::Building, now);
    })
    .await?;
    let source = task.backend.build_source(&task.deploy_id);
    let order = BuildOrder {
        source: source.clone(),
        token: task.deploy_id.to_string(),
        variables: BTreeMap::from([
            ("BOUNCER_DEPLOY_ID", task.deploy_id.to_string()),
            ("BOUNCER_COMMIT", task.plan.commit.to_string()),
            ("BOUNCER_TEMPLATE", task.plan.target.sam_template_path.clone()),
            ("BOUNCER_ARTIFACTS_BUCKET", task.backend.artifacts.name().to_owned()),
            ("BOUNCER_ARTIFACTS_PREFIX", folder),
        ]),
    };
    let build = match task.backend.builds.find_build(&source).await? {
        Some(started) => started,
        None => task.backend.builds.start_build(&order).await?,
    };
    let noted = task
        .note(|run, _| {
            run.build =
                Some(BuildRun { id: build.clone(), status: "IN_PROGRESS".into(), phase: "QUEUED".into(), log: None });
        })
        .await;
    if noted.is_err() {
        let now = load(app, id).await?;
        if now.status.has_ended() || now.cancellation.is_some() {
            // Cancelled between the start and its record: nothing else knows of this build.
            task.backend.builds.stop_build(&build).await?;
        }
    }
    noted?;
    Ok(task.answer(StartOutcome::Started))
}

/// Records where the build is; once it has succeeded, seals what it left.
pub(crate) async fn check_build(app: &App, id: &RequestId) -> Result<StepAnswer<BuildOutcome>, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    let Some(known) = task.run.build.clone() else { return Ok(task.answer(BuildOutcome::Again)) };
    let snapshot = task.backend.builds.get_build(&known.id).await?;
    task.note(|run, _| run.build = Some(recorded(&known, &snapshot))).await?;
    match snapshot.build.build_status.as_deref() {
        Some("SUCCEEDED") => {
            seal(&task).await?;
            Ok(task.answer(BuildOutcome::Built))
        }
        Some("FAILED" | "FAULT" | "STOPPED" | "TIMED_OUT") => Ok(task.answer(BuildOutcome::Failed)),
        _ => Ok(task.answer(BuildOutcome::Again)),
    }
}

/// Returns what the record keeps of a build.
fn recorded(known: &BuildRun, snapshot: &BuildSnapshot) -> BuildRun {
    BuildRun {
        id: known.id.clone(),
        status: snapshot.build.build_status.clone().unwrap_or_else(|| known.status.clone()),
        phase: snapshot.build.current_phase.clone().unwrap_or_else(|| known.phase.clone()),
        log: snapshot.log.clone().or_else(|| known.log.clone()),
    }
}
