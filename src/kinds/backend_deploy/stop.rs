//! What a deploy has started, found and stopped when the deploy itself is no longer carried out. What a task started and
//! died before it could note is looked for by the names that follow from the deploy.

use super::services::Backend;
use super::watch::operation_events;
use super::work::services;
use crate::analysis::failure::StackEvent;
use crate::analysis::stack_progress::{StackOutcome, StackProgress};
use crate::aws::error::AwsError;
use crate::aws::stacks::StackAccount;
use crate::domain::backend::run::{BackendRun, BackendStep, ChangeSetRun};
use crate::domain::ids::DeployId;
use crate::domain::request::Request;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::errors::UNAVAILABLE;
use std::time::Duration;
use tokio::time::Instant;

/// How long CloudFormation may take until it lets itself be stopped.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopOutcome {
    /// Nothing goes on, or it goes back.
    Yes,
    /// The stack is as the template says already.
    TooLate,
}

/// What an execution that ended by force has left of its stack's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrphanState {
    /// Nothing that goes on.
    Nothing,
    /// The stack is as the template says.
    Done,
    /// CloudFormation is at it.
    GoesOn,
}

/// Stops the build, drops the change set, and takes a running update back.
pub(crate) async fn stop_work(app: &App, request: &Request) -> Result<StopOutcome, TaskError> {
    let (Some(run), Some(plan), Some(deploy_id)) = (&request.run, request.backend_plan(), &request.deploy_id) else {
        return Ok(StopOutcome::Yes);
    };
    let backend = services(app)?;
    stop_build(backend, run, deploy_id).await?;
    if run.step < BackendStep::ComparingStack {
        return Ok(StopOutcome::Yes);
    }
    let account = backend.account_of_call(&plan.target, deploy_id).await?;
    // First of all it must not be executed any more by a task that is still on its way.
    let deleted = drop_change_set(&account, run, deploy_id).await?;
    match (&run.change_set, run.executed_at) {
        (Some(set), Some(_)) => cancel_update(&account, run, set, deploy_id, deleted).await,
        _ => Ok(StopOutcome::Yes),
    }
}

/// What goes on after an execution ended without anybody wishing it. A build is stopped, for nothing would come of it; an
/// operation on the stack is left alone.
pub(crate) async fn inspect_orphan(app: &App, request: &Request) -> Result<OrphanState, TaskError> {
    let (Some(run), Some(plan), Some(deploy_id)) = (&request.run, request.backend_plan(), &request.deploy_id) else {
        return Ok(OrphanState::Nothing);
    };
    let backend = services(app)?;
    stop_build(backend, run, deploy_id).await?;
    let (Some(set), Some(_)) = (&run.change_set, run.executed_at) else { return Ok(OrphanState::Nothing) };
    let account = backend.account(&plan.target, deploy_id).await?;
    let deleted = drop_change_set(&account, run, deploy_id).await?;
    let events = operation_events(&account, run).await?;
    let progress = counted(set, &events);
    Ok(match progress.outcome() {
        Some(StackOutcome::Succeeded) => OrphanState::Done,
        Some(_) => OrphanState::Nothing,
        None if progress.only_cleans_up() => OrphanState::Done,
        None if deleted && events.is_empty() => OrphanState::Nothing,
        None => OrphanState::GoesOn,
    })
}

async fn stop_build(backend: &Backend, run: &BackendRun, deploy_id: &DeployId) -> Result<(), AwsError> {
    let build = match &run.build {
        Some(build) if build.status != "IN_PROGRESS" => None,
        Some(build) => Some(build.id.clone()),
        // Ordered, perhaps, by a task that died before it could say so.
        None if run.artifacts.is_some() => backend.builds.find_build(&backend.build_source(deploy_id)).await?,
        None => None,
    };
    match build {
        Some(build) => backend.builds.stop_build(&build).await,
        None => Ok(()),
    }
}

/// Whether the change set is gone; one that is being executed, or was, stays.
async fn drop_change_set(account: &StackAccount, run: &BackendRun, deploy_id: &DeployId) -> Result<bool, TaskError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match account.delete_change_set(change_set_of(run, deploy_id)).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_refused() && run.executed_at.is_some() => return Ok(false),
            Err(error) if error.code().starts_with("InvalidChangeSetStatus") => {}
            Err(error) => return Err(error.into()),
        }
        if Instant::now() > deadline {
            let cause = "CloudFormation is still computing the change set, which cannot be deleted meanwhile.";
            return Err(TaskError { name: UNAVAILABLE, cause: cause.to_owned() });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The change set by its ARN, or by its name where a task died before it could note more.
pub(crate) fn change_set_of<'a>(run: &'a BackendRun, deploy_id: &'a DeployId) -> &'a str {
    run.change_set.as_ref().map_or(deploy_id.as_str(), |set| &set.id)
}

/// Cancels the update unless it has ended or goes back already.
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
            Some(_) => return Ok(StopOutcome::Yes),
            None if progress.rolling_back => return Ok(StopOutcome::Yes),
            // What is new is in its place, and what was replaced is being removed.
            None if progress.only_cleans_up() => return Ok(StopOutcome::TooLate),
            None if deleted && events.is_empty() => return Ok(StopOutcome::Yes),
            None => {}
        }
        if account.describe_stack().await?.is_some_and(|stack| stack.status == "UPDATE_IN_PROGRESS") {
            match account.cancel_update(deploy_id).await {
                Ok(()) => return Ok(StopOutcome::Yes),
                // It moved on in between, and the next look says where to.
                Err(error) if error.is_refused() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if Instant::now() > deadline {
            let cause = "The stack's update has only just begun and cannot be cancelled yet.";
            return Err(TaskError { name: UNAVAILABLE, cause: cause.to_owned() });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn counted(set: &ChangeSetRun, events: &[StackEvent]) -> StackProgress {
    let mut progress = StackProgress::new(set.kind.into(), &set.stack_id, set.resources);
    progress.absorb(events);
    progress
}
