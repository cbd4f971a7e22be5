//! `bouncer_frontend_releases`: what visitors got, and what can be gone back to.

use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::{DeployId, ReleaseId};
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::site::release::LiveRelease;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::find_project;
use futures::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Releases told at most, the newest ones.
const SHOWN: usize = 100;
/// Records read at once.
const READS: usize = 8;

/// Arguments of `bouncer_frontend_releases`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WhichReleases {
    /// The project's id.
    pub project: String,
}

/// The answer of `bouncer_frontend_releases`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReleaseList {
    /// The project's id.
    pub project: String,
    /// Newest first; the first one is the current one.
    pub releases: Vec<ReleaseView>,
    /// How many.
    pub count: usize,
}

/// A release that went live.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReleaseView {
    /// Its id, for bouncer_frontend_rollback.
    pub release_id: ReleaseId,
    /// Whether visitors get it now.
    pub current: bool,
    /// When it went live.
    pub live_at: Time,
    /// Its files.
    pub file_count: usize,
    /// Their bytes.
    pub total_size: u64,
    /// The earlier release whose files these are, if it went back to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<ReleaseId>,
    /// Whether it was in the bucket before Bouncer, which only took note of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// The deploy that made it.
    pub deploy_id: DeployId,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<String>,
    /// Who let it go live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// Why it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeCounts>,
}

/// Lists the releases of a project that are kept.
pub async fn releases(app: &App, _caller: &Caller, args: WhichReleases) -> Result<ReleaseList, UserError> {
    let project = find_project(app, &args.project).await?;
    let current = project.current_release.clone();
    let views: Vec<_> =
        project.releases.into_iter().rev().take(SHOWN).map(|live| view(app, current.as_ref(), live)).collect();
    let releases: Vec<ReleaseView> = futures::stream::iter(views).buffered(READS).try_collect().await?;
    Ok(ReleaseList { project: project.project_id.into(), count: releases.len(), releases })
}

async fn view(app: &App, current: Option<&ReleaseId>, live: LiveRelease) -> Result<ReleaseView, UserError> {
    let deploy_id = live.request_id.frontend_deploy_id();
    let deploy = app.store.deploy(&deploy_id).await?;
    // Kept for a while only, unlike the history.
    let decided_by = app.store.request(&live.request_id).await?.and_then(|request| request.decided_by());
    Ok(ReleaseView {
        current: current == Some(&live.release_id),
        release_id: live.release_id,
        live_at: live.live_at,
        file_count: live.files,
        total_size: live.bytes,
        restores: live.restores,
        adopted: live.adopted,
        deploy_id,
        triggered_by: deploy.as_ref().map(|deploy| deploy.triggered_by.clone()),
        decided_by,
        reason: deploy.as_ref().and_then(|deploy| deploy.reason.clone()),
        changes: deploy.and_then(|deploy| deploy.changes),
    })
}
