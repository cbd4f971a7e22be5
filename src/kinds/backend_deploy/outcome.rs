//! How a deploy is closed. Each call may run twice, and writes the truth about the request
//! before anything else.

use super::github_status::{GithubStatus, report};
use super::plan::BackendPlan;
use super::result::{BackendResult, DeployOutcome};
use super::stop::change_set_of;
use crate::domain::backend::target::Deployed;
use crate::domain::ids::DeployId;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use crate::kinds::stack::question;
use crate::kinds::stack::run::{BackendRun, BackendStep};
use crate::kinds::stack::task::services;
use crate::requests::app::App;
use crate::requests::complete;
use crate::requests::engine::TaskError;
use serde_json::Value;

/// Closes a deploy whose stack is as it should be. `state` is the execution's data, which says whether the change set had
/// any changes.
pub(crate) async fn complete(app: &App, request: &Request, state: &Value) -> Result<(), TaskError> {
    let unchanged = state.pointer("/change_set/outcome").and_then(Value::as_str) == Some("unchanged");
    succeed(app, request, unchanged).await
}

/// Closes a deploy as a success.
pub(crate) async fn succeed(app: &App, request: &Request, unchanged: bool) -> Result<(), TaskError> {
    let set = request.checkpoint_as::<BackendRun>().and_then(|run| run.change_set);
    let result = BackendResult {
        deploy_status: if unchanged { DeployOutcome::NoChanges } else { DeployOutcome::Deployed },
        changed_resources: set.filter(|_| !unchanged).map_or(0, |set| set.resources),
        ..BackendResult::default()
    };
    let plan: Option<BackendPlan> = request.plan_as();
    if let (Some(plan), Some(deploy_id)) = (&plan, &request.deploy_id)
        && !request.status.has_ended()
    {
        app.store.set_deployed(&plan.project, &deployed(plan, deploy_id)).await?;
    }
    if unchanged {
        drop_change_set(app, request).await;
    }
    let sentence = plan.map(|plan| in_effect(&plan, unchanged));
    close(app, request, Event::Complete, result, sentence).await
}

fn deployed(plan: &BackendPlan, deploy_id: &DeployId) -> Deployed {
    Deployed {
        git_repo: plan.target.git_repo.clone(),
        stack_name: plan.target.stack_name.clone(),
        stack_region: plan.target.stack_region.clone(),
        target_role_arn: plan.target.target_role_arn.clone(),
        sam_template_path: plan.target.sam_template_path.clone(),
        commit: plan.commit.clone(),
        parameters: plan.parameters.clone(),
        deploy_id: deploy_id.clone(),
        at: Time::now(),
    }
}

fn in_effect(plan: &BackendPlan, unchanged: bool) -> String {
    let (stack, commit) = (&plan.target.stack_name, plan.commit.short());
    match unchanged {
        true => format!("The stack {stack} already matched commit {commit}; nothing was changed."),
        false => format!("The stack {stack} runs commit {commit}."),
    }
}

/// Closes a deploy with its result: the record, the history and the lease, then the question within it, and only then
/// GitHub and the prompts, which may be slow. A repeated call does what is left.
///
/// # Errors
/// Fails when something cannot be stored yet.
pub(crate) async fn close(
    app: &App,
    request: &Request,
    event: Event,
    result: BackendResult,
    sentence: Option<String>,
) -> Result<(), TaskError> {
    let result = result.within_budget();
    let sentence = result.error_summary.clone().or(sentence);
    let closed = complete::close(app, request, event, Outcome::of(&result, sentence)?).await?;
    let question = question::close(app, &closed).await?;
    // The stored outcome counts: a repeated call may know less of why.
    let why = closed.outcome.as_ref().and_then(|outcome| outcome.sentence.as_deref()).unwrap_or_default();
    match closed.status {
        Status::Completed => report(app, &closed, GithubStatus::Success).await,
        _ => report(app, &closed, GithubStatus::Failure(why)).await,
    }
    if let Some(question) = question {
        complete::announce(app, &question).await;
    }
    complete::announce(app, &closed).await;
    Ok(())
}

/// Deletes a change set that will not be executed, so that nobody executes it by hand later.
pub(crate) async fn drop_change_set(app: &App, request: &Request) {
    let may_exist = |run: &BackendRun| run.executed_at.is_none() && run.step >= BackendStep::ComparingStack;
    let (Some(run), Some(plan), Some(deploy_id)) =
        (request.checkpoint_as().filter(may_exist), request.plan_as::<BackendPlan>(), &request.deploy_id)
    else {
        return;
    };
    let dropped = async {
        let account = services(app)?.account(&plan.target, deploy_id).await?;
        Ok::<_, TaskError>(account.delete_change_set(change_set_of(&run, deploy_id)).await?)
    };
    if let Err(error) = dropped.await {
        tracing::warn!(request_id = %request.request_id, %error, "a change set that will not be executed is still there");
    }
}
