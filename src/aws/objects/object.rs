//! One object: its metadata, its checksum, and its body as a stream.

use crate::aws::error::{AwsError, Resource};
use crate::domain::digest::{Hasher, PartsDigest, Sha256};
use crate::domain::time::Time;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Object, StorageClass};
use bytes::{Bytes, BytesMut};

/// Holds the headers that an object is stored and served with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of the headers.
pub struct Headers {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
}

/// Describes one object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ListedObject {
    pub key: String,
    pub size: u64,
    /// The ETag. Its meaning depends on the storage, so it can only be compared.
    pub etag: Option<String>,
    /// When the object was last written, by the storage's clock.
    pub modified: Time,
}

impl ListedObject {
    /// Converts an entry of a listing; `None` when it has no key.
    pub(super) fn from_listing(object: Object) -> Option<Self> {
        Some(Self {
            key: object.key?,
            size: unsigned(object.size),
            etag: object.e_tag,
            modified: modified(object.last_modified),
        })
    }
}

/// Describes a stored object without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ObjectInfo {
    pub size: u64,
    /// The checksum, if the storage has one.
    pub checksum: Option<Checksum>,
    /// When the object was last written, by the storage's clock.
    pub modified: Time,
    pub headers: Headers,
    /// Whether the object has metadata that [`Headers`] cannot hold: an encoding, a redirect, another storage class.
    pub has_unsupported_metadata: bool,
}

impl From<HeadObjectOutput> for ObjectInfo {
    fn from(head: HeadObjectOutput) -> Self {
        Self {
            size: unsigned(head.content_length),
            checksum: head.checksum_sha256.and_then(|text| Checksum::parse(&text)),
            modified: modified(head.last_modified),
            has_unsupported_metadata: head.content_encoding.is_some()
                || head.content_disposition.is_some()
                || head.content_language.is_some()
                || head.expires_string.is_some()
                || head.website_redirect_location.is_some()
                || head.storage_class.is_some_and(|class| class != StorageClass::Standard),
            headers: Headers { content_type: head.content_type, cache_control: head.cache_control },
        }
    }
}

/// Holds the SHA-256 that the storage keeps for an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// The digest of the whole object, which was written by one PUT.
    Whole(Sha256),
    /// The digest of the digests of its parts.
    OfParts(PartsDigest),
}

impl Checksum {
    /// Parses the `x-amz-checksum-sha256` header.
    fn parse(text: &str) -> Option<Self> {
        let whole = Sha256::from_base64(text).map(Checksum::Whole);
        whole.or_else(|_| PartsDigest::from_base64(text).map(Checksum::OfParts)).ok()
    }
}

/// An object whose body has not been read yet.
#[allow(missing_docs)]
pub struct OpenObject {
    pub size: u64,
    pub headers: Headers,
    /// The first header that the object is served with and that [`Headers`] cannot hold.
    pub other_header: Option<&'static str>,
    pub(super) body: ByteStream,
    resource: Resource,
}

impl OpenObject {
    pub(super) fn new(resource: Resource, response: GetObjectOutput) -> Self {
        // Some programs leave the encoding of their signed upload, or one that means nothing.
        let encoding = response.content_encoding.filter(|value| !matches!(value.trim(), "aws-chunked" | "identity"));
        let others = [
            ("Content-Encoding", encoding),
            ("Content-Disposition", response.content_disposition),
            ("x-amz-website-redirect-location", response.website_redirect_location),
        ];
        let is_set = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.trim().is_empty());
        Self {
            size: unsigned(response.content_length),
            other_header: others.into_iter().find(|(_, value)| is_set(value)).map(|(name, _)| name),
            headers: Headers { content_type: response.content_type, cache_control: response.cache_control },
            body: response.body,
            resource,
        }
    }

    /// Reads the whole body into memory. Callers check `size` first.
    pub async fn collect(mut self) -> Result<Bytes, AwsError> {
        let mut bytes = BytesMut::with_capacity(usize::try_from(self.size).unwrap_or(0));
        while let Some(chunk) = self.next_chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// Reads the next chunk of the body; `None` at its end.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, AwsError> {
        self.body.try_next().await.map_err(|error| AwsError::unavailable(self.resource.clone(), error))
    }

    /// Reads the body to its end and returns its digest and size.
    pub async fn digest(mut self) -> Result<(Sha256, u64), AwsError> {
        let mut hasher = Hasher::default();
        while let Some(chunk) = self.next_chunk().await? {
            hasher.update(&chunk);
        }
        Ok(hasher.finish())
    }
}

fn unsigned(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
}

/// Converts the time of the last write. An object without one counts as just written, so that it never looks old.
fn modified(at: Option<DateTime>) -> Time {
    at.and_then(|at| at.to_millis().ok()).map_or_else(Time::now, Time::from_millis)
}
