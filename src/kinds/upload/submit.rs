//! Uploads to the staging bucket that need no approval: addresses for one file or a batch, and the check that a batch
//! has arrived.

use super::name::NAME;
use crate::aws::objects::UploadTerms;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::request::{Lifetime, Request, Status};
use crate::domain::site::headers;
use crate::domain::site::paths::{MAX_PATH_BYTES, SitePath, is_traversal};
use crate::domain::text::visible;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::submit;
use crate::storage::documents::IssuedKeys;
use futures::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Seconds that an address is good for unless asked otherwise.
const DEFAULT_SECONDS: u64 = 900;
/// How long an upload's row is kept after its addresses have expired.
const KEPT_SECONDS: u64 = 7 * 24 * 3600;
/// Objects larger than this are listed without their digest: one call must not read gigabytes.
const HASHED_BYTES: u64 = 64 << 20;
/// Objects read and hashed at once.
const CONCURRENT_READS: usize = 8;

/// Arguments of `bouncer_request_presigned`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestUpload {
    /// The file's name; folders are kept.
    pub filename: String,
    /// The `Content-Type` the upload must have.
    pub content_type: String,
    /// Why.
    pub reason: String,
    /// Who asks: "Bot name (task)".
    pub source: String,
    /// The account; this installation's own when absent.
    pub account: Option<String>,
    /// Seconds the address is good for: 60 to 3600 (900).
    pub expires_in: Option<u64>,
}

/// The answer of `bouncer_request_presigned`.
#[derive(Serialize, JsonSchema)]
pub struct UploadReady {
    /// "ready".
    pub status: &'static str,
    /// Where to send the file; a secret until it expires.
    pub presigned_url: String,
    /// The object's key.
    pub s3_key: String,
    /// `s3://` and bucket and key.
    pub s3_uri: String,
    /// The request's id.
    pub request_id: String,
    /// Until when the address works.
    pub expires_at: Time,
    /// "PUT".
    pub method: &'static str,
    /// Headers to send as they are.
    pub headers: BTreeMap<String, String>,
}

/// Hands out the address for one file.
pub async fn request(
    app: &App,
    caller: &Caller,
    args: RequestUpload,
    host: Option<&str>,
) -> Result<UploadReady, UserError> {
    let seconds = checked_window(args.expires_in)?;
    app.check_account(args.account.as_deref())?;
    let path = cleaned(&args.filename)?;
    let id = RequestId::random();
    let request = row(app, caller, &id, seconds, args.reason, args.source, 1);
    let upload = Upload::new(app, &request, &path, &args.content_type, seconds, host).await?;
    submit::open(app, caller, &request).await?;
    Ok(UploadReady {
        status: "ready",
        presigned_url: upload.presigned_url,
        s3_key: upload.s3_key,
        s3_uri: upload.s3_uri,
        request_id: id.to_string(),
        expires_at: request.expires_at,
        method: "PUT",
        headers: upload.headers,
    })
}

/// A file of a batch.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BatchFile {
    /// The file's name; folders are kept.
    pub filename: String,
    /// The `Content-Type` the upload must have.
    pub content_type: String,
}

/// Arguments of `bouncer_request_presigned_batch`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RequestBatch {
    /// 1 to 50 files.
    pub files: Vec<BatchFile>,
    /// Why.
    pub reason: String,
    /// Who asks: "Bot name (task)".
    pub source: String,
    /// The account; this installation's own when absent.
    pub account: Option<String>,
    /// Seconds the addresses are good for: 60 to 3600 (900).
    pub expires_in: Option<u64>,
}

/// The answer of `bouncer_request_presigned_batch`.
#[derive(Serialize, JsonSchema)]
pub struct BatchReady {
    /// "ready".
    pub status: &'static str,
    /// Confirm with it.
    pub batch_id: String,
    /// How many files.
    pub file_count: usize,
    /// One upload a file.
    pub files: Vec<Upload>,
    /// Until when the addresses work.
    pub expires_at: Time,
    /// The bucket they lead to.
    pub bucket: String,
}

/// One upload of a batch.
#[derive(Serialize, JsonSchema)]
pub struct Upload {
    /// The file's name in the batch: cleaned, and made different from earlier ones.
    pub filename: String,
    /// Where to send it; a secret until it expires.
    pub presigned_url: String,
    /// The object's key.
    pub s3_key: String,
    /// `s3://` and bucket and key.
    pub s3_uri: String,
    /// "PUT".
    pub method: &'static str,
    /// Headers to send as they are.
    pub headers: BTreeMap<String, String>,
}

/// Hands out addresses for a batch of files.
pub async fn request_batch(
    app: &App,
    caller: &Caller,
    args: RequestBatch,
    host: Option<&str>,
) -> Result<BatchReady, UserError> {
    let limit = app.settings.limits.batch_files;
    if !(1..=limit).contains(&args.files.len()) {
        return Err(UserError::validation(
            format!("A batch has 1 to {limit} files; this one has {}.", args.files.len()),
            "Split it into several batches.",
        ));
    }
    let seconds = checked_window(args.expires_in)?;
    app.check_account(args.account.as_deref())?;
    let id = RequestId::random_batch();
    let request = row(app, caller, &id, seconds, args.reason, args.source, args.files.len());
    let mut names = BTreeSet::new();
    let mut uploads = Vec::with_capacity(args.files.len());
    for file in &args.files {
        let path = made_different(cleaned(&file.filename)?, &mut names)?;
        uploads.push(Upload::new(app, &request, &path, &file.content_type, seconds, host).await?);
    }
    let keys = uploads.iter().map(|upload| upload.s3_key.clone()).collect();
    app.documents.put(&(), &id, &IssuedKeys(keys)).await?;
    submit::open(app, caller, &request).await?;
    Ok(BatchReady {
        status: "ready",
        batch_id: id.to_string(),
        file_count: uploads.len(),
        files: uploads,
        expires_at: request.expires_at,
        bucket: app.documents.bucket().to_owned(),
    })
}

impl Upload {
    async fn new(
        app: &App,
        request: &Request,
        path: &SitePath,
        content_type: &str,
        seconds: u64,
        host: Option<&str>,
    ) -> Result<Self, UserError> {
        if !headers::is_content_type(content_type) {
            return Err(UserError::validation(
                format!("The content_type of '{path}' is not of the form type/subtype."),
                "Use one such as text/plain or application/octet-stream.",
            ));
        }
        let bucket = app.documents.bucket();
        let key = format!("{}{path}", prefix(request));
        let terms = UploadTerms {
            content_type: Some(content_type.to_owned()),
            sha256: None,
            valid_for: Duration::from_secs(seconds),
        };
        let signed = app.objects.presign_upload(bucket, &key, &terms, host).await?;
        Ok(Self {
            filename: path.to_string(),
            presigned_url: signed.url,
            s3_uri: format!("s3://{bucket}/{key}"),
            s3_key: key,
            method: "PUT",
            headers: signed.headers,
        })
    }
}

/// Arguments of `bouncer_confirm_upload`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConfirmUpload {
    /// From bouncer_request_presigned_batch.
    #[schemars(regex(pattern = r"^batch-[0-9a-f]{12}$"))]
    pub batch_id: String,
    /// Only these objects of the batch, at most 50; all when absent.
    pub files: Option<Vec<BatchKey>>,
}

/// An object of a batch.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BatchKey {
    /// Its key.
    pub s3_key: String,
}

/// The answer of `bouncer_confirm_upload`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BatchArrival {
    /// The batch.
    pub batch_id: String,
    /// Whether every file is there.
    pub verified: bool,
    /// File by file.
    pub results: Vec<Arrival>,
    /// Keys of the files that are not there.
    pub missing: Vec<String>,
}

/// Whether one file is there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Arrival {
    /// The object's key.
    pub s3_key: String,
    /// Whether it is there.
    pub exists: bool,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Of the bytes, in hexadecimal; absent for files over 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Looks which files of a batch have arrived, from one listing of it.
pub async fn confirm(app: &App, caller: &Caller, args: ConfirmUpload) -> Result<BatchArrival, UserError> {
    let id = RequestId::parse(args.batch_id.as_str()).ok().filter(RequestId::is_batch).ok_or_else(|| {
        UserError::invalid(
            "batch_id",
            "A batch_id is 'batch-' and 12 hexadecimal digits.",
            "Use the batch_id that bouncer_request_presigned_batch gave.",
        )
    })?;
    let limit = app.settings.limits.batch_files;
    if args.files.as_ref().is_some_and(|files| files.len() > limit) {
        return Err(UserError::validation(
            format!("At most {limit} files are confirmed in one call."),
            "Confirm them in several calls, or omit files to confirm the whole batch.",
        ));
    }
    let unknown = || UserError::not_found(format!("There is no batch '{id}' of yours."), "Request a new batch.");
    let request = app.store.request(&id).await?.filter(|row| caller.may_see(&row.caller)).ok_or_else(unknown)?;
    let IssuedKeys(issued) = app.documents.get(&(), &request.request_id).await?;
    let wanted = match args.files {
        None => issued,
        Some(files) => files.into_iter().map(|file| in_batch(file.s3_key, &issued)).collect::<Result<_, _>>()?,
    };
    let bucket = app.documents.bucket();
    let listing = app.objects.list(bucket, &prefix(&request)).await?;
    let sizes: HashMap<String, u64> = listing.into_iter().map(|object| (object.key, object.size)).collect();
    let results: Vec<Arrival> = futures::stream::iter(wanted)
        .map(|key| arrival(app, bucket, sizes.get(&key).copied(), key))
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    let missing: Vec<String> =
        results.iter().filter(|result| !result.exists).map(|result| result.s3_key.clone()).collect();
    Ok(BatchArrival { batch_id: id.to_string(), verified: missing.is_empty(), results, missing })
}

fn in_batch(key: String, issued: &[String]) -> Result<String, UserError> {
    if issued.contains(&key) {
        return Ok(key);
    }
    let shown: String = key.chars().take(120).collect();
    Err(UserError::validation(
        format!("The key '{shown}' is not one of this batch."),
        "Use the s3_key values that were issued with the batch.",
    ))
}

async fn arrival(app: &App, bucket: &str, size: Option<u64>, key: String) -> Result<Arrival, UserError> {
    let Some(size) = size else { return Ok(Arrival { s3_key: key, exists: false, size: None, sha256: None }) };
    let sha256 = if size <= HASHED_BYTES {
        Some(app.objects.open(bucket, &key).await?.digest().await?.0.to_string())
    } else {
        None
    };
    Ok(Arrival { s3_key: key, exists: true, size: Some(size), sha256 })
}

/// The folder of a request's uploads, named by the day it was made.
fn prefix(request: &Request) -> String {
    format!("{}/{}/", request.created_at.day(), request.request_id)
}

fn checked_window(seconds: Option<u64>) -> Result<u64, UserError> {
    match seconds.unwrap_or(DEFAULT_SECONDS) {
        seconds if (60..=3600).contains(&seconds) => Ok(seconds),
        seconds => Err(UserError::invalid(
            "expires_in",
            format!("An expires_in of {seconds} seconds is not accepted."),
            "Ask for 60 to 3600 seconds.",
        )),
    }
}

/// A name without what would lead out of its folder. What is left must be a name that a site could hold.
fn cleaned(name: &str) -> Result<SitePath, UserError> {
    let shown = visible(&name.chars().take(120).collect::<String>());
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !is_traversal(part)).collect();
    if parts.is_empty() {
        return Err(UserError::validation(format!("The filename '{shown}' names no file."), "Give it a name."));
    }
    SitePath::parse(parts.join("/")).map_err(|problem| {
        UserError::validation(format!("The filename '{shown}' {problem}."), "Rename the file or leave it out.")
            .with("filename", json!(name.chars().take(200).collect::<String>()))
    })
}

/// The first `name`, `name_1`, `name_2`, … that the batch does not have yet; the number goes before the extension.
fn made_different(path: SitePath, taken: &mut BTreeSet<String>) -> Result<SitePath, UserError> {
    let mut candidate = path.clone();
    let mut number = 0;
    while !taken.insert(candidate.folded()) {
        number += 1;
        let text = path.as_str();
        let name_start = text.rfind('/').map_or(0, |slash| slash + 1);
        let stem_end = text[name_start..].rfind('.').filter(|dot| *dot > 0).map_or(text.len(), |dot| name_start + dot);
        candidate = SitePath::parse(format!("{}_{number}{}", &text[..stem_end], &text[stem_end..])).map_err(|_| {
            UserError::validation(
                format!("The file name '{path}' occurs too often and is near the limit of {MAX_PATH_BYTES} bytes."),
                "Give the files different names.",
            )
        })?;
    }
    Ok(candidate)
}

fn row(
    app: &App,
    caller: &Caller,
    id: &RequestId,
    seconds: u64,
    reason: String,
    source: String,
    files: usize,
) -> Request {
    let cut = |text: String| text.chars().take(app.settings.limits.text_chars).collect::<String>();
    let summary = format!("Upload {files} files to the staging bucket");
    let lifetime = Lifetime { from: Time::now(), valid: seconds, kept: KEPT_SECONDS };
    Request {
        source: Some(cut(source)),
        reason: Some(cut(reason)),
        ..Request::new(id.clone(), NAME, Status::Ready, caller, &summary, lifetime)
    }
}

impl App {
    /// Refuses an account that this installation does not serve.
    pub(crate) fn check_account(&self, account: Option<&str>) -> Result<(), UserError> {
        match account {
            Some(account) if account != self.settings.account => {
                let shown: String = account.chars().take(40).collect();
                Err(UserError::invalid(
                    "account",
                    format!("This installation does not serve the account '{shown}'."),
                    format!("Omit account, or use {}.", self.settings.account),
                ))
            }
            _ => Ok(()),
        }
    }
}
