//! GitHub through octocrab: which commit a branch points to, files and archives of a commit, and being told of deploys.

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

/// The public GitHub.
pub const PUBLIC_API: &str = "https://api.github.com";

/// The largest template that is read, in bytes: what CloudFormation takes.
const MAX_FILE: usize = 1 << 20;
/// Characters of a name that are kept.
const MAX_NAME: usize = 300;

/// Why GitHub did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GithubError {
    /// The token is not known, or has ended.
    #[error("GitHub does not accept the token")]
    Unauthorized,
    /// The token lacks a right.
    #[error("GitHub refuses: {0}")]
    Forbidden(String),
    /// No such repository, branch, commit or file, or the token may not see it.
    #[error("GitHub knows nothing of {0}")]
    NotFound(String),
    /// Too many calls.
    #[error("GitHub's rate limit is used up")]
    RateLimited {
        /// When it is refilled: seconds since 1970.
        reset: Option<u64>,
    },
    /// What was asked cannot be done.
    #[error("GitHub does not take this: {0}")]
    Refused(String),
    /// The file is larger than a template can be.
    #[error("{0} has more than 1 MB")]
    TooLarge(String),
    /// GitHub could not be reached, or answered something else.
    #[error("GitHub cannot be reached: {0}")]
    Unavailable(String),
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub sha: CommitSha,
    /// The first line of its message.
    pub title: String,
    /// Who wrote it.
    pub author: Option<String>,
    /// Its page.
    pub url: Option<String>,
}

/// What lies between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The files, at most 300 as GitHub gives them.
    pub files: Vec<ChangedFile>,
    /// Its page.
    pub url: Option<String>,
}

/// How a deploy stands, as GitHub is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DeployState {
    Pending,
    InProgress,
    Success,
    Failure,
}

/// What calls go out through: one pool of connections for all repositories.
#[derive(Clone)]
pub struct Http(reqwest::Client);

impl Http {
    /// Bounded in time, and speaking of itself as GitHub asks.
    pub fn new() -> Result<Self, GithubError> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(30))
            .user_agent(concat!("bouncer/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|error| GithubError::Unavailable(chain(&error)))
    }
}

/// GitHub, or an Enterprise server, with one token.
#[derive(Clone)]
pub struct Github {
    client: Octocrab,
}

impl Github {
    /// For an API address such as [`PUBLIC_API`] or `https://github.example.com/api/v3`, and a token.
    pub fn new(http: &Http, api_url: &str, token: &str) -> Result<Self, GithubError> {
        let client = Octocrab::builder()
            .base_uri(api_url.trim_end_matches('/'))
            .and_then(|builder| {
                let http = ReqwestClientConfig::Custom(http.0.clone());
                builder.personal_token(token.to_owned()).build_with_reqwest(http)
            })
            .map_err(|error| GithubError::Unavailable(chain(&error)))?;
        Ok(Self { client })
    }

    /// The commit that a branch points to.
    pub async fn commit_of(&self, repo: &Repo, branch: &Branch) -> Result<Commit, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
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
        // By its full name a branch is not taken for a tag or a commit's id.
        let route = format!("/repos/{}/commits/heads/{}", path(repo), url_path(branch.as_str()));
        let what = format!("the branch '{branch}' of {repo}");
        let answer: Answer = self.get(&route, &what).await?;
        let sha = CommitSha::parse(&answer.sha).map_err(|error| GithubError::Unavailable(error.to_string()))?;
        Ok(Commit {
            sha,
            title: answer.commit.message.lines().next().unwrap_or_default().chars().take(200).collect(),
            author: answer
                .commit
                .author
                .and_then(|author| author.name)
                .map(|name| name.chars().take(MAX_NAME).collect()),
            url: answer.html_url,
        })
    }

    /// A text file as it is at a commit.
    pub async fn file(&self, repo: &Repo, path: &str, at: &CommitSha) -> Result<String, GithubError> {
        let what = format!("{path} of {repo} at {}", at.short());
        let (owner, name) = (repo.owner(), repo.name());
        let answer = self.client.repos(owner, name).raw_file(at.to_string(), url_path(path)).await;
        let answer = octocrab::map_github_error(answer.map_err(|error| classify(&error, &what))?).await;
        let body = answer.map_err(|error| classify(&error, &what))?.into_body();
        let bytes = Limited::new(body, MAX_FILE).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                GithubError::TooLarge(what.clone())
            } else {
                GithubError::Unavailable(error.to_string())
            }
        })?;
        String::from_utf8(bytes.to_bytes().into())
            .map_err(|_| GithubError::Refused(format!("{what} is not UTF-8 text")))
    }

    /// What the commits between two ones changed.
    pub async fn compare(&self, repo: &Repo, base: &CommitSha, head: &CommitSha) -> Result<Comparison, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
            html_url: Option<String>,
            #[serde(default)]
            files: Vec<ChangedFile>,
        }
        let route = format!("/repos/{}/compare/{base}...{head}", path(repo));
        let what = format!("the commits from {} to {} of {repo}", base.short(), head.short());
        let answer: Answer = self.get(&route, &what).await?;
        let mut files = answer.files;
        // They are kept in a row, so a name that nobody would read to its end is cut.
        files.iter_mut().for_each(|file| file.filename = file.filename.chars().take(MAX_NAME).collect());
        Ok(Comparison { files, url: answer.html_url })
    }

    /// The archive (zip) of exactly one commit, as it arrives.
    pub async fn archive(
        &self,
        repo: &Repo,
        at: &CommitSha,
    ) -> Result<impl Stream<Item = Result<Bytes, GithubError>> + Send + Unpin + use<>, GithubError> {
        let what = format!("the archive of {repo} at {}", at.short());
        let answer = self.client.repos(repo.owner(), repo.name()).download_zipball(at.to_string()).await;
        let answer = octocrab::map_github_error(answer.map_err(|error| classify(&error, &what))?).await;
        let body = answer.map_err(|error| classify(&error, &what))?.into_body();
        let chunks = TryStreamExt::map_err(BodyStream::new(body), |error| GithubError::Unavailable(chain(&error)))
            .try_filter_map(|frame| std::future::ready(Ok(frame.into_data().ok())));
        Ok(Box::pin(chunks))
    }

    /// Sets the commit's status.
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

    /// Makes a deployment and gives its number.
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
        struct Answer {
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
        let answer: Answer = self.post(&format!("/repos/{}/deployments", path(repo)), &body, &what).await?;
        Ok(answer.id)
    }

    /// Tells how a deployment stands.
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
        self.client.get(route, None::<&()>).await.map_err(|error| classify(&error, what))
    }

    async fn post<T: DeserializeOwned>(
        &self,
        route: &str,
        body: &impl Serialize,
        what: &str,
    ) -> Result<T, GithubError> {
        self.client.post(route, Some(body)).await.map_err(|error| classify(&error, what))
    }
}

fn path(repo: &Repo) -> String {
    format!("{}/{}", repo.owner(), repo.name())
}

fn classify(error: &octocrab::Error, what: &str) -> GithubError {
    let octocrab::Error::GitHub { source, .. } = error else { return GithubError::Unavailable(chain(error)) };
    let header = |name: &str| source.headers.as_ref().and_then(|headers| headers.get(name)?.to_str().ok());
    let used_up = header("x-ratelimit-remaining") == Some("0") || header("retry-after").is_some();
    match source.status_code.as_u16() {
        401 => GithubError::Unauthorized,
        403 | 429 if used_up => GithubError::RateLimited { reset: source.rate_limit_reset },
        429 => GithubError::RateLimited { reset: None },
        403 => GithubError::Forbidden(source.message.clone()),
        404 | 422 if source.status_code == 404 || source.message.starts_with("No commit found") => {
            GithubError::NotFound(what.to_owned())
        }
        400..=499 => GithubError::Refused(source.message.clone()),
        _ => GithubError::Unavailable(format!("{} {}", source.status_code, source.message)),
    }
}
