//! `bouncer_request_frontend_presigned` and `bouncer_confirm_frontend_deploy`: the files go straight to the storage.

use super::files::{self, CheckedFile, FileToUpload};
use super::plan::{PendingAnswer, pending_answer, submit};
use crate::flow::execution::ensure_started;
use crate::flow::wording::Wording;
use crate::aws::objects::{ObjectError, UploadTerms};
use crate::flow::app::App;
use crate::flow::projects::deployable;
use crate::flow::staging::{blob_key, staged_key};
use crate::model::caller::Caller;
use crate::model::canonical;
use crate::model::digest::Sha256;
use crate::model::error::{ErrorCode, UserError};
use crate::model::headers;
use crate::model::ids::{ProjectId, RequestId};
use crate::model::request::{Action, Lifetime, Request, Status};
use crate::model::time::Time;
use futures::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How long upload addresses and the request they belong to are good for, in seconds.
const UPLOAD_SECONDS: u64 = 3600;
/// Objects read and hashed at once when their digest was not announced.
const CONCURRENT_READS: usize = 8;
/// Names listed in an answer about missing files.
const MISSING_SHOWN: usize = 100;

/// Arguments of `bouncer_request_frontend_presigned`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestPresigned {
    /// The project's id.
    pub project: String,
    /// Every file of the site; index.html is required.
    pub files: Vec<FileToUpload>,
    /// Why.
    pub reason: Option<String>,
    /// Who asks: "Bot name (task)".
    pub source: Option<String>,
}

/// The answer of `bouncer_request_frontend_presigned`.
#[derive(Serialize, JsonSchema)]
pub struct UploadsReady {
    /// "ready".
    pub status: &'static str,
    /// Confirm with it.
    pub request_id: String,
    /// One upload a file; files already stored are not among them.
    pub files: Vec<FileUpload>,
    /// Files whose content is stored already.
    pub skipped: Vec<String>,
    /// Until when the addresses work.
    pub expires_at: Time,
    /// The bucket they lead to.
    pub staging_bucket: String,
    /// What to do next.
    pub message: &'static str,
}

/// One upload.
#[derive(Serialize, JsonSchema)]
pub struct FileUpload {
    /// The file.
    pub filename: String,
    /// Its key in the staging bucket.
    pub s3_key: String,
    /// Where to send it; a secret until it expires.
    pub presigned_url: String,
    /// "PUT".
    pub method: &'static str,
    /// Headers to send as they are.
    pub headers: BTreeMap<String, String>,
}

/// Hands out an upload address for each file whose content is not stored yet. `host` is the name by which the caller
/// reached this server.
pub async fn request(
    app: &App,
    caller: &Caller,
    args: RequestPresigned,
    host: Option<&str>,
) -> Result<UploadsReady, UserError> {
    Wording {
        reason: args.reason.clone().unwrap_or_default(),
        source: args.source.clone(),
        trust_scope: None,
        approval_window: None,
    }
    .check(app)?;
    let (project, _) = deployable(app, &args.project).await?;
    let checked = files::check_uploads(&args.files, &app.settings.limits)?;
    let stored = app.stored_blobs(&project.project_id).await?;
    let request_id = RequestId::random();
    let issued = hash_of(&args.files)?;
    let now = Time::now();
    let expires_at = now.plus_seconds(UPLOAD_SECONDS);

    let (mut uploads, mut skipped) = (Vec::new(), Vec::new());
    let bucket = app.settings.staging_bucket();
    for file in &checked {
        if let Some(sha256) = file.sha256
            && stored.get(&sha256).is_some_and(|size| file.size.is_none_or(|announced| announced == *size))
        {
            skipped.push(file.path.to_string());
            continue;
        }
        let key = upload_key(&project.project_id, &request_id, file);
        let terms = UploadTerms {
            content_type: Some(file.content_type.clone().unwrap_or_else(|| headers::content_type(&file.path))),
            sha256: file.sha256,
            valid_for: Duration::from_secs(UPLOAD_SECONDS),
        };
        let signed = app.objects.upload_url(&bucket, &key, &terms, host).await?;
        uploads.push(FileUpload {
            filename: file.path.to_string(),
            s3_key: key,
            presigned_url: signed.url,
            method: "PUT",
            headers: signed.headers,
        });
    }

    let summary = format!("Upload {} files for {}", checked.len(), project.project_id);
    let lifetime = Lifetime { from: now, valid: UPLOAD_SECONDS, kept: UPLOAD_SECONDS };
    let request = Request {
        source: args.source,
        reason: args.reason,
        project: Some(project.project_id),
        file_count: checked.len(),
        total_size: checked.iter().filter_map(|file| file.size).sum(),
        issued: Some(issued),
        ..Request::new(request_id.clone(), Action::FrontendDeploy, Status::Ready, caller, &summary, lifetime)
    };
    app.store.create_request(&request).await?;
    Ok(UploadsReady {
        status: "ready",
        request_id: request_id.to_string(),
        files: uploads,
        skipped,
        expires_at,
        staging_bucket: bucket,
        message: "PUT each file to its presigned_url with its headers, then call bouncer_confirm_frontend_deploy with the same files.",
    })
}

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
}

/// Checks that every file has arrived and asks for a decision.
pub async fn confirm(app: &App, caller: &Caller, args: ConfirmDeploy) -> Result<PendingAnswer, UserError> {
    let wording = Wording {
        reason: args.reason,
        source: Some(args.source),
        trust_scope: args.trust_scope,
        approval_window: args.approval_window,
    };
    wording.check(app)?;
    let request = own_request(app, caller, &args.request_id).await?;
    let (project, target) = deployable(app, &args.project).await?;
    if request.project.as_ref() != Some(&project.project_id) || request.issued != Some(hash_of(&args.files)?) {
        return Err(UserError::validation(
            "The project or the files are not those that the upload addresses were issued for.",
            "Confirm exactly the issued list, or request new addresses.",
        ));
    }
    match request.status_at(Time::now()) {
        Status::Ready => {}
        Status::Expired => {
            return Err(UserError::new(
                ErrorCode::Conflict,
                "The upload addresses have expired.",
                "Request new ones; files that are stored already will be skipped.",
            ));
        }
        // A repeated confirmation gets the answer of the first, and makes sure that its execution was started.
        _ => {
            if request.status == Status::PendingApproval {
                ensure_started(app, &request).await?;
            }
            return pending_answer(&request);
        }
    }
    let checked = files::check_uploads(&args.files, &app.settings.limits)?;
    let arrived = arrivals(app, &project.project_id, &request.request_id, checked).await?;
    let manifest = files::manifest(&project, arrived)?;
    submit(app, caller, &project, target, &manifest, wording, Some(request)).await
}

async fn own_request(app: &App, caller: &Caller, text: &str) -> Result<Request, UserError> {
    let unknown = || {
        let shown: String = text.chars().take(80).collect();
        UserError::not_found(
            format!("There is no request '{shown}' of yours with upload addresses."),
            "Call bouncer_request_frontend_presigned first.",
        )
    };
    let id = RequestId::parse(text).map_err(|_| unknown())?;
    let request = app.store.request(&id).await?.ok_or_else(unknown)?;
    let issued_to_caller =
        request.caller == caller.id && request.action == Action::FrontendDeploy && request.issued.is_some();
    if issued_to_caller { Ok(request) } else { Err(unknown()) }
}

/// The digest and size of every file, or which ones are missing. Files with an announced digest are known from one
/// listing, because the storage took no other bytes; the others are read once.
async fn arrivals(
    app: &App,
    project: &ProjectId,
    request: &RequestId,
    files: Vec<CheckedFile>,
) -> Result<Vec<(CheckedFile, Sha256, u64)>, UserError> {
    let bucket = app.settings.staging_bucket();
    let blobs = app.stored_blobs(project).await?;
    let staged: HashMap<String, u64> = if files.iter().all(|file| file.sha256.is_some()) {
        HashMap::new()
    } else {
        let listing = app.objects.list(&bucket, &format!("staged/{request}/")).await?;
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
        .map(|file| adopt(app, &bucket, project, request, file))
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
) -> Result<(CheckedFile, Sha256, u64), ObjectError> {
    let staged = staged_key(request, &file.path);
    let (sha256, size) = app.objects.open(bucket, &staged).await?.digest(bucket).await?;
    // The put is refused unless the bytes still have the digest just read: an upload that came between is noticed.
    let source = app.objects.open(bucket, &staged).await?;
    app.objects.put_opened(bucket, &blob_key(project, sha256), source, sha256, &Default::default()).await?;
    Ok((file, sha256, size))
}

fn upload_key(project: &ProjectId, request: &RequestId, file: &CheckedFile) -> String {
    match file.sha256 {
        Some(sha256) => blob_key(project, sha256),
        None => staged_key(request, &file.path),
    }
}

/// The issued list in one order, so that the order of the caller's list does not matter.
fn listed(files: &[FileToUpload]) -> Vec<&FileToUpload> {
    let mut listed: Vec<&FileToUpload> = files.iter().collect();
    listed.sort_by(|a, b| a.filename.cmp(&b.filename));
    listed
}

fn hash_of(files: &[FileToUpload]) -> Result<Sha256, UserError> {
    Ok(canonical::hash(&listed(files))?)
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
        "Upload the files listed in missing, then confirm again.",
    )
    .with("missing_count", json!(missing.len()))
    .with("missing", json!(&missing[..missing.len().min(MISSING_SHOWN)]))
}
