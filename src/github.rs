//! GitHub through octocrab: branches, files and archives of commits, commit statuses and deployments.

use crate::domain::backend::commit::{Branch, ChangedFile, CommitSha, Repo};
use crate::domain::error::chain;
use crate::domain::site::paths::url_path;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http_body_util::{BodyExt, BodyStream, Limited};
use octocrab::{Octocrab, ReqwestClientConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The API of the public GitHub.
pub const PUBLIC_API: &str = "https://api.github.com";

/// Bounds a template in bytes, as CloudFormation does.
const MAX_FILE: usize = 1 << 20;
/// Bounds the characters of a stored name.
const MAX_NAME: usize = 300;

/// A failed call of GitHub.
#[derive(Debug, thiserror::Error)]
pub enum GithubError {
    /// The token is unknown or has expired.
    #[error("GitHub does not accept the token")]
    Unauthorized,
    /// The token lacks a permission.
    #[error("GitHub denies access: {0}")]
    Forbidden(String),
    /// The repository, branch, commit or file does not exist, or the token may not see it.
    #[error("GitHub does not find {0}")]
    NotFound(String),
    /// The token's rate limit is used up.
    #[error("GitHub's rate limit is used up")]
    RateLimited {
        /// When it is reset, in seconds since 1970.
        reset: Option<u64>,
    },
    /// GitHub rejected the call, or answered what cannot be used.
    #[error("GitHub refused: {0}")]
    Refused(String),
    /// The file exceeds the size of a template.
    #[error("{0} has more than 1 MB")]
    TooLarge(String),
    /// GitHub could not be reached or failed.
    #[error("GitHub cannot be reached: {reason}")]
    Unavailable {
        /// The error with its causes, for the log.
        reason: String,
        /// The error itself.
        #[source]
        source: BoxError,
    },
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl GithubError {
    fn unavailable(error: impl Into<BoxError>) -> Self {
        let source = error.into();
        GithubError::Unavailable { reason: chain(source.as_ref()), source }
    }
}

/// Describes a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Commit {
    pub sha: CommitSha,
    /// The first line of its message.
    pub title: String,
    pub author: Option<String>,
    /// Its page on GitHub.
    pub url: Option<String>,
}

/// Lists the changes between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The changed files. GitHub lists at most 300.
    pub files: Vec<ChangedFile>,
    /// Its page on GitHub.
    pub url: Option<String>,
}

/// The state of a deploy, as reported to GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DeployState {
    Pending,
    InProgress,
    Success,
    Failure,
}

/// The connection pool that the clients of all repositories share.
#[derive(Clone)]
pub struct Http(reqwest::Client);

impl Http {
    /// Builds the pool, with timeouts and the user agent that GitHub requires.
    pub fn new() -> Result<Self, GithubError> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(30))
            .user_agent(concat!("bouncer/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|error| GithubError::Refused(chain(&error)))
    }
}

/// A client of GitHub or an Enterprise server, with one token.
#[derive(Clone)]
pub struct Github {
    client: Octocrab,
}

impl Github {
    /// Builds a client for an API address such as [`PUBLIC_API`] or `https://github.example.com/api/v3`.
    pub fn new(http: &Http, api_url: &str, token: &str) -> Result<Self, GithubError> {
        let client = Octocrab::builder()
            .base_uri(api_url.trim_end_matches('/'))
            .and_then(|builder| {
                let http = ReqwestClientConfig::Custom(http.0.clone());
                builder.personal_token(token.to_owned()).build_with_reqwest(http)
            })
            .map_err(|error| GithubError::Refused(chain(&error)))?;
        Ok(Self { client })
    }

    /// Returns the commit that a branch points to.
    pub async fn get_head(&self, repo: &Repo, branch: &Branch) -> Result<Commit, GithubError> {
        #[derive(Deserialize)]
        struct Response {
            sha: String,
            html_url: Option<String>,
            commit: Details,
        }
        #[derive(Deserialize)]
        struct Details {
            message: String,
            author: Option<Author>,
        }
        #[derive(Deserialize)]
        struct Author {
            name: Option<String>,
        }
        // The full name cannot be mistaken for a tag or a commit's id.
        let route = format!("/repos/{}/commits/heads/{}", path(repo), url_path(branch.as_str()));
        let what = format!("the branch '{branch}' of {repo}");
        let response: Response = self.get(&route, &what).await?;
        let sha = CommitSha::parse(&response.sha).map_err(|error| GithubError::Refused(error.to_string()))?;
        Ok(Commit {
            sha,
            title: response.commit.message.lines().next().unwrap_or_default().chars().take(200).collect(),
            author: response
                .commit
                .author
                .and_then(|author| author.name)
                .map(|name| name.chars().take(MAX_NAME).collect()),
            url: response.html_url,
        })
    }

    /// Reads a text file at a commit.
    pub async fn get_file(&self, repo: &Repo, path: &str, at: &CommitSha) -> Result<String, GithubError> {
        let what = format!("{path} of {repo} at {}", at.short());
        let (owner, name) = (repo.owner(), repo.name());
        let response = self.client.repos(owner, name).raw_file(at.to_string(), url_path(path)).await;
        let response = octocrab::map_github_error(response.map_err(|error| classify(error, &what))?).await;
        let body = response.map_err(|error| classify(error, &what))?.into_body();
        let bytes = Limited::new(body, MAX_FILE).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                GithubError::TooLarge(what.clone())
            } else {
                GithubError::unavailable(error)
            }
        })?;
        String::from_utf8(bytes.to_bytes().into())
            .map_err(|_| GithubError::Refused(format!("{what} is not UTF-8 text")))
    }

    /// Lists what changed between two commits.
    pub async fn compare(&self, repo: &Repo, base: &CommitSha, head: &CommitSha) -> Result<Comparison, GithubError> {
        #[derive(Deserialize)]
        struct Response {
            html_url: Option<String>,
            #[serde(default)]
            files: Vec<ChangedFile>,
        }
        let route = format!("/repos/{}/compare/{base}...{head}", path(repo));
        let what = format!("the commits from {} to {} of {repo}", base.short(), head.short());
        let response: Response = self.get(&route, &what).await?;
        let mut files = response.files;
        // They are stored in a row, so overlong names are cut.
        files.iter_mut().for_each(|file| file.filename = file.filename.chars().take(MAX_NAME).collect());
        Ok(Comparison { files, url: response.html_url })
    }

    /// Streams the zip archive of exactly one commit.
    pub async fn download_archive(
        &self,
        repo: &Repo,
        at: &CommitSha,
    ) -> Result<impl Stream<Item = Result<Bytes, GithubError>> + Send + Unpin + use<>, GithubError> {
        let what = format!("the archive of {repo} at {}", at.short());
        let response = self.client.repos(repo.owner(), repo.name()).download_zipball(at.to_string()).await;
        let response = octocrab::map_github_error(response.map_err(|error| classify(error, &what))?).await;
        let body = response.map_err(|error| classify(error, &what))?.into_body();
        let chunks = TryStreamExt::map_err(BodyStream::new(body), GithubError::unavailable)
            .try_filter_map(|frame| std::future::ready(Ok(frame.into_data().ok())));
        Ok(Box::pin(chunks))
    }

    /// Sets the status of a commit.
    pub async fn set_status(
        &self,
        repo: &Repo,
        commit: &CommitSha,
        state: DeployState,
        project: &str,
        sentence: &str,
    ) -> Result<(), GithubError> {
        #[derive(Serialize)]
        struct Body<'a> {
            state: &'a str,
            context: String,
            description: String,
        }
        let state = match state {
            DeployState::Pending | DeployState::InProgress => "pending",
            DeployState::Success => "success",
            DeployState::Failure => "failure",
        };
        let description = sentence.chars().take(140).collect();
        let body = Body { state, context: format!("bouncer/{project}"), description };
        let what = format!("the commit {} of {repo}", commit.short());
        let _: serde_json::Value = self.post(&format!("/repos/{}/statuses/{commit}", path(repo)), &body, &what).await?;
        Ok(())
    }

    /// Creates a deployment and returns its number.
    pub async fn create_deployment(&self, repo: &Repo, commit: &CommitSha, project: &str) -> Result<u64, GithubError> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#ref: &'a str,
            environment: &'a str,
            description: &'a str,
            auto_merge: bool,
            required_contexts: [&'a str; 0],
        }
        #[derive(Deserialize)]
        struct Response {
            id: u64,
        }
        let body = Body {
            r#ref: commit.as_str(),
            environment: project,
            description: "Deployed by Bouncer",
            auto_merge: false,
            required_contexts: [],
        };
        let what = format!("the commit {} of {repo}", commit.short());
        let response: Response = self.post(&format!("/repos/{}/deployments", path(repo)), &body, &what).await?;
        Ok(response.id)
    }

    /// Sets the state of a deployment.
    pub async fn set_deployment_state(&self, repo: &Repo, id: u64, state: DeployState) -> Result<(), GithubError> {
        #[derive(Serialize)]
        struct Body<'a> {
            state: &'a str,
        }
        let state = match state {
            DeployState::Pending => "pending",
            DeployState::InProgress => "in_progress",
            DeployState::Success => "success",
            DeployState::Failure => "failure",
        };
        let route = format!("/repos/{}/deployments/{id}/statuses", path(repo));
        let _: serde_json::Value =
            self.post(&route, &Body { state }, &format!("the deployment {id} of {repo}")).await?;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, route: &str, what: &str) -> Result<T, GithubError> {
        self.client.get(route, None::<&()>).await.map_err(|error| classify(error, what))
    }

    async fn post<T: DeserializeOwned>(
        &self,
        route: &str,
        body: &impl Serialize,
        what: &str,
    ) -> Result<T, GithubError> {
        self.client.post(route, Some(body)).await.map_err(|error| classify(error, what))
    }
}

fn path(repo: &Repo) -> String {
    format!("{}/{}", repo.owner(), repo.name())
}

fn classify(error: octocrab::Error, what: &str) -> GithubError {
    use octocrab::Error::{GitHub, Json, Serde};
    let source = match error {
        GitHub { source, .. } => source,
        // A response that cannot be parsed does not get better when it is repeated.
        error @ (Json { .. } | Serde { .. }) => return GithubError::Refused(chain(&error)),
        error => return GithubError::unavailable(error),
    };
    let header = |name: &str| source.headers.as_ref().and_then(|headers| headers.get(name)?.to_str().ok());
    let is_used_up = header("x-ratelimit-remaining") == Some("0") || header("retry-after").is_some();
    match source.status_code.as_u16() {
        401 => GithubError::Unauthorized,
        403 | 429 if is_used_up => GithubError::RateLimited { reset: source.rate_limit_reset },
        429 => GithubError::RateLimited { reset: None },
        403 => GithubError::Forbidden(source.message.clone()),
        404 => GithubError::NotFound(what.to_owned()),
        422 if source.message.starts_with("No commit found") => GithubError::NotFound(what.to_owned()),
        400..=499 => GithubError::Refused(source.message.clone()),
        _ => GithubError::unavailable(source),
    }
}
