//! Why a deploy failed: the root cause as CodeBuild's log and CloudFormation's events have it.

use super::plan::BackendPlan;
use super::result::{BackendResult, FailureEvent};
use super::watch::operation_events;
use crate::analysis::failure::{
    CommonCause, build_failure, build_summary, error_lines, error_summary, hint, stack_failure,
};
use crate::domain::request::Request;
use crate::kinds::stack::run::{BackendRun, BackendStep, BuildRun};
use crate::kinds::stack::task::services;
use crate::requests::app::App;
use crate::requests::engine::TaskError;

/// Lines of a build's log that are searched for errors.
const LOG_LINES: i32 = 200;
/// Resources that are kept of a failure.
const MAX_RESOURCES: usize = 20;

/// Finds the cause of a failure, as far as builds and stacks tell it. What cannot be read is left out: the record must be
/// closed anyway.
pub(crate) async fn explain(app: &App, request: &Request) -> BackendResult {
    let Some(run) = request.checkpoint_as::<BackendRun>() else { return BackendResult::default() };
    let explained = match (run.step, &run.build) {
        (BackendStep::Building, Some(build)) => explain_build(app, build).await,
        (BackendStep::ChangingStack, _) => explain_stack(app, request, &run).await,
        _ => Ok(BackendResult::default()),
    };
    explained.unwrap_or_else(|error| {
        tracing::warn!(request_id = %request.request_id, %error, "the cause of a failure could not be read");
        BackendResult::default()
    })
}

async fn explain_build(app: &App, known: &BuildRun) -> Result<BackendResult, TaskError> {
    let backend = services(app)?;
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

async fn explain_stack(app: &App, request: &Request, run: &BackendRun) -> Result<BackendResult, TaskError> {
    let backend = services(app)?;
    let (Some(plan), Some(deploy_id)) = (request.plan_as::<BackendPlan>(), &request.deploy_id) else {
        return Ok(BackendResult::default());
    };
    let account = backend.account(&plan.target, deploy_id).await?;
    let events = operation_events(&account, run).await?;
    let Some(failure) = stack_failure(&events) else { return Ok(BackendResult::default()) };
    let failures = events.into_iter().filter(|event| event.status().ends_with("_FAILED")).take(MAX_RESOURCES);
    Ok(BackendResult {
        error_summary: Some(error_summary(&failure)),
        hint: hint(&failure.root_cause).map(str::to_owned),
        error_lines: error_lines(&failure),
        failed_resources: failure.failed_resources.into_iter().take(MAX_RESOURCES).collect(),
        cfn_failure_events: failures.map(FailureEvent::from).collect(),
        ..BackendResult::default()
    })
}
