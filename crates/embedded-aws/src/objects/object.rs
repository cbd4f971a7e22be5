//! An object as the index knows it, and the conditions a request can put on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use s3s::dto::{CopyObjectInput, CreateMultipartUploadInput, ETag, ETagCondition, PutObjectInput, Timestamp};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::bodies::BodyId;

/// What a key points to: a body and all that is said about it. Changes only as a whole.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) body: BodyId,
    pub(super) size: u64,
    /// Without quotes: the MD5 of the body, or of its parts' MD5s and their number.
    pub(super) etag: String,
    pub(super) sha256: [u8; 32],
    pub(super) headers: Headers,
    pub(super) modified: Millis,
}

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Millis(pub(super) i64);

impl Millis {
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    pub(super) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    pub(super) fn timestamp(self) -> Timestamp {
        let since = Duration::from_millis(u64::try_from(self.0).unwrap_or(0));
        SystemTime::UNIX_EPOCH.checked_add(since).map(Timestamp::from).unwrap_or_default()
    }

    /// HTTP dates have no fractions, so neither has what is compared with one.
    fn seconds(self) -> Timestamp {
        Self(self.0 - self.0.rem_euclid(1000)).timestamp()
    }
}

/// The headers that a PUT sets and a GET returns.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) website_redirect_location: Option<String>,
    /// `x-amz-meta-*`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
}

/// Takes the headers out of a request, and refuses what would be lost silently.
macro_rules! headers_from {
    ($($input:ty),*) => {$(
        impl TryFrom<&mut $input> for Headers {
            type Error = s3s::S3Error;

            fn try_from(input: &mut $input) -> S3Result<Self> {
                if input.tagging.is_some()
                    || input.sse_customer_algorithm.is_some()
                    || input.object_lock_mode.is_some()
                    || input.object_lock_legal_hold_status.is_some()
                {
                    return Err(s3_error!(
                        NotImplemented,
                        "Tags, customer keys and object locks are not kept by this store."
                    ));
                }
                Ok(Self {
                    content_type: input.content_type.take(),
                    cache_control: input.cache_control.take(),
                    content_encoding: input.content_encoding.take().and_then(|coding| stored_coding(&coding)),
                    content_disposition: input.content_disposition.take(),
                    content_language: input.content_language.take(),
                    expires: input.expires.take(),
                    website_redirect_location: input.website_redirect_location.take(),
                    metadata: input.metadata.take().unwrap_or_default().into_iter().collect(),
                })
            }
        }
    )*};
}

headers_from!(PutObjectInput, CopyObjectInput, CreateMultipartUploadInput);

/// `aws-chunked` describes the transfer, not the object.
fn stored_coding(coding: &str) -> Option<String> {
    let kept: Vec<&str> = coding.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect();
    let kept = kept.join(",");
    (!kept.is_empty()).then_some(kept)
}

/// When a write may replace, or a delete may remove, what is there.
#[derive(Debug, Clone, Default)]
pub(super) enum WriteCondition {
    /// Always.
    #[default]
    Always,
    /// `If-None-Match: *`: only when nothing is there.
    Absent,
    /// `If-Match`: only when this is there; `None` stands for `*`.
    Present(Option<ETag>),
}

impl WriteCondition {
    pub(super) fn new(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> S3Result<Self> {
        match (if_match, if_none_match) {
            (None, None) => Ok(Self::Always),
            (None, Some(ETagCondition::Any)) => Ok(Self::Absent),
            (Some(ETagCondition::Any), None) => Ok(Self::Present(None)),
            (Some(ETagCondition::ETag(etag)), None) => Ok(Self::Present(Some(etag))),
            _ => Err(s3_error!(NotImplemented, "A write takes If-Match, or If-None-Match: *, and not both.")),
        }
    }

    /// `current` is the ETag of what the key points to now.
    pub(super) fn check(&self, current: Option<&str>) -> S3Result<()> {
        match (self, current) {
            (Self::Always, _) | (Self::Absent, None) | (Self::Present(None), Some(_)) => Ok(()),
            (Self::Absent, Some(_)) => Err(s3_error!(PreconditionFailed, "The object is there already.")),
            (Self::Present(_), None) => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Self::Present(Some(wanted)), Some(current)) if wanted.as_strong() == Some(current) => Ok(()),
            (Self::Present(Some(_)), Some(_)) => Err(s3_error!(PreconditionFailed, "The object has changed.")),
        }
    }
}

/// When a read is answered with the object (RFC 9110, section 13.2.2).
#[derive(Debug, Clone, Default)]
pub(super) struct ReadCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// Why a read is not answered with the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmet {
    /// It is not the one that was asked for.
    Changed,
    /// The client has it already.
    Unchanged,
}

impl ReadCondition {
    pub(super) fn check(&self, object: &Object) -> Result<(), Unmet> {
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(ETagCondition::ETag(etag)), _) if etag.as_strong() != Some(&object.etag) => {
                return Err(Unmet::Changed);
            }
            (None, Some(since)) if object.modified.seconds() > *since => {
                return Err(Unmet::Changed);
            }
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(ETagCondition::Any), _) => Err(Unmet::Unchanged),
            (Some(ETagCondition::ETag(etag)), _) if etag.value() == object.etag => Err(Unmet::Unchanged),
            (None, Some(since)) if object.modified.seconds() <= *since => Err(Unmet::Unchanged),
            _ => Ok(()),
        }
    }
}

/// The bytes that a request asks for.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) range: Range<u64>,
    /// For `Content-Range`; `None` when the whole object was asked for.
    pub(super) content_range: Option<String>,
}

impl Slice {
    pub(super) fn of(object: &Object, range: Option<s3s::dto::Range>) -> S3Result<Self> {
        let Some(range) = range else {
            return Ok(Self { range: 0..object.size, content_range: None });
        };
        let range = range.check(object.size)?;
        let content_range = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), object.size);
        Ok(Self { range, content_range: Some(content_range) })
    }

    pub(super) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_coding_is_not_kept() {
        assert_eq!(stored_coding("aws-chunked"), None);
        assert_eq!(stored_coding("gzip, aws-chunked").as_deref(), Some("gzip"));
        assert_eq!(stored_coding("br").as_deref(), Some("br"));
    }

    #[test]
    fn a_suffix_range_of_an_empty_object_does_not_underflow() {
        let object = Object {
            body: String::new(),
            size: 0,
            etag: String::new(),
            sha256: [0; 32],
            headers: Headers::default(),
            modified: Millis(0),
        };
        let slice = Slice::of(&object, Some(s3s::dto::Range::Suffix { length: 5 }));
        assert!(slice.is_err() || slice.is_ok_and(|slice| slice.len() == 0));
    }
}
