//! What every task of a running backend deploy starts from: the request, its approved plan, and the lease of its project.

use super::plan::BackendPlan;
use super::run::{BackendRun, ChangeSetRun};
use crate::aws::stacks::StackAccount;
use crate::domain::backend::commit::Repo;
use crate::domain::ids::{DeployId, RequestId};
use crate::domain::request::{Request, Status};
use crate::domain::sealed::Sealed;
use crate::domain::time::Time;
use crate::github::{Github, GithubError};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::lease;
use crate::requests::prompts::refresh_progress;
use crate::requests::stack_services::{Backend, TokenError};
use crate::requests::{find, work};
use crate::storage::coordination::Lane;
use serde::{Deserialize, Serialize};

/// The payload of most tasks of a deploy.
#[derive(Debug, Deserialize)]
pub(crate) struct OfRequest {
    pub request_id: RequestId,
}

/// The answer of a task: what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<O> {
    pub outcome: O,
}

/// The answer of a task after which the machine waits: what came of it, and when to look again.
#[derive(Debug, Serialize)]
pub(crate) struct StepAnswer<O> {
    pub outcome: O,
    pub wait_seconds: u64,
}

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
    /// Loads a running deploy and renews the lease of its project.
    ///
    /// # Errors
    /// Refuses a deploy that does not run, is being cancelled, or whose stored plan is not the approved one.
    pub async fn load(app: &'a App, id: &RequestId) -> Result<Self, TaskError> {
        let request = find::load(app, id).await?;
        if request.status != Status::Running || request.cancellation.is_some() {
            return Err(TaskError::refused("The deploy is no longer running"));
        }
        let plan: BackendPlan = work::approved_plan(&request)?;
        let backend = services(app)?;
        let (Some(deploy_id), Some(run)) = (request.deploy_id.clone(), request.checkpoint_as()) else {
            return Err(TaskError::refused("The record of the deploy is incomplete"));
        };
        lease::hold(app, &plan.project, Lane::Backend, id, backend.settings.lease_seconds).await?;
        Ok(Self { app, backend, request, plan, deploy_id, run })
    }

    /// Records what has been done, before anything follows from it.
    ///
    /// # Errors
    /// Fails when the deploy is being cancelled or another attempt of the same task was first.
    pub async fn note(&mut self, edit: impl FnOnce(&mut BackendRun, Time)) -> Result<(), TaskError> {
        let mut after = self.run.clone();
        edit(&mut after, Time::now());
        if after == self.run {
            return Ok(());
        }
        after.revision += 1;
        self.app.store.advance_checkpoint(&self.request.request_id, &after, after.revision).await?;
        self.request.checkpoint = Some(Sealed::of(&after)?);
        self.run = after;
        refresh_progress(self.app, &self.request).await;
        Ok(())
    }

    /// Returns the change set of the deploy.
    ///
    /// # Errors
    /// Refuses when none was recorded.
    pub fn change_set(&self) -> Result<ChangeSetRun, TaskError> {
        let set = self.run.change_set.clone();
        set.ok_or_else(|| TaskError::refused("The record of the deploy names no change set"))
    }

    /// Opens the account of the stack.
    ///
    /// # Errors
    /// Fails when the project's role cannot be assumed.
    pub async fn account(&self) -> Result<StackAccount, TaskError> {
        Ok(self.backend.account(&self.plan.target, &self.deploy_id).await?)
    }

    /// Opens GitHub with the project's token.
    ///
    /// # Errors
    /// Fails when the token cannot be read.
    pub async fn github(&self) -> Result<(Github, Repo), TaskError> {
        let repo = Repo::parse(&self.plan.target.git_repo).map_err(|error| TaskError::refused(error.to_string()))?;
        let github = self.backend.github(&self.plan.target, &repo).await?;
        Ok((github, repo))
    }

    /// Answers with an outcome. The pause until the next look grows with the step, so that hours fit into an execution.
    pub fn answer<O>(&self, outcome: O) -> StepAnswer<O> {
        let first = self.backend.settings.poll_seconds.max(1);
        let elapsed = Time::now().seconds_since(self.run.step_since);
        StepAnswer { outcome, wait_seconds: (elapsed / 60).clamp(first, first.max(30)) }
    }
}

/// Returns the services of backend deploys.
///
/// # Errors
/// Refuses when the installation has none.
pub(crate) fn services(app: &App) -> Result<&Backend, TaskError> {
    Backend::of(app).map_err(|error| TaskError::refused(error.message))
}

impl From<TokenError> for TaskError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::NoToken { secret, source } => {
                tracing::warn!(error = %source, "the GitHub token cannot be read");
                let cause = format!("The GitHub token could not be read from the secret '{secret}'");
                match source.is_transient() {
                    true => TaskError::unavailable(format!("{cause}.")),
                    false => TaskError::refused(cause),
                }
            }
            TokenError::Github(error) => error.into(),
        }
    }
}

impl From<GithubError> for TaskError {
    fn from(error: GithubError) -> Self {
        tracing::warn!(%error, "GitHub failed");
        match error {
            GithubError::Unavailable { .. } => TaskError::unavailable("GitHub cannot be reached."),
            GithubError::RateLimited { .. } => TaskError::unavailable("GitHub's rate limit is used up."),
            other => TaskError::refused(other.to_string()),
        }
    }
}
