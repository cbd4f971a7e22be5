//! The task `deploy.check_stack`: counts resources from the events of the stack and of those nested in it.

use crate::analysis::failure::{StackEvent, of_operation};
use crate::analysis::stack_progress::{StackOutcome, StackProgress};
use crate::aws::error::AwsError;
use crate::aws::stacks::StackAccount;
use crate::domain::ids::RequestId;
use crate::kinds::stack::run::{BackendRun, BackendStep};
use crate::kinds::stack::task::{DeployTask, StepAnswer};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use serde::Serialize;
use std::collections::BTreeSet;

/// Nested stacks that are followed.
const MAX_NESTED: usize = 50;
/// How far AWS's clock may be behind, in seconds.
const CLOCK_SKEW: u32 = 5;

/// What became of the stack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StackCheckOutcome {
    /// CloudFormation still changes it.
    Again,
    /// It is as the template says.
    Deployed,
    /// The change failed.
    Failed,
}

/// Counts the events since the last check.
pub(crate) async fn check_stack(app: &App, id: &RequestId) -> Result<StepAnswer<StackCheckOutcome>, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    let account = task.account().await?;
    let set = task.change_set()?;
    let known = task.run.stack.clone();
    let mut progress = known.unwrap_or_else(|| StackProgress::new(set.kind.into(), &set.stack_id, set.resources));
    let mut read = BTreeSet::new();
    while let Some(stack) = next_stack(&progress, &read) {
        let seen = progress.cursor(&stack).map(str::to_owned);
        let events = events_of(&account, &task.run, &stack, seen.as_deref()).await?;
        progress.absorb(&events);
        read.insert(stack);
    }
    let outcome = progress.outcome();
    task.note(|run, now| {
        run.stack = Some(progress);
        if outcome == Some(StackOutcome::Succeeded) {
            run.reach(BackendStep::Finishing, now);
        }
    })
    .await?;
    Ok(task.answer(match outcome {
        None => StackCheckOutcome::Again,
        Some(StackOutcome::Succeeded) => StackCheckOutcome::Deployed,
        Some(StackOutcome::RolledBack | StackOutcome::Failed | StackOutcome::RollbackFailed) => {
            StackCheckOutcome::Failed
        }
    }))
}

fn next_stack(progress: &StackProgress, read: &BTreeSet<String>) -> Option<String> {
    let open = progress.open_stacks();
    open.into_iter().find(|stack| !read.contains(*stack) && read.len() <= MAX_NESTED).map(str::to_owned)
}

/// Lists the events of this deploy, newest first: the stack's own, then those of nested stacks.
pub(crate) async fn operation_events(account: &StackAccount, run: &BackendRun) -> Result<Vec<StackEvent>, AwsError> {
    let Some(set) = &run.change_set else { return Ok(vec![]) };
    let mut events = Vec::new();
    let mut followed = BTreeSet::new();
    let mut to_follow = vec![set.stack_id.clone()];
    while let Some(stack) = to_follow.pop() {
        if followed.len() > MAX_NESTED || !followed.insert(stack.clone()) {
            continue;
        }
        let found = events_of(account, run, &stack, None).await?;
        let nested = found.iter().filter(|event| event.is_nested_stack()).filter_map(StackEvent::physical_id);
        to_follow.extend(nested.map(str::to_owned));
        events.extend(found);
    }
    Ok(events)
}

/// Lists the events of one stack that belong to this deploy and are newer than `seen`, newest first.
async fn events_of(
    account: &StackAccount,
    run: &BackendRun,
    stack: &str,
    seen: Option<&str>,
) -> Result<Vec<StackEvent>, AwsError> {
    let since = run.executed_at.map(|at| at.minus_seconds(CLOCK_SKEW));
    let is_older = |event: &StackEvent| {
        let id = event.event_id.as_deref();
        id.is_some() && (id == seen || id == run.event_before.as_deref())
            || event.time().is_some_and(|time| since.is_some_and(|since| time < since.timestamp()))
    };
    let mut events = match account.list_events(stack, |page| page.iter().any(is_older)).await {
        // A nested stack whose creation failed at once may be gone already.
        Err(error) if error.is_not_found() => return Ok(vec![]),
        other => other?,
    };
    if let Some(end) = events.iter().position(is_older) {
        events.truncate(end);
    }
    // Others take part with other tokens, as by cancelling the update, so only the time bounds the operation.
    Ok(of_operation(&events, None, since))
}
