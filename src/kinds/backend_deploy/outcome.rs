//! How a deploy ends in the records: the tasks `deploy.complete`, `deploy.fail` and `deploy.turned_down`. Each may run
//! twice, and writes the truth about the request before anything else.

use super::github_status::{GithubStatus, report};
use super::stop::{OrphanState, change_set_of, inspect_orphan};
use super::watch::operation_events;
use super::work::load;
use crate::analysis::failure::{
    CommonCause, FailedResource, StackEvent, build_failure, build_summary, error_summary, hint, readable, stack_failure,
};
use crate::domain::audit::Actor;
use crate::domain::backend::run::{BackendRun, BackendStep, BuildRun};
use crate::domain::backend::target::Deployed;
use crate::domain::budget::{RESULT_BYTES, bytes_of, cut};
use crate::domain::history::{Deploy, DeployKind, DeployStatus};
use crate::domain::ids::RequestId;
use crate::domain::request::{Event, Request, Status};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::errors::UNAVAILABLE;
use crate::requests::execution::cause_of;
use crate::requests::prompts::refresh;
use crate::requests::transition::transition;
use crate::storage::coordination::Lane;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Lines of a build's log that are looked through for errors.
const LOG_LINES: i32 = 200;
/// Resources that are kept of a failure.
const MAX_RESOURCES: usize = 20;

/// `result` of a backend deploy in `bouncer_status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct BackendResult {
    /// "deployed", "no_changes", "deploy_failed" or "cancelled".
    pub deploy_status: String,
    /// Resources that were changed.
    #[serde(default)]
    pub changed_resources: u64,
    /// Why it failed, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The lines that tell of the cause, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_lines: Vec<String>,
    /// The resources that failed, the root cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_resources: Vec<FailedResource>,
    /// The stack's events that tell of failures, as CloudFormation words them, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cfn_failure_events: Vec<FailureEvent>,
    /// What the record has no room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl BackendResult {
    /// The same in so few bytes that the request's row has room for it: the cause stays, and what followed goes first.
    fn within_budget(self) -> Self {
        self.within(RESULT_BYTES)
    }

    fn within(mut self, bytes: usize) -> Self {
        const REASON: usize = 2_000;
        self.error_summary.iter_mut().chain(&mut self.error_lines).for_each(|text| cut(text, REASON));
        self.failed_resources.iter_mut().for_each(|one| cut(&mut one.reason, REASON));
        self.cfn_failure_events.iter_mut().for_each(|one| cut(&mut one.resource_status_reason, REASON));
        let (events, resources) = (self.cfn_failure_events.len(), self.failed_resources.len());
        while bytes_of(&self) > bytes {
            let left_out =
                self.cfn_failure_events.pop().map(|_| ()).or_else(|| self.failed_resources.pop().map(|_| ()));
            if left_out.is_none() {
                break;
            }
            let (events, resources) = (events - self.cfn_failure_events.len(), resources - self.failed_resources.len());
            self.note = Some(format!(
                "{events} events and {resources} failed resources are left out, for which the record has no room."
            ));
        }
        self
    }
}

/// An event of a failure, as CloudFormation words it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)] // The names are CloudFormation's own.
pub struct FailureEvent {
    pub stack_name: String,
    pub logical_resource_id: String,
    pub resource_type: String,
    pub resource_status: String,
    pub resource_status_reason: String,
    pub timestamp: String,
}

impl From<StackEvent> for FailureEvent {
    fn from(event: StackEvent) -> Self {
        Self {
            stack_name: event.stack_label().to_owned(),
            logical_resource_id: event.logical_id().to_owned(),
            resource_type: event.resource_type.unwrap_or_default(),
            resource_status: event.resource_status.unwrap_or_default(),
            resource_status_reason: event.resource_status_reason.unwrap_or_default(),
            timestamp: event.timestamp.unwrap_or_default(),
        }
    }
}

/// Closes a deploy whose stack is as it should be. `state` is the execution's data, which tells of a change set without
/// changes.
pub async fn complete(app: &App, id: &RequestId, state: &Value) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    let unchanged = state.pointer("/change_set/outcome").and_then(Value::as_str) == Some("unchanged");
    let result = BackendResult {
        deploy_status: if unchanged { "no_changes" } else { "deployed" }.to_owned(),
        changed_resources: match request.run.as_ref().and_then(|run| run.change_set.as_ref()) {
            Some(set) if !unchanged => set.resources,
            _ => 0,
        },
        ..BackendResult::default()
    };
    if let (Some(plan), Some(deploy_id)) = (request.backend_plan(), request.deploy_id.clone())
        && !request.status.has_ended()
    {
        let deployed = Deployed {
            git_repo: plan.target.git_repo.clone(),
            stack_name: plan.target.stack_name.clone(),
            stack_region: plan.target.stack_region.clone(),
            target_role_arn: plan.target.target_role_arn.clone(),
            sam_template_path: plan.target.sam_template_path.clone(),
            commit: plan.commit.clone(),
            parameters: plan.parameters.clone(),
            deploy_id,
            at: Time::now(),
        };
        app.store.set_deployed(&plan.project, &deployed).await?;
    }
    if unchanged {
        drop_change_set(app, &request).await;
    }
    close(app, &request, Event::Complete, result).await
}

/// A deploy that nobody approved in time: its record says so already, and GitHub is told.
pub async fn not_begun(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    let why = match request.status {
        Status::Denied => "An approver denied it",
        Status::Cancelled => "It was cancelled",
        _ => "Nobody decided in time",
    };
    report(app, &request, GithubStatus::Failure(why)).await;
    Ok(json!({}))
}

/// Closes a deploy that failed. `state` is the execution's data when it gave up.
pub async fn fail(app: &App, id: &RequestId, state: &Value) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    if !request.status.has_ended() && request.cancellation.is_some() {
        // It failed because it is being stopped.
        super::cancel::finish(app, &request).await?;
        return Ok(json!({}));
    }
    let told = match request.status.has_ended() {
        true => BackendResult::default(),
        false => explain(app, &request).await,
    };
    let said = cause_of(state, "/error").unwrap_or_else(|| "The deploy stopped for an unknown reason.".to_owned());
    give_up(app, &request, told, said).await
}

/// `said` is the cause where builds and stacks tell of none.
async fn give_up(app: &App, request: &Request, told: BackendResult, said: String) -> Result<Value, TaskError> {
    let result = BackendResult {
        deploy_status: "deploy_failed".to_owned(),
        error_summary: told.error_summary.clone().or(Some(said)),
        ..told
    };
    drop_change_set(app, request).await;
    close(app, request, Event::Fail, result).await
}

/// Closes a deploy whose infrastructure changes nobody approved. `state` tells whether someone said no.
pub async fn turned_down(app: &App, id: &RequestId, state: &Value) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    let question = app.store.request(&id.infrastructure_request()).await?;
    let by = question.and_then(|question| question.decision).map(|decision| decision.by_name);
    let why = match (state.pointer("/infrastructure/outcome").and_then(Value::as_str), by) {
        (Some("denied"), Some(by)) => format!("{by} denied the infrastructure changes; the stack is as it was."),
        (Some("denied"), None) => "The infrastructure changes were denied; the stack is as it was.".to_owned(),
        (Some("cancelled"), _) => "The question about the infrastructure changes was taken back.".to_owned(),
        _ => "Nobody decided about the infrastructure changes in time; the stack is as it was.".to_owned(),
    };
    let result =
        BackendResult { deploy_status: "cancelled".into(), error_summary: Some(why), ..BackendResult::default() };
    drop_change_set(app, &request).await;
    close(app, &request, Event::Cancel, result).await
}

/// A deploy whose execution has ended without closing it. One that somebody wanted stopped is stopped; one whose stack
/// became what the template says is a success, whoever ended the execution.
pub(crate) async fn close_orphan(app: &App, request: &Request) -> Result<(), TaskError> {
    if request.cancellation.is_some() {
        return super::cancel::finish(app, request).await;
    }
    // Before anything of it is stopped, which would look like a failure of its own.
    let told = explain(app, request).await;
    let said = match inspect_orphan(app, request).await {
        Ok(OrphanState::Done) => return complete(app, &request.request_id, &Value::Null).await.map(|_| ()),
        Ok(OrphanState::Nothing) => "The workflow ended without recording why.",
        Err(error) if error.name == UNAVAILABLE => return Err(error),
        Err(_) => "The workflow ended without recording why, and what it had started could not be looked at.",
        Ok(OrphanState::GoesOn) => {
            "The workflow was ended while CloudFormation changed the stack, which goes on; look at the stack before the \
             next deploy."
        }
    };
    give_up(app, request, told, said.to_owned()).await.map(|_| ())
}

/// The cause as far as builds and stacks tell it. What cannot be read is left out: the record must be closed anyway.
async fn explain(app: &App, request: &Request) -> BackendResult {
    let Some(run) = &request.run else { return BackendResult::default() };
    let explained = match (run.step, &run.build) {
        (BackendStep::Building, Some(build)) => explain_build(app, build).await,
        (BackendStep::ChangingStack, _) => explain_stack(app, request).await,
        _ => Ok(BackendResult::default()),
    };
    explained.unwrap_or_else(|error| {
        tracing::warn!(request_id = %request.request_id, %error, "the cause of a failure could not be read");
        BackendResult::default()
    })
}

async fn explain_build(app: &App, known: &BuildRun) -> Result<BackendResult, TaskError> {
    let backend = super::work::services(app)?;
    let build = backend.builds.get_build(&known.id).await?.build;
    let log = match &known.log {
        Some(place) => backend.logs.get_tail(place, LOG_LINES).await.map(|page| page.lines).unwrap_or_default(),
        None => vec![],
    };
    let log: Vec<String> = log.into_iter().map(|line| line.text).collect();
    Ok(match build_failure(&build, &log) {
        None => BackendResult::default(),
        Some(failure) => BackendResult {
            error_summary: Some(build_summary(&failure)),
            hint: CommonCause::of(&failure.message).map(|cause| cause.hint().to_owned()),
            error_lines: failure.error_lines,
            ..BackendResult::default()
        },
    })
}

async fn explain_stack(app: &App, request: &Request) -> Result<BackendResult, TaskError> {
    let backend = super::work::services(app)?;
    let (Some(plan), Some(run), Some(deploy_id)) = (request.backend_plan(), &request.run, &request.deploy_id) else {
        return Ok(BackendResult::default());
    };
    let account = backend.account(&plan.target, deploy_id).await?;
    let events = operation_events(&account, run).await?;
    let Some(failure) = stack_failure(&events) else { return Ok(BackendResult::default()) };
    let mut lines: Vec<String> = Vec::new();
    for resource in &failure.failed_resources {
        let line = format!("{}: {}", resource.resource, readable(&resource.reason));
        if lines.len() < 5 && !lines.contains(&line) {
            lines.push(line);
        }
    }
    let told = events.into_iter().filter(|event| event.status().ends_with("_FAILED")).take(MAX_RESOURCES);
    Ok(BackendResult {
        error_summary: Some(error_summary(&failure)),
        hint: hint(&failure.root_cause).map(str::to_owned),
        error_lines: lines,
        failed_resources: failure.failed_resources.into_iter().take(MAX_RESOURCES).collect(),
        cfn_failure_events: told.map(FailureEvent::from).collect(),
        ..BackendResult::default()
    })
}

/// A change set that will not be executed goes, so that it cannot be executed by hand later.
async fn drop_change_set(app: &App, request: &Request) {
    let may_exist = |run: &&BackendRun| run.executed_at.is_none() && run.step >= BackendStep::ComparingStack;
    let (Some(run), Some(plan), Some(deploy_id)) =
        (request.run.as_ref().filter(may_exist), request.backend_plan(), &request.deploy_id)
    else {
        return;
    };
    let dropped = async {
        let account = super::work::services(app)?.account(&plan.target, deploy_id).await?;
        Ok::<_, TaskError>(account.delete_change_set(change_set_of(run, deploy_id)).await?)
    };
    if let Err(error) = dropped.await {
        tracing::warn!(request_id = %request.request_id, %error, "a change set that will not be executed is still there");
    }
}

/// The request, then the question within it, the history, GitHub, and last the lease. A repeated call does what is left.
pub(crate) async fn close(
    app: &App,
    request: &Request,
    event: Event,
    result: BackendResult,
) -> Result<Value, TaskError> {
    let closed = if request.status.has_ended() {
        request.clone()
    } else {
        let value = serde_json::to_value(result.within_budget())?;
        let by = if event == Event::Cancel { Actor::canceller(request) } else { Actor::bouncer() };
        let ended = app.store.transition(request, event, by, |row| {
            row.finished_at = Some(Time::now());
            row.result = Some(value);
        });
        match ended.await {
            Ok(closed) => closed,
            // Two may close it, as when a cancelled execution ends: the first word counts, and both do the rest.
            Err(error) => {
                let now = load(app, &request.request_id).await?;
                if !now.status.has_ended() {
                    return Err(error.into());
                }
                now
            }
        }
    };
    close_question(app, &closed).await?;
    let status = match closed.status {
        Status::Completed => Some(DeployStatus::Success),
        Status::Failed => Some(DeployStatus::Failed),
        Status::Cancelled => Some(DeployStatus::Cancelled),
        _ => None,
    };
    if let Some(status) = status.filter(|_| closed.started_at.is_some())
        && let Some(mut deploy) = history_row(&closed, status)
    {
        deploy.finished_at = closed.finished_at;
        deploy.error_summary = said(&closed, "error_summary");
        app.store.end_deploy(&deploy).await?;
    }
    match closed.status {
        Status::Completed => report(app, &closed, GithubStatus::Success).await,
        _ => report(app, &closed, GithubStatus::Failure(&said(&closed, "error_summary").unwrap_or_default())).await,
    }
    if let Some(project) = &closed.project {
        app.store.release(project, Lane::Backend, &closed.request_id).await?;
    }
    // Last: a channel that is slow must not hold the project.
    refresh(app, &closed).await;
    tracing::info!(
        request_id = %closed.request_id,
        project = closed.project.as_ref().map(tracing::field::display),
        phase = "end",
        status = closed.status.as_str(),
        "the deploy ended"
    );
    Ok(json!({}))
}

/// The question about the infrastructure ends as its deploy did.
pub(crate) async fn close_question(app: &App, deploy: &Request) -> Result<(), TaskError> {
    let id = deploy.request_id.infrastructure_request();
    let Some(question) = app.store.request(&id).await? else { return Ok(()) };
    let event = match (question.status, deploy.status) {
        (Status::PendingApproval, _) => Event::Withdraw,
        (Status::Running, Status::Completed) => Event::Complete,
        (Status::Running | Status::Approved, Status::Cancelled) => Event::Cancel,
        (Status::Running | Status::Approved, _) => Event::Fail,
        _ => return Ok(()),
    };
    let result = json!({ "deploy_id": deploy.deploy_id, "deploy_status": deploy.status });
    transition(app, &question, event, Actor::bouncer(), |row| {
        row.finished_at = deploy.finished_at;
        row.result = Some(result);
    })
    .await?;
    Ok(())
}

fn said(request: &Request, name: &str) -> Option<String> {
    request.result.as_ref().and_then(|result| result.get(name)?.as_str()).map(str::to_owned)
}

/// The row that the project's history keeps of a deploy.
pub(crate) fn history_row(request: &Request, status: DeployStatus) -> Option<Deploy> {
    let plan = request.backend_plan()?;
    Some(Deploy {
        schema: Deploy::SCHEMA,
        deploy_id: request.deploy_id.clone()?,
        project_id: plan.project.clone(),
        kind: DeployKind::Backend,
        request_id: request.request_id.clone(),
        status,
        started_at: request.started_at.unwrap_or(request.created_at),
        finished_at: None,
        triggered_by: request.source.clone().unwrap_or_else(|| request.caller_name.clone()),
        reason: request.reason.clone(),
        release_id: None,
        commit_sha: Some(plan.commit.clone()),
        commit_message: Some(plan.commit_message.clone()),
        branch: Some(plan.branch.clone()),
        changes: None,
        error_summary: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resource(reason: String) -> FailedResource {
        FailedResource {
            resource: "Orders".into(),
            resource_type: "AWS::SQS::Queue".into(),
            status: "CREATE_FAILED".into(),
            reason,
            stack: "shop-prod".into(),
            timestamp: "2026-01-01T00:00:00Z".into(),
            cascade: false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_result_fits_and_keeps_its_cause(reasons in proptest::collection::vec("[a-zé\"]{0,300}", 1..20)) {
            let event = |reason: &String| FailureEvent {
                stack_name: "shop-prod".into(),
                logical_resource_id: "Orders".into(),
                resource_type: "AWS::SQS::Queue".into(),
                resource_status: "CREATE_FAILED".into(),
                resource_status_reason: reason.clone(),
                timestamp: "2026-01-01T00:00:00Z".into(),
            };
            let whole = BackendResult {
                error_summary: Some(reasons[0].clone()),
                failed_resources: reasons.iter().cloned().map(resource).collect(),
                cfn_failure_events: reasons.iter().map(event).collect(),
                ..BackendResult::default()
            };
            let fitted = whole.clone().within(6_000);
            prop_assert!(bytes_of(&fitted) <= 6_000);
            prop_assert_eq!(&fitted.failed_resources[0].resource, "Orders");
            let is_whole = fitted.cfn_failure_events.len() + fitted.failed_resources.len() == 2 * reasons.len();
            prop_assert_eq!(is_whole, fitted.note.is_none());
        }
    }
}
