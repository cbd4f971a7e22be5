//! Connects the services of backend deploys, on either profile.

use crate::aws;
use crate::config::BackendConfig;
use crate::github::{GithubError, Http};
use crate::requests::stack_services::{Backend, BackendSettings};

/// Makes clients for CodeBuild, CloudFormation and GitHub. Nothing is called yet.
///
/// # Errors
/// Fails when the HTTP client for GitHub cannot be created.
pub(super) async fn connect(config: &BackendConfig, external_id: Option<String>) -> Result<Backend, GithubError> {
    let default = BackendSettings::default();
    let settings = BackendSettings {
        github_api_url: config.github_api_url.clone(),
        github_token_secret: config.github_secret.clone().unwrap_or(default.github_token_secret),
        poll_seconds: config.poll_seconds.unwrap_or(default.poll_seconds),
        approval_window: config.approval_window.unwrap_or(default.approval_window),
        infrastructure_window: config.infrastructure_window.unwrap_or(default.infrastructure_window),
        lease_seconds: default.lease_seconds,
    };
    let http = Http::new()?;
    let (project, bucket) = (config.build_project.clone(), config.artifacts_bucket.clone());
    let services = aws::backend_from_environment(project, bucket, external_id).await;
    let aws::BackendServices { builds, logs, artifacts, stacks, secrets } = services;
    Ok(Backend { builds, logs, artifacts, stacks, secrets, http, settings })
}
