//! The task `deploy.execute`: everything is checked once more, then the change set that was shown is executed.

use super::begin::still_as_planned;
use super::change_set::described;
use super::watch::operation_events;
use crate::analysis::changeset::{self, ChangeClass, ChangeSet};
use crate::domain::audit::Actor;
use crate::domain::canonical;
use crate::domain::digest::Sha256;
use crate::domain::ids::RequestId;
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use crate::kinds::stack::question;
use crate::kinds::stack::run::{BackendRun, ChangeSetRun};
use crate::kinds::stack::task::{DeployTask, StepAnswer};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::find::load;
use crate::requests::prompts::refresh;
use serde::Serialize;

/// What came of executing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecuteOutcome {
    Executing,
}

/// Executes the change set, once. A repeated call finds it executing, or gone after its execution.
pub(crate) async fn execute(app: &App, id: &RequestId) -> Result<StepAnswer<ExecuteOutcome>, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    let set = task.change_set()?;
    let account = task.account().await?;
    if task.run.executed_at.is_some() {
        // CloudFormation deletes a change set when its execution has succeeded.
        match account.describe_change_set(&set.id).await {
            Err(error) if error.is_not_found() && !operation_events(&account, &task.run).await?.is_empty() => {
                return Ok(task.answer(ExecuteOutcome::Executing));
            }
            Ok(found) if has_begun(&found) => return Ok(task.answer(ExecuteOutcome::Executing)),
            Err(error) if !error.is_not_found() => return Err(error.into()),
            // Not begun yet; or gone without a trace of it, which `described` refuses.
            Ok(_) | Err(_) => {}
        }
    }
    let found = described(&account, &set.id).await?;
    if has_begun(&found) {
        // Another attempt of this task may have recorded it meanwhile.
        let run: Option<BackendRun> = load(app, id).await?.checkpoint_as();
        return match run.and_then(|run| run.executed_at) {
            Some(_) => Ok(task.answer(ExecuteOutcome::Executing)),
            None => Err(TaskError::refused("The change set was executed by someone else, outside of Bouncer")),
        };
    }
    still_as_shown(&found, &set)?;
    let project = app.store.project(&task.plan.project).await?;
    still_as_planned(project.as_ref(), &task.plan, task.request.allowed_by)?;
    let question = match set.class {
        Some(ChangeClass::CodeOnly) => None,
        _ => Some(started(app, question::approved(&task).await?).await?),
    };
    let newest = account.list_events(&set.stack_id, |_| true).await?;
    let newest = newest.into_iter().next().and_then(|event| event.event_id);
    // Recorded first: whoever cancels the deploy from here on must know that the stack may be changing.
    task.note(|run, now| run.record_execution(newest, now)).await?;
    match account.execute_change_set(&set.id, &task.deploy_id).await {
        // CloudFormation received an earlier attempt whose answer was lost; the next task sees how it goes.
        Err(error) if error.is_refused() && has_begun(&described(&account, &set.id).await?) => {}
        other => other?,
    }
    tracing::info!(request_id = %id, project = %task.plan.project, phase = "execute", "the change set is executed");
    if let Some(question) = question {
        refresh(app, &question).await;
    }
    Ok(task.answer(ExecuteOutcome::Executing))
}

/// Moves an approved question to running, as the change set it asked about is about to be executed.
async fn started(app: &App, question: Request) -> Result<Request, TaskError> {
    if question.status != Status::Approved {
        return Ok(question);
    }
    let started = |row: &mut Request| row.started_at = Some(Time::now());
    Ok(app.store.transition(&question, Event::Start, Actor::bouncer(), started).await?)
}

fn has_begun(set: &ChangeSet) -> bool {
    let status = set.execution_status.as_deref();
    matches!(status, Some("EXECUTE_IN_PROGRESS" | "EXECUTE_COMPLETE" | "EXECUTE_FAILED"))
}

/// Checks that CloudFormation would do now what was assessed, shown and approved.
fn still_as_shown(found: &ChangeSet, set: &ChangeSetRun) -> Result<(), TaskError> {
    if found.execution_status.as_deref() != Some("AVAILABLE") {
        let state = found.execution_status.as_deref().unwrap_or("unknown");
        return Err(TaskError::stale_plan(&format!(
            "The change set can no longer be executed ({state}): the stack was changed by someone else"
        )));
    }
    let now = Sha256::of(canonical::to_string(&changeset::assess(found))?.as_bytes());
    if Some(now) != set.changes {
        return Err(TaskError::stale_plan("The change set would do something else than what was shown"));
    }
    Ok(())
}
