//! Reporting a deploy to GitHub, where the project wants it. A failure is logged and changes nothing: no deploy depends on
//! it.

use super::plan::BackendPlan;
use crate::domain::backend::commit::Repo;
use crate::domain::request::Request;
use crate::github::DeployState;
use crate::kinds::stack::run::BackendRun;
use crate::kinds::stack::task::DeployTask;
use crate::requests::app::App;
use crate::requests::engine::TaskError;

/// What is reported of a deploy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GithubStatus<'a> {
    Pending,
    InProgress,
    Success,
    Failure(&'a str),
}

/// Creates the deployment at GitHub, once.
///
/// # Errors
/// Fails when its number cannot be recorded.
pub(crate) async fn create_deployment(task: &mut DeployTask<'_>) -> Result<(), TaskError> {
    if !task.plan.target.github_status || task.run.github_deployment.is_some() {
        return Ok(());
    }
    let created = async {
        let (github, repo) = task.github().await?;
        Ok::<_, TaskError>(github.create_deployment(&repo, &task.plan.commit, task.plan.project.as_str()).await?)
    };
    match created.await {
        Ok(number) => task.note(|run, _| run.github_deployment = Some(number)).await,
        Err(error) => {
            tracing::warn!(request_id = %task.request.request_id, %error, "the deploy could not be reported to GitHub");
            Ok(())
        }
    }
}

/// Sets the status of the commit, and of the deployment where there is one.
pub(crate) async fn report(app: &App, request: &Request, status: GithubStatus<'_>) {
    let (Some(plan), Some(backend)) = (request.plan_as::<BackendPlan>(), app.backend.as_ref()) else { return };
    if !plan.target.github_status {
        return;
    }
    let (state, sentence) = match status {
        GithubStatus::Pending => (DeployState::Pending, "Waiting for approval"),
        GithubStatus::InProgress => (DeployState::InProgress, "Deploying"),
        GithubStatus::Success => (DeployState::Success, "Deployed"),
        GithubStatus::Failure(why) => (DeployState::Failure, why),
    };
    let deployment = request.checkpoint_as::<BackendRun>().and_then(|run| run.github_deployment);
    let reported = async {
        let repo = Repo::parse(&plan.target.git_repo).map_err(|error| error.to_string())?;
        let github = backend.github(&plan.target, &repo).await.map_err(|error| error.to_string())?;
        let status = github.set_status(&repo, &plan.commit, state, plan.project.as_str(), sentence).await;
        status.map_err(|error| error.to_string())?;
        if let Some(number) = deployment {
            let set = github.set_deployment_state(&repo, number, state).await;
            set.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    };
    if let Err(error) = reported.await {
        tracing::warn!(request_id = %request.request_id, error, "the deploy could not be reported to GitHub");
    }
}
