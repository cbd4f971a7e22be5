//! The tasks `deploy.ask_infrastructure` and `deploy.expire_infrastructure`: a change set that a human must see stops the
//! deploy. The question is a request of its own, so it is listed, shown, decided and expires like any other.

use crate::analysis::changeset::Assessment;
use crate::domain::audit::Actor;
use crate::domain::backend::run::BackendStep;
use crate::domain::backend::target::InfrastructurePlan;
use crate::domain::caller::{Caller, Role};
use crate::domain::ids::RequestId;
use crate::domain::plan::Plan;
use crate::domain::request::{Action, Lifetime, Request, Status, Verdict};
use crate::domain::review::{BoundedList, Review};
use crate::domain::time::Time;
use crate::kinds::backend_deploy::change_set::assessment;
use crate::kinds::backend_deploy::outcome::close_question;
use crate::kinds::backend_deploy::work::{DeployTask, load, refused};
use crate::requests::app::App;
use crate::requests::approval;
use crate::requests::engine::{TaskError, TaskToken};
use crate::storage::StoreError;
use serde_json::Value;

/// What a lease lasts longer than the question, in seconds.
const SPARE: u64 = 3600;

/// CallerQuota, and keeps the token that the decision will complete.
pub async fn ask_infrastructure(app: &App, id: &RequestId, token: &TaskToken) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    let window = work.backend.settings.infrastructure_window;
    let lane = crate::storage::coordination::Lane::Backend;
    crate::requests::lease::hold(app, &work.plan.project, lane, id, window + SPARE).await?;
    let question = question(&work, window).await?;
    // The question is there before its id is told, so whoever reads the id finds it.
    match app.store.create_request(&question, Actor::bouncer(), None).await {
        // An earlier attempt asked; its window is the one that counts.
        Ok(()) | Err(StoreError::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    let noted = work.note(|run, now| {
        run.infrastructure_request = Some(question.request_id.clone());
        run.reach(BackendStep::AwaitingApproval, now);
    });
    if let Err(error) = noted.await {
        // A deploy that ended in between has closed no question: there was none yet.
        let deploy = load(app, id).await?;
        if deploy.status.has_ended() {
            close_question(app, &deploy).await?;
        }
        return Err(error);
    }
    approval::ask(app, &question.request_id, token).await
}

/// The task `deploy.remind_infrastructure`: a part of the window is over.
pub async fn remind_infrastructure(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    approval::remind(app, &id.infrastructure_request()).await
}

/// The window is over. What was decided in time still counts.
pub async fn expire_infrastructure(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    approval::expire(app, &id.infrastructure_request()).await
}

async fn question(work: &DeployTask<'_>, window: u64) -> Result<Request, TaskError> {
    let set = work.run.change_set.as_ref().ok_or_else(|| refused("The record does not name the change set"))?;
    let assessment = assessment(work).await?;
    let plan = InfrastructurePlan {
        version: InfrastructurePlan::VERSION,
        project: work.plan.project.clone(),
        deploy_id: work.deploy_id.clone(),
        parent: work.request.request_id.clone(),
        commit: work.plan.commit.clone(),
        change_set_id: set.id.clone(),
        changes: set.changes.ok_or_else(|| refused("The change set was not assessed"))?,
    };
    let hash = plan.hash()?;
    let project = work.app.store.project(&plan.project).await?;
    let now = Time::now();
    let parent = &work.request;
    let asker = Caller { id: parent.caller.clone(), name: parent.caller_name.clone(), role: Role::Agent };
    let lifetime = Lifetime { from: now, valid: window, kept: Request::KEPT_SECONDS };
    let id = parent.request_id.infrastructure_request();
    let action = Action::InfrastructureChange;
    Ok(Request {
        followers: parent.followers.clone(),
        source: parent.source.clone(),
        trust_scope: parent.trust_scope.clone(),
        reason: parent.reason.clone(),
        project: Some(plan.project.clone()),
        deploy_id: Some(plan.deploy_id.clone()),
        plan: Some(Plan::Infrastructure(plan)),
        plan_hash: Some(hash),
        approvals_required: project.map_or(1, |project| project.approvals_required),
        review: Some(Review {
            notes: assessment.error.iter().cloned().collect(),
            changes: BoundedList::of(assessment.changes.clone()),
            ..Review::default()
        }),
        ..Request::new(id, action, Status::PendingApproval, &asker, &summary(work, &assessment), lifetime)
    }
    .within_budget())
}

fn summary(work: &DeployTask<'_>, assessment: &Assessment) -> String {
    let (project, commit) = (&work.plan.project, work.plan.commit.short());
    format!("Change the infrastructure of {project} ({commit}): {}", assessment.counts())
}

/// The question of a deploy, if it was answered with yes about exactly this change set.
pub(crate) async fn approved(work: &DeployTask<'_>) -> Result<Request, TaskError> {
    let set = work.run.change_set.as_ref().ok_or_else(|| refused("The record does not name the change set"))?;
    let question = load(work.app, &work.request.request_id.infrastructure_request()).await?;
    let plan = question.infrastructure_plan().ok_or_else(|| refused("The infrastructure request has no plan"))?;
    let is_yes = matches!(question.status, Status::Approved | Status::Running)
        && question.decision.as_ref().is_some_and(|word| word.verdict == Verdict::Approve);
    if !is_yes {
        return Err(refused("The infrastructure changes were not approved"));
    }
    let same =
        Some(plan.hash()?) == question.plan_hash && plan.change_set_id == set.id && Some(plan.changes) == set.changes;
    if !same || plan.commit != work.plan.commit {
        return Err(refused("The change set is not the one that was approved"));
    }
    Ok(question)
}
