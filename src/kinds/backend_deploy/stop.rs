//! Finds and stops what a deploy has started. What a crashed task created but did not record is found by its deterministic
//! name.

use super::plan::BackendPlan;
use super::watch::operation_events;
use crate::analysis::failure::StackEvent;
use crate::analysis::stack_progress::{StackOutcome, StackProgress};
use crate::aws::error::AwsError;
use crate::aws::stacks::StackAccount;
use crate::domain::ids::DeployId;
use crate::domain::request::Request;
use crate::kinds::stack::run::{BackendRun, BackendStep, ChangeSetRun};
use crate::kinds::stack::task::services;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::stack_services::Backend;
use std::time::Duration;
use tokio::time::Instant;

/// How long CloudFormation may take until it can be stopped.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopOutcome {
    /// Nothing goes on, or the stack is being rolled back.
    Stopped,
    /// The stack is already as the template says.
    TooLate,
}

/// What an execution that ended by force left of its stack's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrphanState {
    /// Nothing that goes on.
    Nothing,
    /// The stack is as the template says.
    Done,
    /// CloudFormation is still changing it.
    GoesOn,
}

/// Stops the build, deletes the change set, and cancels a running update.
///
/// # Errors
/// Fails when something could not be stopped yet.
pub(crate) async fn stop_work(app: &App, request: &Request) -> Result<StopOutcome, TaskError> {
    let Some((run, plan, deploy_id)) = running_deploy(request) else { return Ok(StopOutcome::Stopped) };
    let backend = services(app)?;
    stop_build(backend, &run, deploy_id).await?;
    if run.step < BackendStep::ComparingStack {
        return Ok(StopOutcome::Stopped);
    }
    let account = backend.account_of_call(&plan.target, deploy_id).await?;
    // First, so that a task that is still running cannot execute it.
    let deleted = delete_change_set(&account, &run, deploy_id).await?;
    match (&run.change_set, run.executed_at) {
        (Some(set), Some(_)) => cancel_update(&account, &run, set, deploy_id, deleted).await,
        _ => Ok(StopOutcome::Stopped),
    }
}

/// Inspects what is left of a deploy whose execution ended on its own. Its build is stopped, because nothing would come of
/// it; an operation on the stack is left alone.
///
/// # Errors
/// Fails when that cannot be found out.
pub(crate) async fn inspect_orphan(app: &App, request: &Request) -> Result<OrphanState, TaskError> {
    let Some((run, plan, deploy_id)) = running_deploy(request) else { return Ok(OrphanState::Nothing) };
    let backend = services(app)?;
    stop_build(backend, &run, deploy_id).await?;
    let (Some(set), Some(_)) = (&run.change_set, run.executed_at) else { return Ok(OrphanState::Nothing) };
    let account = backend.account(&plan.target, deploy_id).await?;
    let deleted = delete_change_set(&account, &run, deploy_id).await?;
    let events = operation_events(&account, &run).await?;
    let progress = counted(set, &events);
    Ok(match progress.outcome() {
        Some(StackOutcome::Succeeded) => OrphanState::Done,
        Some(_) => OrphanState::Nothing,
        None if progress.only_cleans_up() => OrphanState::Done,
        None if deleted && events.is_empty() => OrphanState::Nothing,
        None => OrphanState::GoesOn,
    })
}

fn running_deploy(request: &Request) -> Option<(BackendRun, BackendPlan, &DeployId)> {
    Some((request.checkpoint_as()?, request.plan_as()?, request.deploy_id.as_ref()?))
}

async fn stop_build(backend: &Backend, run: &BackendRun, deploy_id: &DeployId) -> Result<(), AwsError> {
    let build = match &run.build {
        Some(build) if build.status != "IN_PROGRESS" => None,
        Some(build) => Some(build.id.clone()),
        // Started, perhaps, by a task that died before it could record it.
        None if run.artifacts.is_some() => backend.builds.find_build(&backend.build_source(deploy_id)).await?,
        None => None,
    };
    match build {
        Some(build) => backend.builds.stop_build(&build).await,
        None => Ok(()),
    }
}

/// Deletes the change set, and tells whether it is gone; one that is or was executed stays.
async fn delete_change_set(account: &StackAccount, run: &BackendRun, deploy_id: &DeployId) -> Result<bool, TaskError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match account.delete_change_set(change_set_of(run, deploy_id)).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_refused() && run.executed_at.is_some() => return Ok(false),
            Err(error) if error.code().starts_with("InvalidChangeSetStatus") => {}
            Err(error) => return Err(error.into()),
        }
        if Instant::now() > deadline {
            let cause = "CloudFormation is still computing the change set, which cannot be deleted until then.";
            return Err(TaskError::unavailable(cause));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Names the change set by its ARN, or by its name where a task died before it could record more.
pub(crate) fn change_set_of<'a>(run: &'a BackendRun, deploy_id: &'a DeployId) -> &'a str {
    run.change_set.as_ref().map_or(deploy_id.as_str(), |set| &set.id)
}

/// Cancels the update, unless it has ended or is being rolled back.
async fn cancel_update(
    account: &StackAccount,
    run: &BackendRun,
    set: &ChangeSetRun,
    deploy_id: &DeployId,
    deleted: bool,
) -> Result<StopOutcome, TaskError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let events = operation_events(account, run).await?;
        let progress = counted(set, &events);
        match progress.outcome() {
            Some(StackOutcome::Succeeded) => return Ok(StopOutcome::TooLate),
            Some(_) => return Ok(StopOutcome::Stopped),
            None if progress.rolling_back => return Ok(StopOutcome::Stopped),
            // The new resources are in place, and the replaced ones are being removed.
            None if progress.only_cleans_up() => return Ok(StopOutcome::TooLate),
            None if deleted && events.is_empty() => return Ok(StopOutcome::Stopped),
            None => {}
        }
        if account.describe_stack().await?.is_some_and(|stack| stack.status == "UPDATE_IN_PROGRESS") {
            match account.cancel_update(deploy_id).await {
                Ok(()) => return Ok(StopOutcome::Stopped),
                // It moved on in between; the next check sees where to.
                Err(error) if error.is_refused() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if Instant::now() > deadline {
            let cause = "The stack's update has only just begun and cannot be cancelled yet.";
            return Err(TaskError::unavailable(cause));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn counted(set: &ChangeSetRun, events: &[StackEvent]) -> StackProgress {
    let mut progress = StackProgress::new(set.kind.into(), &set.stack_id, set.resources);
    progress.absorb(events);
    progress
}
