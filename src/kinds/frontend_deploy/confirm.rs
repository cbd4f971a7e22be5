//! `bouncer_confirm_frontend_deploy`: the files have been uploaded, and a human is asked.

use super::files;
use super::files::{CheckedFile, FileToUpload};
use super::presigned::{hash_of, must_be_issued, must_be_ready, own_request};
use super::reusable::reusable;
use super::submit::{PendingAnswer, Proposal, pending_answer, submit};
use crate::admin::projects::deployable;
use crate::aws::error::AwsError;
use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::error::UserError;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::request::Status;
use crate::domain::site::contents::Phase;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::execution::ensure_started;
use crate::requests::text::RequestText;
use crate::storage::documents::{blob_key, staged_key, staged_of};
use futures::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;

/// Objects read and hashed at once when their digest was not announced.
const CONCURRENT_READS: usize = 8;
/// Names listed in an answer about missing files.
const MISSING_SHOWN: usize = 100;

/// Arguments of `bouncer_confirm_frontend_deploy`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConfirmDeploy {
    /// From bouncer_request_frontend_presigned.
    pub request_id: String,
    /// The project's id.
    pub project: String,
    /// The same files as there.
    pub files: Vec<FileToUpload>,
    /// Why, for the approver.
    pub reason: String,
    /// Who asks, for the approver: "Bot name (task)".
    pub source: String,
    /// A stable id of the caller's task, for matching.
    pub trust_scope: Option<String>,
    /// Seconds for the approver to decide: 60 to 3600.
    pub approval_window: Option<u64>,
    /// Whether more than half of the site may go (false: such a deploy is refused).
    pub allow_mass_delete: Option<bool>,
}

/// Checks that every file has arrived and asks for a decision.
pub async fn confirm(app: &App, caller: &Caller, args: ConfirmDeploy) -> Result<PendingAnswer, UserError> {
    let wording = RequestText {
        reason: args.reason,
        source: Some(args.source),
        trust_scope: args.trust_scope,
        context: None,
        approval_window: args.approval_window,
    };
    wording.check(app)?;
    let request = own_request(app, caller, &args.request_id).await?;
    let (project, target) = deployable(app, &args.project).await?;
    must_be_issued(&request, &project.project_id, hash_of(&args.files)?)?;
    if !matches!(request.status_at(Time::now()), Status::Ready | Status::Expired) {
        // A repeated confirmation gets the answer of the first, and makes sure that its execution was started.
        if request.status == Status::PendingApproval {
            ensure_started(app, &request).await?;
        }
        return pending_answer(app, &request);
    }
    must_be_ready(&request)?;
    let checked = files::check_uploads(&args.files, &app.settings.limits)?;
    let (blobs, base) = reusable(app, &project, Phase::Confirmation).await?;
    let arrived = arrivals(app, &project.project_id, &request.request_id, &blobs, checked).await?;
    let manifest = files::manifest(&project, arrived)?;
    let proposal = Proposal {
        project: &project,
        target,
        base,
        manifest: &manifest,
        restores: None,
        allow_mass_delete: args.allow_mass_delete.unwrap_or(false),
        wording,
        ready: Some(request),
    };
    submit(app, caller, proposal).await
}

/// The digest and size of every file, or which ones are missing. Files with an announced digest are known from one
/// listing, because the storage took no other bytes; the others are read once.
async fn arrivals(
    app: &App,
    project: &ProjectId,
    request: &RequestId,
    blobs: &HashMap<Sha256, u64>,
    files: Vec<CheckedFile>,
) -> Result<Vec<(CheckedFile, Sha256, u64)>, UserError> {
    let bucket = app.documents.bucket();
    let staged: HashMap<String, u64> = if files.iter().all(|file| file.sha256.is_some()) {
        HashMap::new()
    } else {
        let listing = app.objects.list(bucket, &staged_of(request)).await?;
        listing.into_iter().map(|object| (object.key, object.size)).collect()
    };

    let (mut arrived, mut to_read, mut missing) = (Vec::with_capacity(files.len()), Vec::new(), Vec::new());
    for file in files {
        match file.sha256 {
            Some(sha256) => match blobs.get(&sha256) {
                Some(size) if file.size.is_some_and(|announced| announced != *size) => {
                    return Err(wrong_size(&file, *size));
                }
                Some(size) => arrived.push((file, sha256, *size)),
                None => missing.push(file.path.to_string()),
            },
            None => match staged.get(&staged_key(request, &file.path)) {
                Some(size) if file.size.is_some_and(|announced| announced != *size) => {
                    return Err(wrong_size(&file, *size));
                }
                Some(_) => to_read.push(file),
                None => missing.push(file.path.to_string()),
            },
        }
    }
    if !missing.is_empty() {
        return Err(not_arrived(missing));
    }
    let read_sizes = to_read.iter().filter_map(|file| staged.get(&staged_key(request, &file.path)));
    let total =
        arrived.iter().map(|(_, _, size)| size).chain(read_sizes).fold(0u64, |sum, size| sum.saturating_add(*size));
    if total > app.settings.limits.presigned_total_bytes {
        return Err(UserError::validation(
            format!("The files have {total} bytes in all, more than is accepted."),
            "Leave out what the site does not need.",
        ));
    }
    let read: Vec<(CheckedFile, Sha256, u64)> = futures::stream::iter(to_read)
        .map(|file| adopt(app, bucket, project, request, file))
        .buffer_unordered(CONCURRENT_READS)
        .try_collect()
        .await?;
    arrived.extend(read);
    Ok(arrived)
}

/// Reads a staged object once for its digest, and keeps its content under that digest.
async fn adopt(
    app: &App,
    bucket: &str,
    project: &ProjectId,
    request: &RequestId,
    file: CheckedFile,
) -> Result<(CheckedFile, Sha256, u64), AwsError> {
    let staged = staged_key(request, &file.path);
    let (sha256, size) = app.objects.open(bucket, &staged).await?.digest().await?;
    // The put is refused unless the bytes still have the digest just read: an upload that came between is noticed.
    let source = app.objects.open(bucket, &staged).await?;
    app.objects.put_stream(bucket, &blob_key(project, sha256), source, sha256, &Default::default()).await?;
    Ok((file, sha256, size))
}

fn wrong_size(file: &CheckedFile, size: u64) -> UserError {
    UserError::validation(
        format!("The file '{}' arrived with {size} bytes, not the announced number.", file.path),
        "Request new upload addresses with the right size.",
    )
    .with("filename", json!(file.path.as_str()))
}

fn not_arrived(missing: Vec<String>) -> UserError {
    UserError::validation(
        format!("{} of the files have not arrived, such as '{}'.", missing.len(), missing[0]),
        "Upload the files listed in missing, then confirm again. If there were no addresses for them, because they were \
         stored then, request new ones.",
    )
    .with("missing_count", json!(missing.len()))
    .with("missing", json!(&missing[..missing.len().min(MISSING_SHOWN)]))
}
