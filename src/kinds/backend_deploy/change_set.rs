//! The tasks `deploy.create_change_set` and `deploy.check_change_set`: CloudFormation says what would change, and the
//! rules say whether a human must see it.

use super::services::place;
use super::work::{DeployTask, refused};
use crate::analysis::changeset;
use crate::analysis::changeset::{Assessment, ChangeClass, ChangeSet};
use crate::aws::stacks::{ChangeSetOrder, Stack, StackAccount};
use crate::domain::backend::run::{BackendStep, ChangeSetKind, ChangeSetRun};
use crate::domain::canonical;
use crate::domain::digest::Sha256;
use crate::domain::ids::RequestId;
use crate::domain::request::first_wait;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use serde_json::{Value, json};

/// Asks for the change set unless there is one.
pub async fn create_change_set(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    work.note(|run, now| run.reach(BackendStep::ComparingStack, now)).await?;
    if work.run.change_set.is_some() {
        return Ok(work.answer("asked"));
    }
    let account = work.account().await?;
    let kind = kind_for(account.describe_stack().await?.as_ref(), &work.plan.target.stack_name)?;
    let order = ChangeSetOrder {
        deploy_id: &work.deploy_id,
        kind,
        template_url: work.backend.artifacts.url(&place::template(&work.deploy_id)),
        parameters: &work.plan.parameters,
        project: work.plan.project.to_string(),
        description: format!("Bouncer {} of commit {}", work.deploy_id, work.plan.commit),
    };
    match account.create_change_set(&order).await {
        // An earlier attempt of this task was heard.
        Err(error) if error.is_conflict() => {}
        other => other?,
    }
    let made = account.describe_change_set(work.deploy_id.as_str()).await?;
    let (Some(change_set_id), Some(stack_id)) = (made.change_set_id, made.stack_id) else {
        return Err(refused("CloudFormation does not name the change set it made"));
    };
    work.note(|run, _| {
        run.change_set =
            Some(ChangeSetRun { id: change_set_id, stack_id, kind, class: None, changes: None, resources: 0 });
    })
    .await?;
    Ok(work.answer("asked"))
}

/// Whether the stack is made or changed, or why neither can be done in the state it is in.
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
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => Err(refused(&format!(
            "The stack {name} is in {}: its creation failed, so it cannot be updated. Look at what it holds, delete it \
             (aws cloudformation delete-stack --stack-name {name}), and ask for the deploy anew",
            stack.status
        ))),
        "UPDATE_ROLLBACK_FAILED" => Err(refused(&format!(
            "The stack {name} is in UPDATE_ROLLBACK_FAILED: an earlier update could not be undone. Mend the resource \
             that its events name, run aws cloudformation continue-update-rollback --stack-name {name}, and ask for \
             the deploy anew"
        ))),
        status if status.ends_with("_IN_PROGRESS") => Err(TaskError {
            name: "Bouncer.StackBusy",
            cause: format!("The stack {name} is being changed by someone else ({status})."),
        }),
        status => Err(refused(&format!("The stack {name} is in {status}, which Bouncer does not know how to change"))),
    }
}

/// Looks at the change set; once CloudFormation has computed it, it is assessed.
pub async fn check_change_set(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    let Some(known) = work.run.change_set.clone() else {
        return Err(refused("The record does not name the change set"));
    };
    if let Some(class) = known.class {
        return Ok(answer(&work, outcome(class)));
    }
    let account = work.account().await?;
    let found = described(&account, &known.id).await?;
    match found.status.as_deref() {
        Some("CREATE_PENDING" | "CREATE_IN_PROGRESS") => return Ok(answer(&work, "again")),
        Some("CREATE_COMPLETE") => {}
        _ if found.says_no_changes() => return Ok(answer(&work, "unchanged")),
        _ => {
            let reason = found.status_reason.unwrap_or_else(|| "CloudFormation gives no reason".to_owned());
            return Err(refused(&format!("The change set could not be made: {reason}")));
        }
    }
    let assessment = changeset::assess(&found);
    let text = canonical::to_string(&assessment)?;
    work.backend.artifacts.put(&place::assessment(&work.deploy_id), text.clone().into()).await?;
    let resources = changeset::resource_count(&found);
    work.note(|run, _| {
        run.change_set = Some(ChangeSetRun {
            class: Some(assessment.class),
            changes: Some(Sha256::of(text.as_bytes())),
            resources,
            ..known
        });
    })
    .await?;
    tracing::info!(
        request_id = %work.request.request_id, project = %work.plan.project, phase = "change_set",
        class = ?assessment.class, changes = assessment.changes.len(), "the change set is assessed"
    );
    Ok(answer(&work, outcome(assessment.class)))
}

/// A task's answer, with the seconds for which a human would be asked.
fn answer(work: &DeployTask<'_>, outcome: &str) -> Value {
    let mut answer = work.answer(outcome);
    answer["window_seconds"] = json!(first_wait(work.backend.settings.infrastructure_window));
    answer
}

fn outcome(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::CodeOnly => "code_only",
        ChangeClass::Infrastructure => "infrastructure",
    }
}

/// The change set, which may be gone: others may delete it, and an update from elsewhere makes it obsolete.
pub(crate) async fn described(account: &StackAccount, id: &str) -> Result<ChangeSet, TaskError> {
    match account.describe_change_set(id).await {
        Err(error) if error.is_not_found() => Err(refused(
            "The change set is gone: it was deleted, or the stack was changed by someone else; ask for the deploy anew",
        )),
        other => Ok(other?),
    }
}

/// What the change set was found to do, as it was kept.
pub(crate) async fn assessment(work: &DeployTask<'_>) -> Result<Assessment, TaskError> {
    const MAX: u64 = 16 << 20;
    let bytes = work.backend.artifacts.read(&place::assessment(&work.deploy_id), MAX).await?;
    let expected = work.run.change_set.as_ref().and_then(|set| set.changes);
    if Some(Sha256::of(&bytes)) != expected {
        return Err(refused("What is stored of the change set is not what was assessed"));
    }
    Ok(serde_json::from_slice(&bytes)?)
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
            assert_eq!(of(bad), Err("Bouncer.Refused"), "{bad}");
        }
        for busy in ["UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"] {
            assert_eq!(of(busy), Err("Bouncer.StackBusy"), "{busy}");
        }
    }
}
