//! The task `deploy.check_stack`: counts what the stack's events tell, in the stack and in those nested in it.

use super::work::{Work, refused};
use crate::aws::call::CallError;
use crate::aws::stacks::StackAccount;
use crate::flow::app::App;
use crate::flow::ports::TaskError;
use crate::model::backend_run::{BackendRun, BackendStep, ChangeSetKind};
use crate::model::failure::StackEvent;
use crate::model::ids::{DeployId, RequestId};
use crate::model::stack_progress::{StackOperation, StackOutcome, StackProgress};
use serde_json::Value;
use std::collections::BTreeSet;

/// Nested stacks that are followed.
const MAX_NESTED: usize = 50;

/// Looks at the stack.
pub async fn check_stack(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = Work::load(app, id).await?;
    let account = work.account().await?;
    let events = operation_events(&account, &work.run, &work.deploy_id).await?;
    let set = work.run.change_set.clone().ok_or_else(|| refused("The record does not name the change set"))?;
    let operation = match set.kind {
        ChangeSetKind::Create => StackOperation::Create,
        ChangeSetKind::Update => StackOperation::Update,
    };
    let progress = StackProgress::of(operation, set.resources, &set.stack_id, &events);
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
        Some(StackOutcome::Failed) => "failed",
    }))
}

/// The events that came of this deploy, newest first, those of nested stacks behind them.
pub(super) async fn operation_events(
    account: &StackAccount,
    run: &BackendRun,
    deploy: &DeployId,
) -> Result<Vec<StackEvent>, CallError> {
    let Some(set) = &run.change_set else { return Ok(vec![]) };
    let is_before = |event: &StackEvent| run.event_before.is_some() && event.event_id == run.event_before;
    let mut events = account.events(&set.stack_id, |page| page.iter().any(is_before)).await?;
    if let Some(end) = events.iter().position(is_before) {
        events.truncate(end);
    }
    let begun = events.last().and_then(|event| event.timestamp.clone());
    let mut followed = BTreeSet::from([set.stack_id.clone()]);
    let mut to_follow = nested_stacks(&events);
    while let Some(stack) = to_follow.pop() {
        if followed.len() > MAX_NESTED || !followed.insert(stack.clone()) {
            continue;
        }
        let is_older = |event: &StackEvent| event.timestamp < begun;
        let mut inner = match account.events(&stack, |page| page.iter().any(is_older)).await {
            Err(CallError::NotFound(_)) => continue,
            other => other?,
        };
        inner.retain(|event| !is_older(event));
        to_follow.extend(nested_stacks(&inner));
        events.extend(inner);
    }
    tracing::debug!(deploy_id = %deploy, events = events.len(), "read the events of the stack");
    Ok(events)
}

/// The nested stacks that events tell of.
fn nested_stacks(events: &[StackEvent]) -> Vec<String> {
    let nested = events.iter().filter(|event| event.is_nested_stack());
    let stacks: BTreeSet<&str> = nested.filter_map(StackEvent::physical_id).collect();
    stacks.into_iter().map(str::to_owned).collect()
}
