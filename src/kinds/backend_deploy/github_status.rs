//! Telling GitHub how a deploy stands, when the project wants it. A failure is logged and hides nothing: the deploy does
//! not depend on it.

use super::services::Backend;
use super::work::DeployTask;
use crate::domain::backend::commit::Repo;
use crate::domain::request::Request;
use crate::github::DeployState;
use crate::requests::app::App;
use crate::requests::engine::TaskError;

/// What GitHub is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GithubStatus<'a> {
    Pending,
    InProgress,
    Success,
    Failure(&'a str),
}

/// Makes the deployment at GitHub, once.
pub(crate) async fn deployment(work: &mut DeployTask<'_>) -> Result<(), TaskError> {
    if !work.plan.target.github_status || work.run.github_deployment.is_some() {
        return Ok(());
    }
    let made = async {
        let (github, repo) = work.github().await?;
        Ok::<_, TaskError>(github.create_deployment(&repo, &work.plan.commit, work.plan.project.as_str()).await?)
    };
    match made.await {
        Ok(number) => work.note(|run, _| run.github_deployment = Some(number)).await,
        Err(error) => {
            tracing::warn!(request_id = %work.request.request_id, %error, "GitHub was not told of the deploy");
            Ok(())
        }
    }
}

/// Sets the commit's status, and the deployment's where there is one.
pub(crate) async fn report(app: &App, request: &Request, told: GithubStatus<'_>) {
    let (Some(plan), Some(backend)) = (request.backend_plan(), app.backend.as_ref()) else { return };
    if !plan.target.github_status {
        return;
    }
    let (state, sentence) = match told {
        GithubStatus::Pending => (DeployState::Pending, "Waiting for approval"),
        GithubStatus::InProgress => (DeployState::InProgress, "Deploying"),
        GithubStatus::Success => (DeployState::Success, "Deployed"),
        GithubStatus::Failure(why) => (DeployState::Failure, why),
    };
    let telling = async {
        let repo = Repo::parse(&plan.target.git_repo).map_err(|error| error.to_string())?;
        let github = Backend::github(backend, &plan.target, &repo).await.map_err(|error| error.to_string())?;
        let status = github.set_status(&repo, &plan.commit, state, plan.project.as_str(), sentence).await;
        status.map_err(|error| error.to_string())?;
        if let Some(number) = request.run.as_ref().and_then(|run| run.github_deployment) {
            let told = github.set_deployment_state(&repo, number, state).await;
            told.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    };
    if let Err(error) = telling.await {
        tracing::warn!(request_id = %request.request_id, error, "GitHub was not told of the deploy");
    }
}
