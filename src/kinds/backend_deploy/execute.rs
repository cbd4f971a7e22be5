//! The task `deploy.execute`: everything is asked once more, then the change set that was shown is executed.

use super::begin::still_as_planned;
use super::change_set::described;
use super::watch::operation_events;
use super::work::{DeployTask, load, refused};
use crate::analysis::changeset;
use crate::analysis::changeset::{ChangeClass, ChangeSet};
use crate::domain::audit::Actor;
use crate::domain::backend::run::{BackendStep, ChangeSetRun};
use crate::domain::canonical;
use crate::domain::digest::Sha256;
use crate::domain::ids::RequestId;
use crate::domain::request::{Event, Status};
use crate::kinds::infrastructure_change::question as infrastructure;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::transition::transition;
use serde_json::Value;

/// Executes, once. Said again it finds the change set executing, or gone after its execution.
pub async fn execute(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    let set = work.run.change_set.clone().ok_or_else(|| refused("The record does not name the change set"))?;
    let account = work.account().await?;
    if work.run.executed_at.is_some() {
        // CloudFormation deletes a change set when its execution has succeeded.
        match account.describe_change_set(&set.id).await {
            Err(error) if error.is_not_found() && !operation_events(&account, &work.run).await?.is_empty() => {
                return Ok(work.answer("executing"));
            }
            Ok(found) if has_begun(&found) => return Ok(work.answer("executing")),
            Err(error) if !error.is_not_found() => return Err(error.into()),
            // Not begun yet; or gone without a trace of it, which `described` says.
            Ok(_) | Err(_) => {}
        }
    }
    let found = described(&account, &set.id).await?;
    if has_begun(&found) {
        // Another attempt of this task may have noted it meanwhile.
        let now = load(app, id).await?;
        return match now.run.and_then(|run| run.executed_at) {
            Some(_) => Ok(work.answer("executing")),
            None => Err(refused("The change set was executed by someone else, outside of Bouncer")),
        };
    }
    still_as_shown(&found, &set)?;
    still_as_planned(app.store.project(&work.plan.project).await?.as_ref(), &work.plan)?;
    if set.class != Some(ChangeClass::CodeOnly) {
        let question = infrastructure::approved(&work).await?;
        if question.status == Status::Approved {
            transition(app, &question, Event::Start, Actor::bouncer(), |row| {
                row.started_at = Some(crate::domain::time::Time::now())
            })
            .await?;
        }
    }
    let newest = account.list_events(&set.stack_id, |_| true).await?;
    let newest = newest.into_iter().next().and_then(|event| event.event_id);
    // Stored first: whoever stops the deploy from here on must know that the stack may be changing.
    work.note(|run, now| {
        if run.executed_at.is_none() {
            run.event_before = newest;
        }
        run.executed_at.get_or_insert(now);
        run.attempts += 1;
        run.reach(BackendStep::ChangingStack, now);
    })
    .await?;
    match account.execute_change_set(&set.id, &work.deploy_id).await {
        // An attempt whose answer was lost was heard; how it goes is for the next task to see.
        Err(error) if error.is_refused() && has_begun(&described(&account, &set.id).await?) => {}
        other => other?,
    }
    tracing::info!(request_id = %id, project = %work.plan.project, phase = "execute", "the change set is executed");
    Ok(work.answer("executing"))
}

fn has_begun(set: &ChangeSet) -> bool {
    let status = set.execution_status.as_deref();
    matches!(status, Some("EXECUTE_IN_PROGRESS" | "EXECUTE_COMPLETE" | "EXECUTE_FAILED"))
}

/// What CloudFormation would do now must be what was assessed, shown and approved.
fn still_as_shown(found: &ChangeSet, set: &ChangeSetRun) -> Result<(), TaskError> {
    if found.execution_status.as_deref() != Some("AVAILABLE") {
        let state = found.execution_status.as_deref().unwrap_or("unknown");
        return Err(refused(&format!(
            "The change set can no longer be executed ({state}): the stack was changed by someone else; \
             ask for the deploy anew"
        )));
    }
    let now = Sha256::of(canonical::to_string(&changeset::assess(found))?.as_bytes());
    if Some(now) != set.changes {
        return Err(refused("The change set would do something else than what was shown; ask for the deploy anew"));
    }
    Ok(())
}
