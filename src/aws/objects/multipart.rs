//! S3's multipart uploads: an object that is written part by part, each with its SHA-256, and is there only when it is
//! completed.

use super::{Headers, ObjectError, Objects, classify};
use crate::domain::digest::{PartsDigest, Sha256};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::Duration;

/// How long S3 may take to make one object of the parts: minutes, it says.
const COMPLETION: Duration = Duration::from_secs(600);

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Where the object will be.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// S3's name for the upload.
    pub id: String,
}

/// A part that S3 has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    etag: String,
    sha256: Sha256,
}

impl Part {
    /// What the storage will say of an object that is made of these parts.
    pub fn digest(parts: &[Part]) -> PartsDigest {
        PartsDigest::of(parts.iter().map(|part| part.sha256))
    }
}

impl Objects {
    /// Begins an upload. What is begun costs storage until it is completed or aborted.
    pub async fn begin_upload(&self, bucket: &str, key: &str, headers: &Headers) -> Result<Upload, ObjectError> {
        let answer = self
            .client
            .create_multipart_upload()
            .bucket(bucket)
            .key(key)
            .set_content_type(headers.content_type.clone())
            .set_cache_control(headers.cache_control.clone())
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await
            .map_err(|error| classify(bucket, key, error))?;
        let id = answer.upload_id.ok_or_else(|| nameless(bucket))?;
        Ok(Upload { bucket: bucket.to_owned(), key: key.to_owned(), id })
    }

    /// Writes a part, counted from 0; S3 refuses other bytes than these. [`ObjectError::NotFound`] when the upload has
    /// ended meanwhile.
    pub async fn put_part(&self, upload: &Upload, index: usize, bytes: Bytes) -> Result<Part, ObjectError> {
        let sha256 = Sha256::of(&bytes);
        let answer = self
            .client
            .upload_part()
            .bucket(&upload.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .part_number(number(index))
            .checksum_sha256(sha256.to_base64())
            .body(bytes.into())
            .send()
            .await
            .map_err(|error| classify(&upload.bucket, &upload.key, error))?;
        Ok(Part { etag: answer.e_tag.ok_or_else(|| nameless(&upload.bucket))?, sha256 })
    }

    /// Makes the object of the parts, and of no others: S3 compares each one's ETag and SHA-256 with what it has.
    pub async fn complete_upload(&self, upload: &Upload, parts: &[Part]) -> Result<(), ObjectError> {
        let parts = parts.iter().enumerate().map(|(index, part)| {
            let listed = CompletedPart::builder().part_number(number(index)).e_tag(&part.etag);
            listed.checksum_sha256(part.sha256.to_base64()).build()
        });
        // Asked again too early, S3 would be at it twice.
        let patience = TimeoutConfig::builder().read_timeout(COMPLETION).build();
        self.client
            .complete_multipart_upload()
            .bucket(&upload.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build())
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| classify(&upload.bucket, &upload.key, error))
    }

    /// Ends an upload without an object; one that has ended already is no error.
    pub async fn abort_upload(&self, upload: &Upload) -> Result<(), ObjectError> {
        let request = self.client.abort_multipart_upload().bucket(&upload.bucket).key(&upload.key);
        match request.upload_id(&upload.id).send().await.map_err(|error| classify(&upload.bucket, &upload.key, error)) {
            Ok(_) | Err(ObjectError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads some of an object's bytes. [`ObjectError::WrongBytes`] when it does not have them all.
    pub async fn read_range(&self, bucket: &str, key: &str, range: Range<u64>) -> Result<Bytes, ObjectError> {
        let wanted = range.end.saturating_sub(range.start);
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let opened = self.open_range(bucket, key, Some(bytes)).await?;
        if opened.size != wanted {
            return Err(ObjectError::WrongBytes { bucket: bucket.to_owned(), key: key.to_owned() });
        }
        opened.collect(bucket).await
    }
}

/// S3 counts parts from 1 to 10,000.
fn number(index: usize) -> i32 {
    i32::try_from(index + 1).unwrap_or(i32::MAX)
}

fn nameless(bucket: &str) -> ObjectError {
    ObjectError::Unavailable { bucket: bucket.to_owned(), reason: "the answer lacks what S3 always says".to_owned() }
}
