//! The task `deploy.check_stack`: counts what the stack's events tell, in the stack and in those nested in it.

use super::work::{DeployTask, refused};
use crate::analysis::failure::{StackEvent, of_operation};
use crate::analysis::stack_progress::{StackOutcome, StackProgress};
use crate::aws::error::AwsError;
use crate::aws::stacks::StackAccount;
use crate::domain::backend::run::{BackendRun, BackendStep};
use crate::domain::ids::RequestId;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use serde_json::Value;
use std::collections::BTreeSet;

/// Nested stacks that are followed.
const MAX_NESTED: usize = 50;
/// How far AWS's clock may be behind, in seconds.
const CLOCK_SKEW: u32 = 5;

/// Looks at the stack, from where the last look ended.
pub async fn check_stack(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    let account = work.account().await?;
    let set = work.run.change_set.clone().ok_or_else(|| refused("The record does not name the change set"))?;
    let known = work.run.stack.clone();
    let mut progress = known.unwrap_or_else(|| StackProgress::new(set.kind.into(), &set.stack_id, set.resources));
    let mut looked_at = BTreeSet::new();
    while let Some(stack) = next_stack(&progress, &looked_at) {
        let seen = progress.cursor(&stack).map(str::to_owned);
        let events = events_of(&account, &work.run, &stack, seen.as_deref()).await?;
        progress.absorb(&events);
        looked_at.insert(stack);
    }
    let outcome = progress.outcome();
    work.note(|run, now| {
        run.stack = Some(progress);
        if outcome == Some(StackOutcome::Succeeded) {
            run.reach(BackendStep::Finishing, now);
        }
    })
    .await?;
    Ok(work.answer(match outcome {
        None => "again",
        Some(StackOutcome::Succeeded) => "deployed",
        Some(StackOutcome::RolledBack | StackOutcome::Failed | StackOutcome::RollbackFailed) => "failed",
    }))
}

fn next_stack(progress: &StackProgress, looked_at: &BTreeSet<String>) -> Option<String> {
    let open = progress.open_stacks();
    open.into_iter().find(|stack| !looked_at.contains(*stack) && looked_at.len() <= MAX_NESTED).map(str::to_owned)
}

/// Every event that came of this deploy, newest first: the stack's own, and behind them those of nested stacks.
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

/// The events of one stack that came of this deploy and are newer than `seen`, newest first.
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
        // A nested stack whose making failed at once may be gone already.
        Err(error) if error.is_not_found() => return Ok(vec![]),
        other => other?,
    };
    if let Some(end) = events.iter().position(is_older) {
        events.truncate(end);
    }
    // Whoever else takes part, as by cancelling the update, does so with another token; the time bounds it well.
    Ok(of_operation(&events, None, since))
}
