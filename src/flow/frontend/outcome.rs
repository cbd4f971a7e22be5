//! How a deploy ends in the records: the tasks `frontend.complete` and `frontend.fail`. Both may run twice.

use super::publish::{BUSY, REFUSED, history_row, load};
use super::report::{DeployOutcome, FailedFile, Report};
use crate::flow::app::{App, Profile};
use crate::flow::errors::UNAVAILABLE;
use crate::flow::ports::TaskError;
use crate::model::history::DeployStatus;
use crate::model::ids::{ReleaseId, RequestId};
use crate::model::request::{Event, Request, Status};
use crate::model::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `result` of a frontend deploy in `bouncer_status`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FrontendResult {
    /// What visitors get.
    pub deploy_status: DeployOutcome,
    /// Files written.
    pub deployed_count: u64,
    /// Files that could not be written.
    pub failed_count: usize,
    /// The first of them.
    pub failed_files: Vec<FailedFile>,
    /// Files that were there already.
    pub unchanged_count: u64,
    /// Files removed from the bucket.
    pub removed_count: u64,
    /// The release; absent when none went live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<ReleaseId>,
    /// "skipped": there is no distribution.
    pub cf_invalidation: &'static str,
    /// Where the site is.
    pub urls: Vec<String>,
    /// Why it failed, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
}

/// Closes a deploy that is live.
pub async fn complete(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    let report = report_of(&request);
    let release_id = release_of(&request);
    let result = FrontendResult {
        deploy_status: DeployOutcome::Deployed,
        deployed_count: report.as_ref().map_or(0, |report| report.deployed_count),
        failed_count: 0,
        failed_files: vec![],
        unchanged_count: report.map_or(0, |report| report.unchanged_count),
        removed_count: 0,
        release_id,
        cf_invalidation: "skipped",
        urls: urls(app, &request),
        error_summary: None,
    };
    close(app, &request, Event::Complete, DeployStatus::Success, result).await
}

/// Closes a deploy that did not go live, or not wholly. `state` is the execution's data when it gave up.
pub async fn fail(app: &App, id: &RequestId, state: &Value) -> Result<Value, TaskError> {
    let request = load(app, id).await?;
    if request.status.has_ended() && request.status != Status::Failed {
        return Ok(json!({}));
    }
    let report = report_of(&request)
        .filter(|report| report.deploy_status != DeployOutcome::Deployed)
        .unwrap_or_else(|| Report::nothing_written(cause_of(state)));
    let summary = report.error.clone().unwrap_or_else(|| cause_of(state));
    let result = FrontendResult {
        deploy_status: report.deploy_status,
        deployed_count: report.deployed_count,
        failed_count: report.failed_count,
        failed_files: report.failed_files,
        unchanged_count: report.unchanged_count,
        removed_count: 0,
        release_id: None,
        cf_invalidation: "skipped",
        urls: urls(app, &request),
        error_summary: Some(summary),
    };
    close(app, &request, Event::Fail, DeployStatus::Failed, result).await
}

/// The request, then the history, then the lease: the record of the truth first. A repeated call does what is left.
async fn close(
    app: &App,
    request: &Request,
    event: Event,
    status: DeployStatus,
    result: FrontendResult,
) -> Result<Value, TaskError> {
    let closed = if request.status.has_ended() {
        request.clone()
    } else {
        let value = serde_json::to_value(&result)?;
        app.store
            .transition(request, event, |row| {
                row.finished_at = Some(Time::now());
                row.progress = None;
                row.result = Some(value);
            })
            .await?
    };
    if closed.started_at.is_some()
        && let Some(mut deploy) = history_row(&closed, status)
    {
        deploy.finished_at = closed.finished_at;
        deploy.release_id = result.release_id;
        deploy.error_summary = result.error_summary;
        app.store.end_deploy(&deploy).await?;
    }
    if let Some(project) = &closed.project {
        app.store.release(project, &closed.request_id).await?;
    }
    tracing::info!(
        request_id = %closed.request_id,
        project = closed.project.as_ref().map(tracing::field::display),
        phase = "end",
        status = closed.status.as_str(),
        "the deploy ended"
    );
    Ok(json!({}))
}

fn report_of(request: &Request) -> Option<Report> {
    serde_json::from_value(request.result.clone()?).ok()
}

fn release_of(request: &Request) -> Option<ReleaseId> {
    request.plan.as_ref().map(|plan| ReleaseId::derive(&plan.manifest, &request.request_id))
}

/// Why an execution gave up, in a sentence for users. Step Functions hands over what a task raised as the text of a
/// JSON object; only errors that were written for users are shown, all are logged.
fn cause_of(state: &Value) -> String {
    #[derive(Deserialize)]
    struct Raised {
        #[serde(rename = "errorMessage")]
        message: String,
    }
    let text = |pointer| state.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (name, cause) = (text("/error/Error"), text("/error/Cause"));
    tracing::warn!(name, cause, "an execution gave up");
    let said = serde_json::from_str(cause).map(|raised: Raised| raised.message);
    let sentence = match (name, said) {
        (REFUSED | BUSY, Ok(said)) => said,
        (UNAVAILABLE, _) => "The records or the object storage could not be reached for too long.".to_owned(),
        ("States.Timeout", _) => "A step took too long and was given up.".to_owned(),
        _ => "The deploy stopped because of an internal error; the server's log says more.".to_owned(),
    };
    sentence.chars().take(500).collect()
}

fn urls(app: &App, request: &Request) -> Vec<String> {
    match (app.settings.profile, &request.project) {
        (Profile::Local, Some(project)) => vec![format!("{}/sites/{project}/", app.settings.public_url)],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_for_users_is_shown_and_nothing_else() {
        let state = |name: &str, cause: &str| json!({ "error": { "Error": name, "Cause": cause } });
        let raised = |message: &str| json!({ "errorMessage": message, "errorType": "x" }).to_string();
        assert_eq!(
            cause_of(&state(REFUSED, &raised("Nothing was written: it \"moved\"."))),
            "Nothing was written: it \"moved\"."
        );
        for state in [
            state("Bouncer.Panic", &raised("http://127.0.0.1:1234/secret")),
            state(UNAVAILABLE, &raised("http://127.0.0.1:1234/secret")),
            state("States.Timeout", ""),
            state(REFUSED, "no JSON: secret"),
            json!({}),
        ] {
            let sentence = cause_of(&state);
            assert!(sentence.ends_with('.') && !sentence.contains("secret"), "{sentence}");
        }
    }
}
