//! `bouncer_request_show`: what an approver needs to decide.

use super::WhichRequest;
use crate::flow::app::App;
use crate::flow::approval::find;
use crate::model::caller::Caller;
use crate::model::error::UserError;
use crate::model::manifest::ChangeCounts;
use crate::model::request::{Action, Status};
use crate::model::time::Time;
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `bouncer_request_show`: what an approver needs to decide.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RequestDetails {
    /// The request's id.
    pub request_id: String,
    /// What is asked.
    pub action: Action,
    /// Where it stands.
    pub status: Status,
    /// The project.
    pub project: Option<String>,
    /// Where it would go.
    pub target: Option<TargetView>,
    /// Who asks, in their own words.
    pub source: Option<String>,
    /// Whose key asks.
    pub caller: CallerView,
    /// Why.
    pub reason: Option<String>,
    /// What it would change.
    pub changes: Option<ChangeCounts>,
    /// The first files that would be written.
    pub files: Vec<FileChange>,
    /// How many files would be written.
    pub files_total: usize,
    /// Files that would be gone, the first 100.
    pub removed: Vec<String>,
    /// What an approval is bound to.
    pub plan_hash: Option<String>,
    /// When it was asked.
    pub created_at: Time,
    /// Until when it can be decided.
    pub expires_at: Time,
    /// The same as a duration.
    pub expires_in: String,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
}

/// Where a site would go.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TargetView {
    /// The bucket.
    pub bucket: String,
    /// The distribution before it.
    pub distribution_id: Option<String>,
    /// The bucket's region.
    pub region: String,
    /// The role that writes it.
    pub deploy_role_arn: Option<String>,
}

/// Whose key asks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CallerView {
    /// The key's id.
    pub key_id: String,
    /// The key's name.
    pub name: String,
}

/// A file that would be written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileChange {
    /// The file.
    pub filename: String,
    /// "added" or "changed".
    pub change: &'static str,
    /// Bytes.
    pub size: u64,
    /// How it would be cached.
    pub cache_control: String,
    /// As what it would be served.
    pub content_type: String,
}

/// Shows what a request would do, file by file.
pub async fn show(app: &App, caller: &Caller, args: WhichRequest) -> Result<RequestDetails, UserError> {
    const FILES_SHOWN: usize = 10;
    const REMOVED_SHOWN: usize = 100;
    let request = find(app, caller, &args.request_id).await?;
    let (mut files, mut files_total, mut removed) = (Vec::new(), 0, Vec::new());
    if let Some(plan) = &request.plan {
        let manifest = app.read_manifest(&plan.project, plan.manifest).await?;
        let base = app.site_of(&plan.project, plan.base_release.as_ref()).await?;
        let changes = manifest.changes_since(&base);
        files_total = changes.added.len() + changes.changed.len();
        let names = changes.added.iter().map(|path| (path, "added"));
        files = names
            .chain(changes.changed.iter().map(|path| (path, "changed")))
            .take(FILES_SHOWN)
            .filter_map(|(path, change)| {
                let index = manifest.entries().binary_search_by(|entry| entry.path.cmp(path)).ok()?;
                let entry = manifest.entries().get(index)?;
                Some(FileChange {
                    filename: path.to_string(),
                    change,
                    size: entry.size,
                    cache_control: entry.cache_control.clone(),
                    content_type: entry.content_type.clone(),
                })
            })
            .collect();
        removed = changes.removed.into_iter().take(REMOVED_SHOWN).map(String::from).collect();
    }
    let now = Time::now();
    Ok(RequestDetails {
        action: request.action,
        status: request.status_at(now),
        project: request.project.as_ref().map(ToString::to_string),
        target: request.plan.as_ref().map(|plan| TargetView {
            bucket: plan.target.bucket.clone(),
            distribution_id: plan.target.distribution_id.clone(),
            region: plan.target.region.clone(),
            deploy_role_arn: plan.target.deploy_role_arn.clone(),
        }),
        source: request.source,
        caller: CallerView { key_id: request.caller.into(), name: request.caller_name },
        reason: request.reason,
        changes: request.changes,
        files,
        files_total,
        removed,
        plan_hash: request.plan_hash.map(|hash| hash.to_string()),
        created_at: request.created_at,
        expires_at: request.expires_at,
        expires_in: format!("{} seconds", request.expires_at.seconds_left(now)),
        decided_by: request.decision.as_ref().map(|decision| decision.by_name.clone()),
        decided_at: request.decision.map(|decision| decision.at),
        request_id: request.request_id.into(),
    })
}
