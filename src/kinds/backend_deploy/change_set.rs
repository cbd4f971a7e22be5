//! The tasks `deploy.create_change_set` and `deploy.check_change_set`: CloudFormation computes what would change, and the
//! rules decide whether an approver must see it.

use crate::analysis::changeset::{self, ChangeClass, ChangeSet};
use crate::aws::stacks::{ChangeSetOrder, Stack, StackAccount};
use crate::domain::backend::change_set::ChangeSetKind;
use crate::domain::ids::RequestId;
use crate::domain::request::first_wait;
use crate::kinds::stack::assessment;
use crate::kinds::stack::run::{BackendStep, ChangeSetRun};
use crate::kinds::stack::task::{DeployTask, StepAnswer};
use crate::requests::app::App;
use crate::requests::engine::{ErrorName, TaskError};
use crate::requests::stack_services::place;
use serde::Serialize;

/// What came of creating a change set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CreateOutcome {
    Asked,
}

/// What a change set was found to do.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CompareOutcome {
    /// CloudFormation still computes it.
    Again,
    /// Nothing.
    Unchanged,
    /// It changes code only.
    CodeOnly,
    /// It changes infrastructure, so an approver must see it.
    Infrastructure,
}

impl From<ChangeClass> for CompareOutcome {
    fn from(class: ChangeClass) -> Self {
        match class {
            ChangeClass::CodeOnly => CompareOutcome::CodeOnly,
            ChangeClass::Infrastructure => CompareOutcome::Infrastructure,
        }
    }
}

/// The answer of `deploy.check_change_set`.
#[derive(Debug, Serialize)]
pub(crate) struct CompareAnswer {
    #[serde(flatten)]
    step: StepAnswer<CompareOutcome>,
    /// Seconds until approvers are reminded, should they be asked.
    window_seconds: u64,
}

/// Creates the change set, unless there is one.
pub(crate) async fn create_change_set(app: &App, id: &RequestId) -> Result<StepAnswer<CreateOutcome>, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    task.note(|run, now| run.reach(BackendStep::ComparingStack, now)).await?;
    if task.run.change_set.is_some() {
        return Ok(task.answer(CreateOutcome::Asked));
    }
    let account = task.account().await?;
    let kind = kind_for(account.describe_stack().await?.as_ref(), &task.plan.target.stack_name)?;
    let order = ChangeSetOrder {
        deploy_id: &task.deploy_id,
        kind,
        template_url: task.backend.artifacts.url(&place::template(&task.deploy_id)),
        parameters: &task.plan.parameters,
        project: task.plan.project.to_string(),
        description: format!("Bouncer {} of commit {}", task.deploy_id, task.plan.commit),
    };
    match account.create_change_set(&order).await {
        // An earlier attempt of this task created it.
        Err(error) if error.is_conflict() => {}
        other => other?,
    }
    let made = account.describe_change_set(task.deploy_id.as_str()).await?;
    let (Some(change_set_id), Some(stack_id)) = (made.change_set_id, made.stack_id) else {
        return Err(TaskError::refused("CloudFormation does not name the change set that it created"));
    };
    task.note(|run, _| {
        run.change_set =
            Some(ChangeSetRun { id: change_set_id, stack_id, kind, class: None, changes: None, resources: 0 });
    })
    .await?;
    Ok(task.answer(CreateOutcome::Asked))
}

/// Tells whether the stack is to be created or updated.
///
/// # Errors
/// Refuses a stack that is in a state in which neither can be done.
fn kind_for(stack: Option<&Stack>, name: &str) -> Result<ChangeSetKind, TaskError> {
    let Some(stack) = stack else { return Ok(ChangeSetKind::Create) };
    match stack.status.as_str() {
        "REVIEW_IN_PROGRESS" => Ok(ChangeSetKind::Create),
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE"
        | "UPDATE_FAILED" => Ok(ChangeSetKind::Update),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => {
            Err(TaskError::refused(format!(
                "The stack {name} is in {}: its creation failed, so it cannot be updated. Check what it holds, delete it \
                 (aws cloudformation delete-stack --stack-name {name}), and submit a new request",
                stack.status
            )))
        }
        "UPDATE_ROLLBACK_FAILED" => Err(TaskError::refused(format!(
            "The stack {name} is in UPDATE_ROLLBACK_FAILED: an earlier update could not be undone. Repair the resource \
             that its events name, run aws cloudformation continue-update-rollback --stack-name {name}, and submit a new \
             request"
        ))),
        status if status.ends_with("_IN_PROGRESS") => Err(TaskError {
            name: ErrorName::StackBusy,
            cause: format!("The stack {name} is being changed by someone else ({status})."),
        }),
        status => Err(TaskError::refused(format!(
            "The stack {name} is in {status}, a state in which Bouncer cannot change it"
        ))),
    }
}

/// Checks the change set, and assesses it once CloudFormation has computed it.
pub(crate) async fn check_change_set(app: &App, id: &RequestId) -> Result<CompareAnswer, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    let known = task.change_set()?;
    if let Some(class) = known.class {
        return Ok(answer(&task, class.into()));
    }
    let account = task.account().await?;
    let found = described(&account, &known.id).await?;
    match found.status.as_deref() {
        Some("CREATE_PENDING" | "CREATE_IN_PROGRESS") => return Ok(answer(&task, CompareOutcome::Again)),
        Some("CREATE_COMPLETE") => {}
        _ if found.says_no_changes() => return Ok(answer(&task, CompareOutcome::Unchanged)),
        _ => {
            let reason = found.status_reason.unwrap_or_else(|| "CloudFormation gives no reason".to_owned());
            return Err(TaskError::refused(format!("The change set could not be created: {reason}")));
        }
    }
    let assessment = changeset::assess(&found);
    let changes = assessment::store(&task, &assessment).await?;
    let resources = changeset::resource_count(&found);
    task.note(|run, _| {
        run.change_set =
            Some(ChangeSetRun { class: Some(assessment.class), changes: Some(changes), resources, ..known });
    })
    .await?;
    tracing::info!(
        request_id = %task.request.request_id, project = %task.plan.project, phase = "change_set",
        class = ?assessment.class, changes = assessment.changes.len(), "the change set is assessed"
    );
    Ok(answer(&task, assessment.class.into()))
}

fn answer(task: &DeployTask<'_>, outcome: CompareOutcome) -> CompareAnswer {
    let window_seconds = first_wait(task.backend.settings.infrastructure_window);
    CompareAnswer { step: task.answer(outcome), window_seconds }
}

/// Describes a change set. It may be gone: others may delete it, and an update from elsewhere makes it obsolete.
///
/// # Errors
/// Refuses to go on without it.
pub(crate) async fn described(account: &StackAccount, id: &str) -> Result<ChangeSet, TaskError> {
    match account.describe_change_set(id).await {
        Err(error) if error.is_not_found() => Err(TaskError::stale_plan(
            "The change set is gone: it was deleted, or the stack was changed by someone else",
        )),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_stack_has_its_answer() {
        let of = |status: &str| {
            let stack = Stack { id: "arn".into(), status: status.into(), reason: None };
            kind_for(Some(&stack), "shop").map_err(|error| error.name)
        };
        assert_eq!(kind_for(None, "shop"), Ok(ChangeSetKind::Create));
        assert_eq!(of("REVIEW_IN_PROGRESS"), Ok(ChangeSetKind::Create));
        for good in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"] {
            assert_eq!(of(good), Ok(ChangeSetKind::Update), "{good}");
        }
        for bad in ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED", "STRANGE"] {
            assert_eq!(of(bad), Err(ErrorName::Refused), "{bad}");
        }
        for busy in ["UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"] {
            assert_eq!(of(busy), Err(ErrorName::StackBusy), "{busy}");
        }
    }
}
