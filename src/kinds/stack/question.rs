//! The question whether a change set may be executed: a request of its own, which the deploy waits for.

use super::plan::InfrastructurePlan;
use super::task::DeployTask;
use crate::domain::ids::DeployId;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Event, Request, Status, Verdict};
use crate::requests::app::App;
use crate::requests::complete;
use crate::requests::engine::TaskError;
use crate::requests::find::load;
use crate::requests::work::approved_plan;
use serde::Serialize;

/// `result` of an infrastructure change in `bouncer_status`.
#[derive(Debug, Serialize)]
struct QuestionResult<'a> {
    deploy_id: Option<&'a DeployId>,
    deploy_status: Status,
}

/// Returns the question of a deploy, if it was approved for exactly the recorded change set.
///
/// # Errors
/// Refuses a question that was not approved, or was approved for something else.
pub(crate) async fn approved(task: &DeployTask<'_>) -> Result<Request, TaskError> {
    let set = task.change_set()?;
    let question = load(task.app, &task.request.request_id.infrastructure_request()).await?;
    let approved = matches!(question.status, Status::Approved | Status::Running)
        && question.decision.as_ref().is_some_and(|decision| decision.verdict == Verdict::Approve);
    if !approved {
        return Err(TaskError::refused("The infrastructure changes were not approved"));
    }
    let plan: InfrastructurePlan = approved_plan(&question)?;
    if plan.change_set_id != set.id || Some(plan.changes) != set.changes || plan.commit != task.plan.commit {
        return Err(TaskError::refused("The change set is not the one that was approved"));
    }
    Ok(question)
}

/// Closes the question of a deploy as the deploy ended, and returns it. There is none, or it has ended: nothing is done.
///
/// # Errors
/// Fails when that cannot be stored yet.
pub(crate) async fn close(app: &App, deploy: &Request) -> Result<Option<Request>, TaskError> {
    let id = deploy.request_id.infrastructure_request();
    let Some(question) = app.store.request(&id).await? else { return Ok(None) };
    let event = match (question.status, deploy.status) {
        (Status::PendingApproval, _) => Event::Withdraw,
        (Status::Running, Status::Completed) => Event::Complete,
        (Status::Running | Status::Approved, Status::Cancelled) => Event::Cancel,
        (Status::Running | Status::Approved, _) => Event::Fail,
        _ => return Ok(None),
    };
    let result = QuestionResult { deploy_id: deploy.deploy_id.as_ref(), deploy_status: deploy.status };
    let sentence = deploy.outcome.as_ref().and_then(|outcome| outcome.sentence.clone());
    complete::close(app, &question, event, Outcome::of(&result, sentence)?).await.map(Some)
}
