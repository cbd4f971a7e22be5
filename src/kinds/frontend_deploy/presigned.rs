//! `bouncer_request_frontend_presigned`: upload addresses, with which the files go straight to the storage.

use super::files;
use super::files::{CheckedFile, FileToUpload};
use super::name::NAME;
use super::reusable::reusable;
use crate::admin::projects::deployable;
use crate::aws::objects::UploadTerms;
use crate::domain::caller::Caller;
use crate::domain::canonical;
use crate::domain::digest::Sha256;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::project::Project;
use crate::domain::request::{Lifetime, Request, Status};
use crate::domain::site::contents::Phase;
use crate::domain::site::headers;
use crate::domain::time::Time;
use crate::kinds::site::plan::SiteFacts;
use crate::requests::app::App;
use crate::requests::submit;
use crate::requests::text::RequestText;
use crate::storage::documents::{blob_key, staged_key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long upload addresses and the request they belong to are good for, in seconds.
const UPLOAD_SECONDS: u64 = 3600;

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
    /// From `next` of an earlier answer, to get the addresses of the files that it left out.
    pub request_id: Option<String>,
    /// From `next` as well.
    pub cursor: Option<u64>,
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
    /// Files that this answer leaves out because it would be too large; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_remaining: Option<usize>,
    /// What to add to the same arguments to get the addresses of those files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// What to do next.
    pub message: &'static str,
}

/// Where the next answer goes on.
#[derive(Serialize, JsonSchema)]
pub struct Next {
    /// The request that the addresses belong to.
    pub request_id: String,
    /// How many of the files, in the order of the call, earlier answers were about.
    pub cursor: u64,
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
    RequestText {
        reason: args.reason.clone().unwrap_or_default(),
        source: args.source.clone(),
        trust_scope: None,
        context: None,
        approval_window: None,
    }
    .check(app)?;
    let (project, _) = deployable(app, &args.project).await?;
    let checked = files::check_uploads(&args.files, &app.settings.limits)?;
    let issued = hash_of(&args.files)?;
    let (request, first) = match (args.request_id, args.cursor) {
        (None, None) => {
            let summary = format!("Upload {} files for {}", checked.len(), project.project_id);
            let lifetime = Lifetime { from: Time::now(), valid: UPLOAD_SECONDS, kept: UPLOAD_SECONDS };
            let id = RequestId::random();
            let request = Request {
                source: args.source,
                reason: args.reason,
                project: Some(project.project_id.clone()),
                ..Request::new(id, NAME, Status::Ready, caller, &summary, lifetime)
            };
            let facts = SiteFacts {
                file_count: checked.len(),
                total_size: checked.iter().filter_map(|file| file.size).sum(),
                issued: Some(issued),
                ..SiteFacts::default()
            };
            (request.with_facts(&facts)?, 0)
        }
        (Some(id), Some(cursor)) => {
            let request = own_request(app, caller, &id).await?;
            must_be_issued(&request, &project.project_id, issued)?;
            (request, position(cursor, checked.len())?)
        }
        (None, Some(_)) => return Err(UserError::missing("request_id")),
        (Some(_), None) => return Err(UserError::missing("cursor")),
    };
    must_be_ready(&request)?;
    let page = sign(app, &project, &request, &checked[first..], host).await?;
    if first == 0 {
        submit::open(app, caller, &request).await?;
    }
    let remaining = checked.len() - first - page.covered;
    let cursor = (first + page.covered) as u64;
    Ok(UploadsReady {
        status: "ready",
        request_id: request.request_id.to_string(),
        files: page.uploads,
        skipped: page.skipped,
        expires_at: request.expires_at,
        staging_bucket: app.documents.bucket().to_owned(),
        files_remaining: (remaining > 0).then_some(remaining),
        next: (remaining > 0).then(|| Next { request_id: request.request_id.to_string(), cursor }),
        message: match remaining {
            0 => {
                "PUT each file to its presigned_url with its headers, then call bouncer_confirm_frontend_deploy with the same files."
            }
            _ => {
                "PUT each file to its presigned_url with its headers. These are not all: call this tool again with the same arguments and those of next, until an answer has no next; then confirm."
            }
        },
    })
}

/// A part of the addresses, and how many of the files it is about.
struct Page {
    uploads: Vec<FileUpload>,
    skipped: Vec<String>,
    covered: usize,
}

/// Signs an upload for each of the files that is not stored for sure, as many as go into one answer; at least one.
async fn sign(
    app: &App,
    project: &Project,
    request: &Request,
    files: &[CheckedFile],
    host: Option<&str>,
) -> Result<Page, UserError> {
    let (stored, _) = reusable(app, project, Phase::Request).await?;
    let bucket = app.documents.bucket();
    let valid_for = Duration::from_secs(request.expires_at.seconds_left(Time::now()).max(1));
    let mut page = Page { uploads: Vec::new(), skipped: Vec::new(), covered: 0 };
    let mut room = app.settings.limits.answer_bytes;
    for file in files {
        let is_stored = |sha256| stored.get(&sha256).is_some_and(|size| file.size.is_none_or(|said| said == *size));
        let upload = if file.sha256.is_some_and(is_stored) {
            None
        } else {
            let key = upload_key(&project.project_id, &request.request_id, file);
            let terms = UploadTerms {
                content_type: Some(file.content_type.clone().unwrap_or_else(|| headers::content_type(&file.path))),
                sha256: file.sha256,
                valid_for,
            };
            let signed = app.objects.presign_upload(bucket, &key, &terms, host).await?;
            Some(FileUpload {
                filename: file.path.to_string(),
                s3_key: key,
                presigned_url: signed.url,
                method: "PUT",
                headers: signed.headers,
            })
        };
        let taken = match &upload {
            Some(upload) => serde_json::to_vec(upload)?.len(),
            None => file.path.as_str().len(),
        };
        if taken > room && page.covered > 0 {
            break;
        }
        room = room.saturating_sub(taken);
        page.covered += 1;
        match upload {
            Some(upload) => page.uploads.push(upload),
            None => page.skipped.push(file.path.to_string()),
        }
    }
    Ok(page)
}

/// Where in the list of files an answer goes on.
fn position(cursor: u64, files: usize) -> Result<usize, UserError> {
    usize::try_from(cursor).ok().filter(|position| (1..files).contains(position)).ok_or_else(|| {
        UserError::invalid(
            "cursor",
            format!("A cursor of {cursor} does not lead into the {files} files."),
            "Use the cursor of the answer before.",
        )
    })
}

/// Refuses another project or other files than those of the request.
pub(crate) fn must_be_issued(request: &Request, project: &ProjectId, files: Sha256) -> Result<(), UserError> {
    if request.project.as_ref() == Some(project) && issued_of(request) == Some(files) {
        return Ok(());
    }
    Err(UserError::validation(
        "The project or the files are not those that the upload addresses were issued for.",
        "Send exactly the same list again, or request new addresses.",
    ))
}

/// Refuses a request whose uploads are over.
pub(crate) fn must_be_ready(request: &Request) -> Result<(), UserError> {
    match request.status_at(Time::now()) {
        Status::Ready => Ok(()),
        Status::Expired => Err(UserError::new(
            ErrorCode::Conflict,
            "The upload addresses have expired.",
            "Request new ones; files that are stored already will be skipped.",
        )),
        status => Err(UserError::new(
            ErrorCode::Conflict,
            format!("The request '{}' is {status}: it takes no more uploads.", request.request_id),
            "Request new addresses; files that are stored already will be skipped.",
        )),
    }
}

/// A request of the caller's own under which addresses were issued.
pub(crate) async fn own_request(app: &App, caller: &Caller, text: &str) -> Result<Request, UserError> {
    let unknown = || {
        let shown: String = text.chars().take(80).collect();
        UserError::not_found(
            format!("There is no request '{shown}' of yours with upload addresses."),
            "Call bouncer_request_frontend_presigned first.",
        )
    };
    let id = RequestId::parse(text).map_err(|_| unknown())?;
    let request = app.store.request(&id).await?.ok_or_else(unknown)?;
    let issued_to_caller = request.caller == caller.id && request.action == NAME && issued_of(&request).is_some();
    if issued_to_caller { Ok(request) } else { Err(unknown()) }
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

fn issued_of(request: &Request) -> Option<Sha256> {
    request.facts_as::<SiteFacts>().and_then(|facts| facts.issued)
}

/// Hashes what binds a request to its files.
pub(crate) fn hash_of(files: &[FileToUpload]) -> Result<Sha256, UserError> {
    Ok(canonical::hash(&listed(files))?)
}
