//! The task `deploy.begin`: the approved deploy takes its project, if all is as it was when it was asked for.

use super::github_status as tell;
use super::github_status::report;
use super::outcome::history_row;
use super::work::{DeployTask, approved_plan, load, refused, services};
use crate::domain::audit::Actor;
use crate::domain::backend::run::BackendRun;
use crate::domain::backend::target::BackendPlan;
use crate::domain::history::DeployStatus;
use crate::domain::ids::RequestId;
use crate::domain::project::Project;
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::approval::APPROVAL_AGE_SECONDS;
use crate::requests::engine::TaskError;
use crate::requests::lease;
use crate::requests::transition::transition;
use crate::storage::coordination::Lane;
use serde_json::{Value, json};

/// Begins, once. Said again it changes nothing.
pub async fn begin(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    match request.status {
        Status::Approved => start(app, &request).await?,
        Status::Running => {}
        _ => return Ok(json!({ "outcome": "ended" })),
    }
    let mut work = DeployTask::load(app, id).await?;
    if let Some(deploy) = history_row(&work.request, DeployStatus::Running) {
        app.store.begin_deploy(&deploy).await?;
    }
    tell::deployment(&mut work).await?;
    report(app, &work.request, tell::GithubStatus::InProgress).await;
    Ok(json!({ "outcome": "begun" }))
}

async fn start(app: &App, request: &Request) -> Result<(), TaskError> {
    if request.cancellation.is_some() {
        return Err(refused("The deploy was cancelled"));
    }
    let plan = approved_plan(request)?;
    let now = Time::now();
    let approved_at = request.decision.as_ref().map_or(request.created_at, |decision| decision.at);
    if now.seconds_since(approved_at) > APPROVAL_AGE_SECONDS {
        return Err(refused("The approval is older than a day; ask for the deploy anew"));
    }
    let seconds = services(app)?.settings.lease_seconds;
    lease::hold(app, &plan.project, Lane::Backend, &request.request_id, seconds).await?;
    let project = app.store.project(&plan.project).await?;
    if let Err(error) = still_as_planned(project.as_ref(), &plan) {
        app.store.release(&plan.project, Lane::Backend, &request.request_id).await?;
        return Err(error);
    }
    transition(app, request, Event::Start, Actor::bouncer(), |row| {
        row.started_at = Some(now);
        row.run = Some(BackendRun::starting(now));
    })
    .await?;
    tracing::info!(request_id = %request.request_id, project = %plan.project, phase = "begin", "the approved deploy begins");
    Ok(())
}

/// Whether the project is still what the plan was made for. Asked again before the change set is executed.
pub(crate) fn still_as_planned(project: Option<&Project>, plan: &BackendPlan) -> Result<(), TaskError> {
    let stale_plan = |reason: &str| refused(&format!("{reason}; ask for the deploy anew"));
    let project = project.ok_or_else(|| stale_plan("The project was removed after the deploy was asked for"))?;
    if !project.enabled {
        return Err(stale_plan("The project was disabled after the deploy was asked for"));
    }
    let Some(target) = &project.backend else {
        return Err(stale_plan("The project has no backend any more"));
    };
    if !plan.gate.is_allowed_by(target.deploy_mode) {
        return Err(stale_plan("The project's deploy_mode asks for an approval by now"));
    }
    if target != &plan.target {
        return Err(stale_plan(
            "The project's repository, stack, roles or parameters changed after the deploy was asked for",
        ));
    }
    let base = project.deployed.as_ref().filter(|deployed| deployed.is_of(target)).map(|deployed| &deployed.commit);
    if base != plan.base.as_ref() {
        return Err(stale_plan(
            "Another deploy finished after this was asked for, so the changes that were shown are no longer what would happen",
        ));
    }
    Ok(())
}
