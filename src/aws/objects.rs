//! S3: blobs, manifests and the published buckets.

pub mod multipart;

use crate::domain::digest::{Hasher, PartsDigest, Sha256};
use crate::domain::error::chain;
use crate::domain::time::Time;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumMode, StorageClass};
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Hosts for which a signing client is kept; more than any installation is reached by.
const MAX_SIGNING_HOSTS: usize = 16;

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object.
    #[error("there is no object {key} in the bucket {bucket}")]
    NotFound {
        /// The bucket asked.
        bucket: String,
        /// The key asked for.
        key: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoSuchBucket(String),
    /// The credentials in use may not do this.
    #[error("access to {bucket}/{key} is denied")]
    AccessDenied {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The credentials were good and have ended.
    #[error("the credentials for {bucket} have expired")]
    Expired {
        /// The bucket.
        bucket: String,
    },
    /// The bytes are not those that were announced.
    #[error("the bytes of {bucket}/{key} are not the announced ones")]
    WrongBytes {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// S3 could not be reached, throttles, or is at fault; another try may succeed.
    #[error("{bucket} is unavailable: {reason}")]
    Unavailable {
        /// The bucket.
        bucket: String,
        /// For the log.
        reason: String,
    },
    /// S3 refused, and would refuse again.
    #[error("{bucket}/{key} was refused: {code}")]
    Refused {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// S3's error code.
        code: String,
        /// For the log.
        reason: String,
    },
}

impl ObjectError {
    /// Whether another try may succeed without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, ObjectError::Unavailable { .. } | ObjectError::Expired { .. })
    }
}

/// The headers an object is stored and served with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The storage's mark of the content. It means other things in other storages, so only a difference counts.
    pub mark: Option<String>,
    /// When it was last written, by the storage's clock.
    pub modified: Time,
}

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Bytes.
    pub size: u64,
    /// Of the bytes, where the storage knows one.
    pub checksum: Option<Checksum>,
    /// When it was written, by the storage's clock.
    pub modified: Time,
    /// As stored.
    pub headers: Headers,
    /// Whether more is said of it than [`Headers`] can: an encoding, a redirect, a storage class that is read later.
    pub has_unsupported_metadata: bool,
}

/// What a storage knows of an object's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// They were written at once.
    Whole(Sha256),
    /// They came in parts.
    OfParts(PartsDigest),
}

impl Checksum {
    /// Reads the `x-amz-checksum-sha256` header.
    fn read(text: &str) -> Option<Self> {
        let whole = Sha256::from_base64(text).map(Checksum::Whole);
        whole.or_else(|_| PartsDigest::from_base64(text).map(Checksum::OfParts)).ok()
    }
}

/// An object opened for reading. The body has not been read yet.
pub struct Opened {
    /// Bytes.
    pub size: u64,
    /// As stored.
    pub headers: Headers,
    /// A header that the object is served with and [`Headers`] has no place for.
    pub other_header: Option<&'static str>,
    body: ByteStream,
}

/// A URL to which one PUT may be sent without credentials, until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadUrl {
    /// A secret: never logged, never stored.
    pub url: String,
    /// Headers that the upload must send as they are. Their names are written as HTTP writes them, because scripts look
    /// them up so; a signature has them in lower case, however they are sent.
    pub headers: BTreeMap<String, String>,
}

/// What an upload URL accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadTerms {
    /// The `Content-Type` the upload must have.
    pub content_type: Option<String>,
    /// Only these bytes.
    pub sha256: Option<Sha256>,
    /// How long.
    pub valid_for: Duration,
}

/// S3 with one set of credentials. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    shared: SdkConfig,
    endpoint: Option<String>,
    signers: Arc<Mutex<HashMap<String, Client>>>,
}

impl Objects {
    /// Over credentials; `endpoint` replaces the AWS one and is then addressed in path style.
    pub fn new(shared: SdkConfig, endpoint: Option<String>) -> Self {
        let client = Client::from_conf(config(&shared, endpoint.as_deref()).build());
        Self { client, shared, endpoint, signers: Arc::default() }
    }

    /// The same for what is done in one bucket alone: when that one throttles, no other bucket is waited for.
    pub fn in_bucket(shared: SdkConfig, endpoint: Option<String>, bucket: &str) -> Self {
        let config = config(&shared, endpoint.as_deref());
        // By its name the SDK shares the pace between clients of one process.
        let client = Client::from_conf(config.retry_partition(RetryPartition::new(format!("s3/{bucket}"))).build());
        Self { client, shared, endpoint, signers: Arc::default() }
    }

    /// Makes a bucket unless it is there.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), ObjectError> {
        match self.client.create_bucket().bucket(bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_bucket_already_owned_by_you()) => Ok(()),
            Err(error) => Err(classify(bucket, "", error)),
        }
    }

    /// Whether a bucket is there and may be used.
    pub async fn has_bucket(&self, bucket: &str) -> Result<bool, ObjectError> {
        match self.client.head_bucket().bucket(bucket).send().await {
            Ok(_) => Ok(true),
            Err(error) => match classify(bucket, "", error) {
                ObjectError::NoSuchBucket(_) | ObjectError::NotFound { .. } => Ok(false),
                other => Err(other),
            },
        }
    }

    /// Writes bytes from memory. S3 itself refuses them unless they have the digest.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        sha256: Sha256,
        headers: &Headers,
    ) -> Result<(), ObjectError> {
        self.put_stream(bucket, key, ByteStream::from(bytes), None, sha256, headers).await
    }

    /// Writes another object's bytes as they are read, in bounded memory. Not repeated on failure: the caller opens
    /// the source again.
    pub async fn put_opened(
        &self,
        bucket: &str,
        key: &str,
        source: Opened,
        sha256: Sha256,
        headers: &Headers,
    ) -> Result<(), ObjectError> {
        self.put_stream(bucket, key, source.body, Some(source.size), sha256, headers).await
    }

    async fn put_stream(
        &self,
        bucket: &str,
        key: &str,
        body: ByteStream,
        size: Option<u64>,
        sha256: Sha256,
        headers: &Headers,
    ) -> Result<(), ObjectError> {
        self.client
            .put_object()
            .bucket(bucket)
            .key(key)
            .set_content_type(headers.content_type.clone())
            .set_cache_control(headers.cache_control.clone())
            .set_content_length(size.and_then(|size| i64::try_from(size).ok()))
            .checksum_sha256(sha256.to_base64())
            .body(body)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| classify(bucket, key, error))
    }

    /// Opens an object for reading.
    pub async fn open(&self, bucket: &str, key: &str) -> Result<Opened, ObjectError> {
        self.open_range(bucket, key, None).await
    }

    /// Opens an object, or the part of it that a `Range` header names.
    async fn open_range(&self, bucket: &str, key: &str, range: Option<String>) -> Result<Opened, ObjectError> {
        let request = self.client.get_object().bucket(bucket).key(key).set_range(range);
        let answer = request.send().await.map_err(|error| classify(bucket, key, error))?;
        // Some programs leave the word by which they signed their upload, or one that says nothing.
        let encoding = answer.content_encoding.filter(|word| !matches!(word.trim(), "aws-chunked" | "identity"));
        let others = [
            ("Content-Encoding", encoding),
            ("Content-Disposition", answer.content_disposition),
            ("x-amz-website-redirect-location", answer.website_redirect_location),
        ];
        let mut others = others.into_iter().filter(|(_, value)| value.as_ref().is_some_and(|it| !it.trim().is_empty()));
        Ok(Opened {
            size: answer.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            other_header: others.next().map(|(name, _)| name),
            headers: Headers { content_type: answer.content_type, cache_control: answer.cache_control },
            body: answer.body,
        })
    }

    /// What an object is, without its body; `None` when there is none.
    pub async fn identify(&self, bucket: &str, key: &str) -> Result<Option<Identity>, ObjectError> {
        let head = self.client.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled);
        match head.send().await {
            Ok(answer) => Ok(Some(Identity {
                size: answer.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
                checksum: answer.checksum_sha256.and_then(|text| Checksum::read(&text)),
                modified: written(answer.last_modified),
                has_unsupported_metadata: answer.content_encoding.is_some()
                    || answer.content_disposition.is_some()
                    || answer.content_language.is_some()
                    || answer.expires_string.is_some()
                    || answer.website_redirect_location.is_some()
                    || answer.storage_class.is_some_and(|class| class != StorageClass::Standard),
                headers: Headers { content_type: answer.content_type, cache_control: answer.cache_control },
            })),
            Err(error) => match classify(bucket, key, error) {
                ObjectError::NotFound { .. } => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Removes an object; one that is not there is no error.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), ObjectError> {
        let answer = self.client.delete_object().bucket(bucket).key(key).send().await;
        answer.map(|_| ()).map_err(|error| classify(bucket, key, error))
    }

    /// The same without a second try by itself, which could meet what somebody has written in between.
    pub async fn delete_once(&self, bucket: &str, key: &str) -> Result<(), ObjectError> {
        let once = aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.client.delete_object().bucket(bucket).key(key);
        let answer = request.customize().config_override(once).send().await;
        answer.map(|_| ()).map_err(|error| classify(bucket, key, error))
    }

    /// Reads a whole object of at most `limit` bytes.
    pub async fn read(&self, bucket: &str, key: &str, limit: u64) -> Result<Bytes, ObjectError> {
        let opened = self.open(bucket, key).await?;
        if opened.size > limit {
            return Err(ObjectError::WrongBytes { bucket: bucket.into(), key: key.into() });
        }
        opened.collect(bucket).await
    }

    /// Every object under a prefix, in the order of the keys.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, ObjectError> {
        let mut objects = Vec::new();
        let keep = |object| {
            objects.push(object);
            ControlFlow::Continue(())
        };
        self.list_each(bucket, prefix, keep).await?;
        Ok(objects)
    }

    /// The same one by one, for buckets that may hold much that nobody asks for, until it is enough.
    pub async fn list_each(
        &self,
        bucket: &str,
        prefix: &str,
        mut each: impl FnMut(ListedObject) -> ControlFlow<()> + Send,
    ) -> Result<(), ObjectError> {
        let mut pages = self.client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify(bucket, prefix, error))?;
            for object in page.contents.unwrap_or_default() {
                let size = u64::try_from(object.size.unwrap_or(0)).unwrap_or(0);
                let modified = written(object.last_modified);
                let Some(key) = object.key else { continue };
                if each(ListedObject { key, size, mark: object.e_tag, modified }).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Signs an upload. `host` is the name by which the uploader reaches a local endpoint, without a port.
    pub async fn upload_url(
        &self,
        bucket: &str,
        key: &str,
        terms: &UploadTerms,
        host: Option<&str>,
    ) -> Result<UploadUrl, ObjectError> {
        let refused = |reason: String| ObjectError::Refused {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            code: "Presign".to_owned(),
            reason,
        };
        let presigning = PresigningConfig::expires_in(terms.valid_for).map_err(|error| refused(error.to_string()))?;
        let signed = self
            .signer(host)
            .put_object()
            .bucket(bucket)
            .key(key)
            .set_content_type(terms.content_type.clone())
            .set_checksum_sha256(terms.sha256.map(Sha256::to_base64))
            .presigned(presigning)
            .await
            .map_err(|error| refused(chain(&error)))?;
        let headers = signed.headers().map(|(name, value)| (as_http_writes(name), value.to_owned())).collect();
        Ok(UploadUrl { url: signed.uri().to_owned(), headers })
    }

    /// The signature covers the host, so each name this server is reached by needs its own client.
    fn signer(&self, host: Option<&str>) -> Client {
        let (Some(host), Some(endpoint)) = (host, &self.endpoint) else { return self.client.clone() };
        let Some((_, port)) = endpoint.rsplit_once(':') else { return self.client.clone() };
        let mut signers = self.signers.lock().unwrap_or_else(PoisonError::into_inner);
        if signers.len() >= MAX_SIGNING_HOSTS && !signers.contains_key(host) {
            signers.clear();
        }
        signers
            .entry(host.to_owned())
            .or_insert_with(|| Client::from_conf(config(&self.shared, Some(&format!("http://{host}:{port}"))).build()))
            .clone()
    }
}

impl Opened {
    /// Reads the whole body into memory; the caller has looked at `size`.
    pub async fn collect(mut self, bucket: &str) -> Result<Bytes, ObjectError> {
        let mut bytes = BytesMut::with_capacity(usize::try_from(self.size).unwrap_or(0));
        while let Some(chunk) = self.next_chunk(bucket).await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// The next piece of the body.
    pub async fn next_chunk(&mut self, bucket: &str) -> Result<Option<Bytes>, ObjectError> {
        self.body
            .try_next()
            .await
            .map_err(|error| ObjectError::Unavailable { bucket: bucket.to_owned(), reason: error.to_string() })
    }

    /// Reads the body to its end for its digest alone.
    pub async fn digest(mut self, bucket: &str) -> Result<(Sha256, u64), ObjectError> {
        let mut hasher = Hasher::default();
        while let Some(chunk) = self.next_chunk(bucket).await? {
            hasher.update(&chunk);
        }
        Ok(hasher.finish())
    }
}

/// When an object was written. What a storage does not date counts as just written, so that nothing old is seen in it.
/// `Content-Type` of `content-type`.
fn as_http_writes(name: &str) -> String {
    let mut starts = true;
    let letter = |letter: char| {
        let written = if starts { letter.to_ascii_uppercase() } else { letter };
        starts = letter == '-';
        written
    };
    name.chars().map(letter).collect()
}

fn written(at: Option<DateTime>) -> Time {
    at.and_then(|at| at.to_millis().ok()).map_or_else(Time::now, Time::from_millis)
}

fn config(shared: &SdkConfig, endpoint: Option<&str>) -> aws_sdk_s3::config::Builder {
    let config = aws_sdk_s3::config::Builder::from(shared)
        // Every put names its SHA-256; a second checksum of the SDK's choosing would only cost time.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        // What is read is either hashed here or written on under its digest.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    match endpoint {
        Some(endpoint) => config.endpoint_url(endpoint).force_path_style(true),
        None => config,
    }
}

pub(super) fn classify<E, R>(bucket: &str, key: &str, error: SdkError<E, R>) -> ObjectError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
    SdkError<E, R>: HttpStatus,
{
    let code = error.code().unwrap_or_default().to_owned();
    let status = error.http_status();
    let reason = chain(&error);
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    match (code.as_str(), status) {
        ("NoSuchBucket", _) => ObjectError::NoSuchBucket(bucket),
        // HEAD answers have no body, so only the status tells.
        ("NoSuchKey" | "NotFound", _) | (_, Some(404)) => ObjectError::NotFound { bucket, key },
        ("ExpiredToken" | "TokenRefreshRequired", _) => ObjectError::Expired { bucket },
        ("BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest", _) => ObjectError::WrongBytes { bucket, key },
        ("AccessDenied" | "Forbidden" | "AllAccessDisabled", _) | (_, Some(403)) => {
            ObjectError::AccessDenied { bucket, key }
        }
        ("RequestTimeout" | "SlowDown" | "IncompleteBody", _) | (_, None | Some(429 | 500..)) => {
            ObjectError::Unavailable { bucket, reason }
        }
        _ => ObjectError::Refused { bucket, key, code, reason },
    }
}

pub(super) trait HttpStatus {
    fn http_status(&self) -> Option<u16>;
}

impl<E> HttpStatus for SdkError<E, aws_sdk_s3::config::http::HttpResponse> {
    fn http_status(&self) -> Option<u16> {
        self.raw_response().map(|response| response.status().as_u16())
    }
}
