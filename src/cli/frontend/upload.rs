//! Sends files straight to storage with the addresses that the server issued.

use super::hash::{HashedFile, changed};
use super::walk::SourceFile;
use crate::cli::client::{http_client, root_cause};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::domain::digest::Sha256;
use crate::domain::error::ErrorCode;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;

/// Files on their way at the same time, at most: so many that the time an answer takes hardly counts.
const IN_FLIGHT: usize = 64;
/// Bytes on their way at the same time, so that on a thin line no file has to share it with too many others.
const BYTES_IN_FLIGHT: usize = 4 << 20;
/// Files up to this size are read in one go, larger ones in pieces of this size.
const PIECE: usize = 64 * 1024;
/// The unit in which [`BYTES_IN_FLIGHT`] is shared out.
const SHARE: u64 = 32 * 1024;
/// Waits before a further attempt.
const BACKOFF: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(800), Duration::from_millis(2400)];
/// The slowest rate at which an upload is not given up, in bytes a second.
const SLOWEST_RATE: u64 = 16 * 1024;
/// What an upload may take beside its bytes.
const GRACE: Duration = Duration::from_secs(60);

/// An upload address as the server issues it.
#[derive(Deserialize)]
pub struct Issued {
    /// The file it is for.
    pub filename: String,
    presigned_url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sent {
    /// Distinct contents.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

struct Upload<'f> {
    source: &'f SourceFile,
    url: Url,
    headers: HeaderMap,
}

/// Uploads what the server has not stored yet; each content once, however many files have it.
pub async fn upload_missing(
    files: &[HashedFile],
    issued: Vec<Issued>,
    skipped: &HashSet<String>,
    bar: impl FnOnce(u64) -> ProgressBar,
) -> Result<Sent, CliError> {
    upload_at_pace(files, issued, skipped, bar, &BACKOFF).await
}

async fn upload_at_pace(
    files: &[HashedFile],
    issued: Vec<Issued>,
    skipped: &HashSet<String>,
    bar: impl FnOnce(u64) -> ProgressBar,
    pace: &[Duration],
) -> Result<Sent, CliError> {
    let uploads = plan(files, issued, skipped)?;
    let Some(first) = uploads.first() else { return Ok(Sent::default()) };
    // The time limit depends on the file, so each request carries its own.
    let http = http_client(&first.url, None)?;
    let sent = Sent { files: uploads.len() as u64, bytes: uploads.iter().map(|upload| upload.source.size).sum() };
    let bar = bar(sent.bytes);
    let room = Semaphore::new(BYTES_IN_FLIGHT / SHARE as usize);
    let outcome = stream::iter(&uploads)
        .map(|upload| async {
            // Never closed, so this cannot fail.
            let _share = room.acquire_many(shares(upload.source.size)).await.ok();
            put(&http, upload, &bar, pace).await
        })
        .buffer_unordered(IN_FLIGHT)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await;
    bar.finish_and_clear();
    outcome.map(|()| sent)
}

fn plan<'f>(
    files: &'f [HashedFile],
    issued: Vec<Issued>,
    skipped: &HashSet<String>,
) -> Result<Vec<Upload<'f>>, CliError> {
    let by_name: HashMap<&str, &HashedFile> = files.iter().map(|file| (file.source.path.as_str(), file)).collect();
    let mut contents: HashSet<Sha256> = HashSet::new();
    let mut uploads = Vec::new();
    for address in issued {
        if skipped.contains(&address.filename) {
            continue;
        }
        let file = by_name.get(address.filename.as_str()).ok_or_else(unfit_address)?;
        if contents.insert(file.sha256) {
            let url = Url::parse(&address.presigned_url).map_err(|_| unfit_address())?;
            uploads.push(Upload { source: &file.source, url, headers: headers(&address.headers)? });
        }
    }
    Ok(uploads)
}

/// At most a quarter of what there is: a large file does not wait until nothing else is on its way.
fn shares(size: u64) -> u32 {
    const MOST: u64 = BYTES_IN_FLIGHT as u64 / SHARE / 4;
    u32::try_from(size.div_ceil(SHARE).clamp(1, MOST)).unwrap_or(1)
}

/// The server issued something that no upload can be made of.
pub fn unfit_address() -> CliError {
    CliError::new(Exit::Failed, ErrorCode::UpstreamError, "The server issued an upload address that cannot be used.")
        .hint("Compare the versions with `bouncer doctor`.")
}

fn headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, CliError> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit_address())?;
        // These two follow from the URL and the body.
        if name != reqwest::header::HOST && name != CONTENT_LENGTH {
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| unfit_address())?);
        }
    }
    Ok(headers)
}

/// How one attempt ended, when it did not work.
enum AttemptError {
    /// Another attempt may work.
    Passing(String),
    /// No further attempt will.
    Final(CliError),
}

async fn put(
    http: &reqwest::Client,
    upload: &Upload<'_>,
    bar: &ProgressBar,
    pace: &[Duration],
) -> Result<(), CliError> {
    let mut waits = pace.iter();
    loop {
        let reason = match put_once(http, upload, bar).await {
            Ok(()) => return Ok(()),
            Err(AttemptError::Final(error)) => return Err(error),
            Err(AttemptError::Passing(reason)) => reason,
        };
        let Some(wait) = waits.next() else {
            let message = format!("'{}' could not be uploaded: {reason}.", upload.source.path);
            return Err(CliError::new(Exit::Failed, ErrorCode::UpstreamError, message)
                .hint("Run this again: what is uploaded already is not sent twice."));
        };
        tracing::debug!(file = %upload.source.path, reason, "upload is tried again");
        tokio::time::sleep(*wait).await;
    }
}

async fn put_once(http: &reqwest::Client, upload: &Upload<'_>, bar: &ProgressBar) -> Result<(), AttemptError> {
    let source = upload.source;
    let sent = Arc::new(AtomicU64::new(0));
    let body = if source.size <= PIECE as u64 {
        whole(source, bar, &sent).await
    } else {
        open_unchanged(source).await.map(|file| streamed(file, source.size, bar.clone(), sent.clone()))
    };
    let request = http
        .put(upload.url.clone())
        .headers(upload.headers.clone())
        .header(CONTENT_LENGTH, source.size)
        .timeout(GRACE + Duration::from_secs(source.size / SLOWEST_RATE))
        .body(body.map_err(AttemptError::Final)?);
    let outcome = match request.send().await {
        Ok(response) if response.status().is_success() => return Ok(()),
        Ok(response) => refusal(source, response).await,
        // A body that ends early, because the file shrank, shows as a broken connection.
        Err(_) if open_unchanged(source).await.is_err() => AttemptError::Final(changed(source, "uploaded")),
        Err(error) => AttemptError::Passing(root_cause(&error)),
    };
    // The next attempt counts these bytes again.
    bar.dec(sent.load(Ordering::Relaxed));
    Err(outcome)
}

/// A small file, read in one go.
async fn whole(source: &SourceFile, bar: &ProgressBar, sent: &AtomicU64) -> Result<Body, CliError> {
    let mut file = open_unchanged(source).await?;
    let mut bytes = Vec::with_capacity(usize::try_from(source.size).unwrap_or(0));
    let read = file.read_to_end(&mut bytes).await;
    if read.ok().map(|read| read as u64) != Some(source.size) {
        return Err(changed(source, "uploaded"));
    }
    bar.inc(source.size);
    sent.store(source.size, Ordering::Relaxed);
    Ok(Body::from(bytes))
}

fn streamed(file: File, size: u64, bar: ProgressBar, sent: Arc<AtomicU64>) -> Body {
    Body::wrap_stream(ReaderStream::with_capacity(file.take(size), PIECE).inspect_ok(move |piece| {
        bar.inc(piece.len() as u64);
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }))
}

async fn open_unchanged(source: &SourceFile) -> Result<File, CliError> {
    let unreadable = |error: std::io::Error| CliError::failed(format!("'{}' cannot be read: {error}.", source.path));
    let file = File::open(&source.location).await.map_err(unreadable)?;
    let metadata = file.metadata().await.map_err(unreadable)?;
    if metadata.len() == source.size && metadata.modified().ok() == source.modified {
        Ok(file)
    } else {
        Err(changed(source, "uploaded"))
    }
}

async fn refusal(source: &SourceFile, response: reqwest::Response) -> AttemptError {
    let status = response.status();
    let code = error_code(&response.text().await.unwrap_or_default());
    let named = code.as_deref().unwrap_or(status.as_str()).to_owned();
    match (status, code.as_deref()) {
        (StatusCode::BAD_REQUEST, Some("BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest")) => {
            AttemptError::Final(changed(source, "uploaded"))
        }
        (_, Some("RequestTimeout" | "SlowDown")) => AttemptError::Passing(format!("storage answered {named}")),
        (StatusCode::FORBIDDEN, _) => AttemptError::Final(
            CliError::failed(format!("Storage refused the upload address of '{}': {named}.", source.path))
                .hint("Addresses expire; run this again for new ones. What is uploaded already is not sent twice.")
                .with("http_status", json!(status.as_u16())),
        ),
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => {
            AttemptError::Passing(format!("storage answered {named}"))
        }
        (status, _) if status.is_server_error() => AttemptError::Passing(format!("storage answered {named}")),
        _ => AttemptError::Final(
            CliError::failed(format!("Storage refused '{}': {named}.", source.path))
                .with("http_status", json!(status.as_u16())),
        ),
    }
}

/// The `Code` of an S3 error document.
fn error_code(xml: &str) -> Option<String> {
    let (_, rest) = xml.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    (code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| code.to_owned())
}

#[cfg(test)]
mod tests;
