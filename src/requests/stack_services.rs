//! The services that backend deploys need beside records, objects and the engine.

use crate::aws::builds::Builds;
use crate::aws::error::AwsError;
use crate::aws::logs::Logs;
use crate::aws::objects::Bucket;
use crate::aws::secrets::Secrets;
use crate::aws::stacks::{StackAccount, Stacks};
use crate::domain::backend::commit::Repo;
use crate::domain::backend::target::BackendTarget;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::DeployId;
use crate::github::{Github, GithubError, Http, PUBLIC_API};
use crate::requests::app::App;

/// The services of the account that builds, and access to the accounts of the stacks.
pub struct Backend {
    /// CodeBuild.
    pub builds: Builds,
    /// CloudWatch Logs.
    pub logs: Logs,
    /// The artifacts bucket.
    pub artifacts: Bucket,
    /// CloudFormation, with the roles that projects name.
    pub stacks: Stacks,
    /// Secrets Manager.
    pub secrets: Secrets,
    /// The HTTP client for GitHub.
    pub http: Http,
    /// How deploys work.
    pub settings: BackendSettings,
}

/// How backend deploys work.
#[derive(Debug, Clone)]
pub struct BackendSettings {
    /// GitHub's API for all repositories; by default the host of each repository decides.
    pub github_api_url: Option<String>,
    /// The secret that holds the GitHub token, unless a project names another.
    pub github_token_secret: String,
    /// Seconds between two checks of a build, a change set or a stack, at first.
    pub poll_seconds: u64,
    /// Seconds for which a deploy waits for a decision, unless its caller chooses.
    pub approval_window: u64,
    /// Seconds for which infrastructure changes wait for a decision.
    pub infrastructure_window: u64,
    /// Seconds after which the lease of a deploy ends unless it is renewed.
    pub lease_seconds: u64,
}

impl Default for BackendSettings {
    fn default() -> Self {
        Self {
            github_api_url: None,
            github_token_secret: "sam-deployer/github-pat".to_owned(),
            poll_seconds: 5,
            approval_window: 1800,
            infrastructure_window: 24 * 3600,
            lease_seconds: 3600,
        }
    }
}

/// Why GitHub could not be opened with a project's token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the GitHub token could not be read from the secret '{secret}'")]
    NoToken { secret: String, source: AwsError },
    #[error(transparent)]
    Github(#[from] GithubError),
}

impl Backend {
    /// Returns the services of an installation.
    ///
    /// # Errors
    /// Refuses where backend deploys are not set up.
    pub(crate) fn of(app: &App) -> Result<&Backend, UserError> {
        app.backend.as_ref().ok_or_else(|| {
            UserError::new(
                ErrorCode::PreflightFailed,
                "Backend deploys are not set up on this server: they need AWS (CodeBuild and CloudFormation).",
                "Install infra/template.yaml, or set BOUNCER_BUILD_PROJECT and BOUNCER_ARTIFACTS_BUCKET for this \
                 server; docs/DEPLOYS.md says how.",
            )
        })
    }

    /// Names the archive that a deploy is built from as CodeBuild does. No other build has it.
    pub(crate) fn build_source(&self, deploy: &DeployId) -> String {
        format!("{}/{}", self.artifacts.name(), place::source(deploy))
    }

    /// Names the secret that holds a project's GitHub token.
    pub(crate) fn token_secret<'a>(&'a self, target: &'a BackendTarget) -> &'a str {
        target.github_pat_secret.as_deref().unwrap_or(&self.settings.github_token_secret)
    }

    /// Opens GitHub with a project's token.
    ///
    /// # Errors
    /// Fails when the token cannot be read.
    pub(crate) async fn github(&self, target: &BackendTarget, repo: &Repo) -> Result<Github, TokenError> {
        let secret = self.token_secret(target);
        let token = self.secrets.get_secret(secret).await;
        let token = token.map_err(|source| TokenError::NoToken { secret: secret.to_owned(), source })?;
        let of_host = repo.host().map(|host| format!("https://{host}/api/v3"));
        let url = self.settings.github_api_url.clone().or(of_host).unwrap_or_else(|| PUBLIC_API.to_owned());
        Ok(Github::new(&self.http, &url, token.trim())?)
    }

    /// Opens the account of a project's stack for a deploy that is carried out.
    ///
    /// # Errors
    /// Fails when the project's role cannot be assumed.
    pub(crate) async fn account(&self, target: &BackendTarget, deploy: &DeployId) -> Result<StackAccount, AwsError> {
        self.stacks.open(target, deploy.as_str()).await
    }

    /// Opens the account for what a call does on its own: checking secrets, and stopping. The role of
    /// infra/target-account.yaml tells it from a deploy by the session's name, and lets it do no more.
    ///
    /// # Errors
    /// Fails when the project's role cannot be assumed.
    pub(crate) async fn account_of_call(
        &self,
        target: &BackendTarget,
        deploy: &DeployId,
    ) -> Result<StackAccount, AwsError> {
        self.stacks.open(target, &format!("ask-{deploy}")).await
    }
}

/// Keys in the artifacts bucket.
pub(crate) mod place {
    use crate::domain::ids::DeployId;

    /// The archive of the commit.
    pub fn source(deploy: &DeployId) -> String {
        format!("source/{deploy}.zip")
    }

    /// Makes up a folder for what the build leaves. Another build cannot guess it.
    pub fn build(deploy: &DeployId) -> String {
        let nonce: [u8; 8] = rand::random();
        format!("builds/{deploy}-{}", hex::encode(nonce))
    }

    /// The folder that only Bouncer writes, which CloudFormation reads.
    pub fn sealed(deploy: &DeployId) -> String {
        format!("sealed/{deploy}")
    }

    /// The packaged template.
    pub fn template(deploy: &DeployId) -> String {
        format!("{}/template.yaml", sealed(deploy))
    }

    /// The assessment of the change set.
    pub fn assessment(deploy: &DeployId) -> String {
        format!("{}/changes.json", sealed(deploy))
    }
}
