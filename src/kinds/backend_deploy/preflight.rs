//! What is checked before an approver is asked: a deploy that would certainly fail is refused.

use crate::analysis::template::{Template, secrets_resolved};
use crate::aws::error::AwsError;
use crate::domain::backend::commit::{Branch, Repo};
use crate::domain::backend::parameters::StackParameters;
use crate::domain::backend::target::BackendTarget;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::DeployId;
use crate::github::{Commit, Github, GithubError};
use crate::requests::errors::{role_denied, role_unavailable};
use crate::requests::stack_services::{Backend, TokenError};
use serde_json::json;
use std::collections::BTreeSet;

/// What is known of the commit once it is checked.
pub(crate) struct Source {
    pub github: Github,
    pub repo: Repo,
    pub commit: Commit,
    pub template_text: String,
    pub template: Template,
    pub parameters: StackParameters,
}

/// Finds the commit, its template and its parameters.
///
/// # Errors
/// Refuses what GitHub or the project's row do not provide in a usable form.
pub(crate) async fn source(backend: &Backend, target: &BackendTarget, branch: &Branch) -> Result<Source, UserError> {
    let misconfigured = |fault: String| failed(fault, "Have an admin correct the project.");
    let repo = Repo::parse(&target.git_repo).map_err(|error| misconfigured(format!("The project's {error}.")))?;
    let parameters = StackParameters::parse(&target.sam_params).map_err(|error| misconfigured(error.to_string()))?;
    parameters.check_size().map_err(|error| misconfigured(error.to_string()))?;
    let github = backend.github(target, &repo).await.map_err(|error| no_token(backend, target, &error))?;
    let of_github = |error: GithubError| github_failed(backend, target, &error);
    let commit = github.get_head(&repo, branch).await.map_err(of_github)?;
    let path = &target.sam_template_path;
    let template_text = github.get_file(&repo, path, &commit.sha).await.map_err(of_github)?;
    let template = Template::parse(&template_text).map_err(|error| {
        failed(
            format!("The template {path} at {} cannot be read: {error}", commit.sha.short()),
            "Correct the template, push, and submit again.",
        )
    })?;
    Ok(Source { github, repo, commit, template_text, template, parameters })
}

/// Checks that every secret the template resolves, and the project's own, has a current value in the stack's account.
/// Returns the secrets whose names are known only once the stack runs.
///
/// # Errors
/// Refuses secrets without a current value, and a role that cannot be assumed or may not look.
pub(crate) async fn secrets(
    backend: &Backend,
    target: &BackendTarget,
    source: &Source,
    deploy_id: &DeployId,
) -> Result<Vec<String>, UserError> {
    let account = backend.account_of_call(target, deploy_id).await.map_err(|error| no_role(&error))?;
    let references = secrets_resolved(&source.template, &source.parameters);
    let wanted: BTreeSet<&str> =
        references.named.iter().map(|secret| secret.id.as_str()).chain(target.secrets_id.as_deref()).collect();
    let mut missing = Vec::new();
    for id in wanted {
        match account.has_current_secret(id).await {
            Ok(true) => {}
            Ok(false) => missing.push(id),
            Err(error) if error.is_denied() => {
                return Err(failed(
                    format!("The project's role may not check whether the secret '{id}' has a value."),
                    "Allow secretsmanager:DescribeSecret on it; infra/target-account.yaml does.",
                ));
            }
            Err(error) => return Err(upstream(&error)),
        }
    }
    if let Some(first) = missing.first() {
        let command = format!("aws secretsmanager put-secret-value --secret-id '{first}' --secret-string file://value");
        return Err(failed(
            format!("The template needs secrets that have no current value: {}.", missing.join(", ")),
            format!("Set each, for example: {command}"),
        )
        .with("missing_secrets", json!(missing)));
    }
    Ok(references.open.into_iter().collect())
}

fn failed(message: impl Into<String>, suggestion: impl Into<String>) -> UserError {
    UserError::new(ErrorCode::PreflightFailed, message, suggestion)
}

fn no_token(backend: &Backend, target: &BackendTarget, error: &TokenError) -> UserError {
    match error {
        TokenError::Github(error) => github_failed(backend, target, error),
        TokenError::NoToken { secret, source } => {
            tracing::warn!(error = %source, "the GitHub token cannot be read");
            if source.is_transient() {
                let message = "The GitHub token could not be read, so nothing was started.";
                return UserError::new(ErrorCode::UpstreamError, message, "Try again in a moment.");
            }
            failed(
                format!("The GitHub token could not be read from the secret '{secret}'."),
                format!(
                    "Store one that may read the repository: aws secretsmanager put-secret-value --secret-id '{secret}' \
                     --secret-string file://token"
                ),
            )
            .with("secret", json!(secret))
        }
    }
}

fn github_failed(backend: &Backend, target: &BackendTarget, error: &GithubError) -> UserError {
    tracing::warn!(%error, "GitHub failed");
    let secret = backend.token_secret(target);
    match error {
        GithubError::Unauthorized => failed(
            format!("GitHub does not accept the token of the secret '{secret}'."),
            format!("Store a valid one: aws secretsmanager put-secret-value --secret-id '{secret}' --secret-string file://token"),
        )
        .with("secret", json!(secret)),
        GithubError::Forbidden(_) => failed(
            format!("GitHub refuses the token of the secret '{secret}' for {}.", target.git_repo),
            "Give the token the right to read the repository's contents.",
        )
        .with("secret", json!(secret)),
        GithubError::NotFound(what) => failed(
            format!("GitHub does not know {what}, or the token may not see it."),
            "Check the project's repository, the branch and the template's path, and what the token may see.",
        ),
        GithubError::TooLarge(what) => failed(format!("{what} is larger than 1 MB."), "Split the template."),
        GithubError::Refused(_) => {
            failed(format!("GitHub refused the request for {}.", target.git_repo), "Check the project's repository.")
        }
        GithubError::RateLimited { reset } => UserError::new(
            ErrorCode::UpstreamError,
            "GitHub's rate limit for the token is used up, so nothing was started.",
            "Try again later.",
        )
        .with("retry_after_epoch", json!(reset)),
        GithubError::Unavailable { .. } => UserError::new(
            ErrorCode::UpstreamError,
            "GitHub cannot be reached, so nothing was started.",
            "Try again in a moment.",
        ),
    }
}

fn no_role(error: &AwsError) -> UserError {
    tracing::warn!(%error, "a role cannot be assumed");
    if error.is_transient() {
        return UserError::new(ErrorCode::UpstreamError, role_unavailable(error), "Try again in a moment.");
    }
    failed(
        role_denied(error),
        "Check that the role exists in the stack's account and trusts Bouncer's role with its external id; \
         infra/target-account.yaml makes such a role.",
    )
}

fn upstream(error: &AwsError) -> UserError {
    tracing::warn!(%error, "a call to AWS failed");
    if error.is_transient() {
        let message = "AWS cannot be reached, so nothing was started.";
        return UserError::new(ErrorCode::UpstreamError, message, "Try again in a moment.");
    }
    failed(
        format!("AWS refused a call about {} ({}).", error.resource(), error.code()),
        "Check the project's role and secrets.",
    )
}
