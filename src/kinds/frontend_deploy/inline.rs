//! `bouncer_deploy_frontend`: the files travel in the call.

use super::files;
use super::files::InlineFile;
use super::reusable::reusable;
use super::submit::{PendingAnswer, Proposal, submit};
use crate::admin::projects::deployable;
use crate::aws::error::AwsError;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::site::contents::Phase;
use crate::requests::app::App;
use crate::requests::text::RequestText;
use futures::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::Deserialize;

/// Blobs stored at once.
const CONCURRENT_WRITES: usize = 16;

/// Arguments of `bouncer_deploy_frontend`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeployFrontend {
    /// The project's id.
    pub project: String,
    /// Every file of the site; index.html is required.
    pub files: Vec<InlineFile>,
    /// Why, for the approver.
    pub reason: String,
    /// Who asks, for the approver: "Bot name (task)".
    pub source: String,
    /// A stable id of the caller's task, for matching.
    pub trust_scope: String,
    /// The account; this installation's own when absent.
    pub account: Option<String>,
    /// Seconds for the approver to decide: 60 to 3600.
    pub approval_window: Option<u64>,
    /// Whether more than half of the site may go (false: such a deploy is refused).
    pub allow_mass_delete: Option<bool>,
}

/// Stores the files and asks for a decision.
pub async fn deploy(app: &App, caller: &Caller, args: DeployFrontend) -> Result<PendingAnswer, UserError> {
    let wording = RequestText {
        reason: args.reason,
        source: Some(args.source),
        trust_scope: Some(args.trust_scope),
        context: None,
        approval_window: args.approval_window,
    };
    wording.check(app)?;
    app.check_account(args.account.as_deref())?;
    let (project, target) = deployable(app, &args.project).await?;
    let decoded = files::decode(args.files, &app.settings.limits)?;

    let (stored, base) = reusable(app, &project, Phase::Request).await?;
    let mut checked = Vec::with_capacity(decoded.len());
    let mut missing = Vec::new();
    for (file, bytes) in decoded {
        let (Some(sha256), size) = (file.sha256, bytes.len() as u64) else { continue };
        if stored.get(&sha256) != Some(&size) {
            missing.push((sha256, bytes));
        }
        checked.push((file, sha256, size));
    }
    let manifest = files::manifest(&project, checked)?;
    let id = &project.project_id;
    futures::stream::iter(missing)
        .map(|(sha256, bytes)| app.documents.put_blob(id, sha256, bytes))
        .buffer_unordered(CONCURRENT_WRITES)
        .try_collect::<Vec<()>>()
        .await
        .map_err(|error: AwsError| UserError::from(error))?;
    let allow_mass_delete = args.allow_mass_delete.unwrap_or(false);
    let proposal = Proposal {
        project: &project,
        target,
        base,
        manifest: &manifest,
        restores: None,
        allow_mass_delete,
        wording,
        ready: None,
    };
    submit(app, caller, proposal).await
}
