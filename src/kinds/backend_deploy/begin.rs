//! The task `deploy.begin`: the approved deploy takes the lease of its project, if everything is as it was at submission.

use super::github_status::{GithubStatus, create_deployment, report};
use super::plan::BackendPlan;
use crate::domain::ids::RequestId;
use crate::domain::project::Project;
use crate::domain::request::{Request, Status};
use crate::domain::rule::Rule;
use crate::domain::sealed::Sealed;
use crate::domain::time::Time;
use crate::kinds::stack::run::BackendRun;
use crate::kinds::stack::task::{Answer, DeployTask, services};
use crate::policy::rules::still_allows;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::find::load;
use crate::requests::lease;
use crate::requests::work::{self, approved_plan};
use crate::storage::coordination::Lane;
use serde::Serialize;

/// What came of beginning.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BeginOutcome {
    /// The deploy runs.
    Begun,
    /// The request ended before it could begin.
    Ended,
}

/// Begins a deploy, once; a repeated call changes nothing.
pub(crate) async fn begin(app: &App, id: &RequestId) -> Result<Answer<BeginOutcome>, TaskError> {
    let request = load(app, id).await?;
    match request.status {
        Status::Approved => start(app, &request).await?,
        Status::Running => work::note_begin(app, &request).await?,
        _ => return Ok(Answer { outcome: BeginOutcome::Ended }),
    }
    let mut task = DeployTask::load(app, id).await?;
    create_deployment(&mut task).await?;
    report(app, &task.request, GithubStatus::InProgress).await;
    Ok(Answer { outcome: BeginOutcome::Begun })
}

/// A lease that is taken here and not used is released when the failure is recorded.
async fn start(app: &App, request: &Request) -> Result<(), TaskError> {
    if request.cancellation.is_some() {
        return Err(TaskError::refused("The deploy was cancelled"));
    }
    let plan: BackendPlan = approved_plan(request)?;
    let seconds = services(app)?.settings.lease_seconds;
    lease::hold(app, &plan.project, Lane::Backend, &request.request_id, seconds).await?;
    let project = app.store.project(&plan.project).await?;
    still_as_planned(project.as_ref(), &plan, request.allowed_by)?;
    let checkpoint = Sealed::of(&BackendRun::starting(Time::now()))?;
    work::begin(app, request, |row| row.checkpoint = Some(checkpoint)).await?;
    Ok(())
}

/// Checks that the project is still what the plan was made for. `allowed_by` is the rule that asked nobody.
///
/// # Errors
/// Refuses a stale plan.
pub(crate) fn still_as_planned(
    project: Option<&Project>,
    plan: &BackendPlan,
    allowed_by: Option<Rule>,
) -> Result<(), TaskError> {
    let stale = TaskError::stale_plan;
    let project = project.ok_or_else(|| stale("The project was removed after the deploy was requested"))?;
    if !project.enabled {
        return Err(stale("The project was disabled after the deploy was requested"));
    }
    let target = project.backend.as_ref().ok_or_else(|| stale("The project no longer has a backend"))?;
    if allowed_by.is_some_and(|rule| !still_allows(rule, target.deploy_mode)) {
        return Err(stale("The project's deploy_mode now requires an approval"));
    }
    if target != &plan.target {
        return Err(stale(
            "The project's repository, stack, roles or parameters changed after the deploy was requested",
        ));
    }
    let base = project.deployed.as_ref().filter(|deployed| deployed.is_of(target)).map(|deployed| &deployed.commit);
    if base != plan.base.as_ref() {
        return Err(stale("Another deploy finished after this one was requested, so the changes shown are outdated"));
    }
    Ok(())
}
