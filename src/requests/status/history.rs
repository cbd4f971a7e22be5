//! `bouncer_deploy_history`: what was deployed.

use super::{ROWS, checked_limit};
use crate::domain::backend::commit::CommitSha;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::history::{Deploy, DeployStatus};
use crate::domain::ids::ReleaseId;
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::find_project;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arguments of `bouncer_deploy_history`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WhichHistory {
    /// The project's id.
    pub project: String,
    /// At most so many: 1 to 100 (10).
    pub limit: Option<u64>,
}

/// The answer of `bouncer_deploy_history`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeployHistory {
    /// The project's id.
    pub project: String,
    /// Newest first.
    pub deploys: Vec<DeployItem>,
    /// How many are listed.
    pub count: usize,
}

/// One deploy of the history.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeployItem {
    /// The deploy's id.
    pub deploy_id: String,
    /// The request that led to it.
    pub request_id: String,
    /// Where it stands.
    pub status: DeployStatus,
    /// When the work began.
    pub started_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Seconds the work took.
    pub duration_seconds: Option<u64>,
    /// Who asked.
    pub triggered_by: String,
    /// Why.
    pub reason: Option<String>,
    /// The release it made.
    pub release_id: Option<ReleaseId>,
    /// The commit that was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_sha: Option<CommitSha>,
    /// The commit's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_message: Option<String>,
    /// The branch it was on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What it changed.
    pub changes: Option<ChangeCounts>,
    /// Why it failed.
    pub error_summary: Option<String>,
}

impl From<Deploy> for DeployItem {
    fn from(deploy: Deploy) -> Self {
        Self {
            duration_seconds: deploy.finished_at.map(|end| end.seconds_since(deploy.started_at)),
            deploy_id: deploy.deploy_id.into(),
            request_id: deploy.request_id.into(),
            status: deploy.status,
            started_at: deploy.started_at,
            finished_at: deploy.finished_at,
            triggered_by: deploy.triggered_by,
            reason: deploy.reason,
            release_id: deploy.release_id,
            commit_sha: deploy.commit_sha,
            commit_message: deploy.commit_message,
            branch: deploy.branch,
            changes: deploy.changes,
            error_summary: deploy.error_summary,
        }
    }
}

/// A project's deploys. Every caller may see them: they hold no file names and no content.
pub async fn history(app: &App, _caller: &Caller, args: WhichHistory) -> Result<DeployHistory, UserError> {
    let limit = checked_limit(args.limit, 10, ROWS)?;
    let project = find_project(app, &args.project).await?;
    let deploys: Vec<DeployItem> =
        app.store.deploys_of(&project.project_id, limit).await?.into_iter().map(DeployItem::from).collect();
    Ok(DeployHistory { project: project.project_id.into(), count: deploys.len(), deploys })
}
