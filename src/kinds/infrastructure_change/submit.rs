//! Asking about a change set that an approver must see. The deploy that computed it waits; the question is a request of its
//! own, so it is listed, shown, decided and expires like any other.

use super::plan::{InfrastructurePlan, NAME};
use crate::analysis::changeset::Assessment;
use crate::domain::audit::Actor;
use crate::domain::caller::{Caller, Role};
use crate::domain::ids::RequestId;
use crate::domain::request::{Lifetime, Request, Status};
use crate::domain::time::Time;
use crate::kinds::stack::review::{BackendReview, BoundedList, Note};
use crate::kinds::stack::run::BackendStep;
use crate::kinds::stack::task::DeployTask;
use crate::kinds::stack::{assessment, question};
use crate::requests::app::App;
use crate::requests::complete::announce;
use crate::requests::engine::{TaskError, TaskToken};
use crate::requests::find::load;
use crate::requests::{lease, waiting};
use crate::storage::StoreError;
use crate::storage::coordination::Lane;
use serde_json::Value;

/// How much longer than the question the lease of the project lasts, in seconds.
const SPARE_SECONDS: u64 = 3600;

/// Asks, and keeps the token that the decision will complete.
pub(crate) async fn ask(app: &App, id: &RequestId, token: &TaskToken) -> Result<Value, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    let window = task.backend.settings.infrastructure_window;
    lease::hold(app, &task.plan.project, Lane::Backend, id, window + SPARE_SECONDS).await?;
    let question = new_request(&task, window).await?;
    // Stored before its id is recorded, so that whoever reads the id finds it.
    match app.store.create_request(&question, Actor::bouncer(), None).await {
        // An earlier attempt asked; its window counts.
        Ok(()) | Err(StoreError::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    let recorded = task.note(|run, now| {
        run.infrastructure_request = Some(question.request_id.clone());
        run.reach(BackendStep::AwaitingApproval, now);
    });
    if let Err(error) = recorded.await {
        // A deploy that ended in between closed no question: there was none yet.
        let deploy = load(app, id).await?;
        if deploy.status.has_ended()
            && let Some(closed) = question::close(app, &deploy).await?
        {
            announce(app, &closed).await;
        }
        return Err(error);
    }
    waiting::ask(app, &question.request_id, token).await
}

async fn new_request(task: &DeployTask<'_>, window: u64) -> Result<Request, TaskError> {
    let assessment = assessment::read(task).await?;
    let plan = plan(task)?;
    let project = task.app.store.project(&plan.project).await?;
    let parent = &task.request;
    let asker = Caller { id: parent.caller.clone(), name: parent.caller_name.clone(), role: Role::Agent };
    let lifetime = Lifetime { from: Time::now(), valid: window, kept: Request::KEPT_SECONDS };
    let id = parent.request_id.infrastructure_request();
    let request = Request {
        followers: parent.followers.clone(),
        source: parent.source.clone(),
        trust_scope: parent.trust_scope.clone(),
        reason: parent.reason.clone(),
        project: Some(plan.project.clone()),
        deploy_id: Some(plan.deploy_id.clone()),
        approvals_required: project.map_or(1, |project| project.approvals_required),
        ..Request::new(id, NAME, Status::PendingApproval, &asker, &summary(&plan, &assessment), lifetime)
    };
    let review = BackendReview {
        notes: assessment.error.into_iter().map(|text| Note::Text { text }).collect(),
        changes: BoundedList::of(assessment.changes),
        ..BackendReview::default()
    };
    Ok(review.attach_to(request.with_plan(&plan)?)?)
}

fn plan(task: &DeployTask<'_>) -> Result<InfrastructurePlan, TaskError> {
    let set = task.change_set()?;
    let (deploy, target) = (&task.plan, &task.plan.target);
    Ok(InfrastructurePlan {
        project: deploy.project.clone(),
        deploy_id: task.deploy_id.clone(),
        parent: task.request.request_id.clone(),
        stack_name: target.stack_name.clone(),
        stack_region: target.stack_region.clone(),
        target_role_arn: target.target_role_arn.clone(),
        branch: deploy.branch.clone(),
        commit: deploy.commit.clone(),
        commit_message: deploy.commit_message.clone(),
        change_set_id: set.id,
        changes: set.changes.ok_or_else(|| TaskError::refused("The change set was not assessed"))?,
    })
}

fn summary(plan: &InfrastructurePlan, assessment: &Assessment) -> String {
    let (project, commit) = (&plan.project, plan.commit.short());
    format!("Change the infrastructure of {project} ({commit}): {}", assessment.counts())
}
