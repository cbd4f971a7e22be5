//! Backend deploys as the environment sets them up, on either profile.

use super::variable;
use crate::aws;
use crate::github::Http;
use crate::requests::stack_services::{Backend, BackendSettings};

/// Why the settings of backend deploys cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the names mean.
pub enum BackendSetupError {
    #[error("{0} is set and {1} is not; backend deploys need both")]
    Half(&'static str, &'static str),
    #[error("{name} is '{value}', which is not a number of seconds")]
    NotSeconds { name: &'static str, value: String },
    #[error("the HTTP client for GitHub cannot be made: {0}")]
    Http(String),
}

/// Reads the environment. `BOUNCER_BUILD_PROJECT` (a CodeBuild project) and `BOUNCER_ARTIFACTS_BUCKET` set backend deploys
/// up; `None` without them. `BOUNCER_GITHUB_API_URL`, `BOUNCER_GITHUB_SECRET`, `BOUNCER_EXTERNAL_ID`,
/// `BOUNCER_POLL_SECONDS`, `BOUNCER_BACKEND_WINDOW` and `BOUNCER_INFRASTRUCTURE_WINDOW` (seconds) are optional.
pub(super) async fn from_environment() -> Result<Option<Backend>, BackendSetupError> {
    const PROJECT: &str = "BOUNCER_BUILD_PROJECT";
    const BUCKET: &str = "BOUNCER_ARTIFACTS_BUCKET";
    let (project, bucket) = match (variable(PROJECT), variable(BUCKET)) {
        (Some(project), Some(bucket)) => (project, bucket),
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(BackendSetupError::Half(PROJECT, BUCKET)),
        (None, Some(_)) => return Err(BackendSetupError::Half(BUCKET, PROJECT)),
    };
    let default = BackendSettings::default();
    let settings = BackendSettings {
        github_api_url: variable("BOUNCER_GITHUB_API_URL"),
        github_token_secret: variable("BOUNCER_GITHUB_SECRET").unwrap_or(default.github_token_secret),
        poll_seconds: seconds("BOUNCER_POLL_SECONDS")?.unwrap_or(default.poll_seconds),
        approval_window: seconds("BOUNCER_BACKEND_WINDOW")?.unwrap_or(default.approval_window),
        infrastructure_window: seconds("BOUNCER_INFRASTRUCTURE_WINDOW")?.unwrap_or(default.infrastructure_window),
        lease_seconds: default.lease_seconds,
    };
    let http = Http::new().map_err(|error| BackendSetupError::Http(error.to_string()))?;
    let services = aws::backend_from_environment(project, bucket, variable("BOUNCER_EXTERNAL_ID")).await;
    let aws::BackendServices { builds, logs, artifacts, stacks, secrets } = services;
    Ok(Some(Backend { builds, logs, artifacts, stacks, secrets, http, settings }))
}

fn seconds(name: &'static str) -> Result<Option<u64>, BackendSetupError> {
    variable(name)
        .map(|value| match value.trim().parse() {
            Ok(seconds) if seconds > 0 => Ok(seconds),
            _ => Err(BackendSetupError::NotSeconds { name, value }),
        })
        .transpose()
}
