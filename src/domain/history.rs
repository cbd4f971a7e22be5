//! A deploy as the project's history keeps it.

use super::backend::commit::CommitSha;
use super::ids::{DeployId, ProjectId, ReleaseId, RequestId};
use super::site::manifest::ChangeCounts;
use super::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a deploy stands, in the words of `bouncer_deploy_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are the contract's own words.
pub enum DeployStatus {
    Running,
    Success,
    Failed,
    Cancelled,
}

/// What is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum DeployKind {
    Frontend,
    Backend,
}

/// A row of `bouncer-deploy-history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// The form of the row; older ones stay readable.
    pub schema: u32,
    /// The deploy's id.
    pub deploy_id: DeployId,
    /// The project.
    pub project_id: ProjectId,
    /// What was deployed.
    pub kind: DeployKind,
    /// The request that led to it.
    pub request_id: RequestId,
    /// Where it stands.
    pub status: DeployStatus,
    /// When the work began.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Who asked: the source, or the key's name.
    pub triggered_by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The release it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_id: Option<ReleaseId>,
    /// The commit that was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_sha: Option<CommitSha>,
    /// The commit's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_message: Option<String>,
    /// The branch it was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeCounts>,
    /// Why it failed, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
}

impl Deploy {
    /// The version of rows written by this code.
    pub const SCHEMA: u32 = 1;
}
