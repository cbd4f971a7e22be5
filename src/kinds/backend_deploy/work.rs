//! What every task of a running backend deploy begins with: the request, its approved plan, and its hold on the project.

use super::services::Backend;
use crate::aws::stacks::StackAccount;
use crate::domain::backend::commit::Repo;
use crate::domain::backend::run::BackendRun;
use crate::domain::backend::target::{BackendPlan, Gate};
use crate::domain::ids::{DeployId, RequestId};
use crate::domain::request::{Request, Status, Verdict};
use crate::domain::time::Time;
use crate::github::{Github, GithubError};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::errors::UNAVAILABLE;
use crate::requests::lease;
use crate::requests::prompts::refresh_progress;
use crate::storage::coordination::Lane;
use serde_json::{Value, json};

/// A running deploy in the hands of one task.
pub(crate) struct DeployTask<'a> {
    pub app: &'a App,
    pub backend: &'a Backend,
    pub request: Request,
    pub plan: BackendPlan,
    pub deploy_id: DeployId,
    pub run: BackendRun,
}

impl<'a> DeployTask<'a> {
    /// Takes up a running deploy: nothing goes on without its approved plan, with a wish to stop it, or without the hold
    /// on its project.
    pub async fn load(app: &'a App, id: &RequestId) -> Result<Self, TaskError> {
        let request = load(app, id).await?;
        if request.status != Status::Running || request.cancellation.is_some() {
            return Err(refused("The deploy is no longer running"));
        }
        let plan = approved_plan(&request)?;
        let backend = services(app)?;
        let (Some(deploy_id), Some(run)) = (request.deploy_id.clone(), request.run.clone()) else {
            return Err(refused("The record of the deploy is incomplete"));
        };
        lease::hold(app, &plan.project, Lane::Backend, id, backend.settings.lease_seconds).await?;
        Ok(Self { app, backend, request, plan, deploy_id, run })
    }

    /// Writes down what has been done, before anything follows from it.
    pub async fn note(&mut self, edit: impl FnOnce(&mut BackendRun, Time)) -> Result<(), TaskError> {
        let mut after = self.run.clone();
        edit(&mut after, Time::now());
        if after == self.run {
            return Ok(());
        }
        after.revision += 1;
        self.app.store.set_run(&self.request.request_id, &after).await?;
        self.request.run = Some(after.clone());
        self.run = after;
        refresh_progress(self.app, &self.request).await;
        Ok(())
    }

    /// The account of the stack.
    pub async fn account(&self) -> Result<StackAccount, TaskError> {
        Ok(self.backend.account(&self.plan.target, &self.deploy_id).await?)
    }

    /// GitHub, and the repository there.
    pub async fn github(&self) -> Result<(Github, Repo), TaskError> {
        let repo = Repo::parse(&self.plan.target.git_repo).map_err(|error| refused(&error.to_string()))?;
        let github = self
            .backend
            .github(&self.plan.target, &repo)
            .await
            .map_err(|error| TaskError { name: UNAVAILABLE, cause: format!("GitHub cannot be asked: {error}.") })?;
        Ok((github, repo))
    }

    /// Seconds until the next look: soon at first, rarer the longer a step takes, so that hours fit into an execution.
    pub fn pause(&self) -> u64 {
        let first = self.backend.settings.poll_seconds.max(1);
        let elapsed = Time::now().seconds_since(self.run.step_since);
        (elapsed / 60).clamp(first, first.max(30))
    }

    /// A task's answer.
    pub fn answer(&self, outcome: &str) -> Value {
        json!({ "outcome": outcome, "wait_seconds": self.pause() })
    }
}

/// The services, or why a task cannot go on.
pub(crate) fn services(app: &App) -> Result<&Backend, TaskError> {
    Backend::of(app).map_err(|error| refused(&error.message))
}

pub(crate) async fn load(app: &App, id: &RequestId) -> Result<Request, TaskError> {
    app.store
        .request(id)
        .await?
        .ok_or_else(|| TaskError { name: "Bouncer.NoRequest", cause: format!("The request {id} does not exist.") })
}

/// The plan, if it is the one that was approved, or one that its project's mode lets begin.
pub(crate) fn approved_plan(request: &Request) -> Result<BackendPlan, TaskError> {
    let plan = request.backend_plan().ok_or_else(|| refused("There is no plan"))?;
    let approved = request.decision.as_ref().is_some_and(|decision| decision.verdict == Verdict::Approve);
    if !approved && plan.gate == Gate::Ask {
        return Err(refused("The plan was not approved"));
    }
    if Some(plan.hash()?) != request.plan_hash {
        return Err(refused("The stored plan is not the one that was approved"));
    }
    Ok(plan.clone())
}

/// A refusal that no repetition can mend.
pub(crate) fn refused(reason: &str) -> TaskError {
    let reason = reason.trim_end_matches('.');
    TaskError { name: "Bouncer.Refused", cause: format!("{}.", reason.chars().take(600).collect::<String>()) }
}

impl From<GithubError> for TaskError {
    fn from(error: GithubError) -> Self {
        tracing::warn!(%error, "GitHub failed");
        match error {
            GithubError::Unavailable { .. } => {
                TaskError { name: UNAVAILABLE, cause: "GitHub cannot be reached.".to_owned() }
            }
            GithubError::RateLimited { .. } => {
                TaskError { name: UNAVAILABLE, cause: "GitHub's rate limit is used up.".to_owned() }
            }
            other => refused(&other.to_string()),
        }
    }
}
