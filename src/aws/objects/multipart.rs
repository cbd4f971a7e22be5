//! Multipart uploads: objects written part by part, each part with its SHA-256, and visible only when completed.

use super::client::Objects;
use super::object::Headers;
use crate::aws::error::{AwsError, Resource};
use crate::domain::digest::{PartsDigest, Sha256};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::Duration;

/// Bounds the completion of an upload, which may take S3 minutes.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(600);

/// Identifies an upload that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct MultipartUpload {
    pub bucket: String,
    pub key: String,
    pub id: String,
}

impl MultipartUpload {
    fn resource(&self) -> Resource {
        Resource::object(&self.bucket, &self.key)
    }
}

/// Identifies a part that S3 has stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    etag: String,
    sha256: Sha256,
}

impl Part {
    /// Returns the checksum that S3 gives an object made of these parts.
    pub fn digest(parts: &[Part]) -> PartsDigest {
        PartsDigest::of(parts.iter().map(|part| part.sha256))
    }
}

impl Objects {
    /// Starts an upload. It costs storage until it is completed or aborted.
    pub async fn create_upload(&self, bucket: &str, key: &str, headers: &Headers) -> Result<MultipartUpload, AwsError> {
        let resource = Resource::object(bucket, key);
        let response = self
            .client
            .create_multipart_upload()
            .bucket(bucket)
            .key(key)
            .set_content_type(headers.content_type.clone())
            .set_cache_control(headers.cache_control.clone())
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(resource.clone(), error))?;
        let id = response.upload_id.ok_or_else(|| AwsError::incomplete(resource))?;
        Ok(MultipartUpload { bucket: bucket.to_owned(), key: key.to_owned(), id })
    }

    /// Uploads a part, counted from 0. S3 rejects it unless the bytes have their digest.
    ///
    /// # Errors
    ///
    /// Not found when the upload was completed or aborted meanwhile.
    pub async fn upload_part(&self, upload: &MultipartUpload, index: usize, bytes: Bytes) -> Result<Part, AwsError> {
        let sha256 = Sha256::of(&bytes);
        let response = self
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
            .map_err(|error| AwsError::from_sdk(upload.resource(), error))?;
        Ok(Part { etag: response.e_tag.ok_or_else(|| AwsError::incomplete(upload.resource()))?, sha256 })
    }

    /// Assembles the object from exactly these parts. S3 compares the ETag and SHA-256 of each.
    pub async fn complete_upload(&self, upload: &MultipartUpload, parts: &[Part]) -> Result<(), AwsError> {
        let parts = parts.iter().enumerate().map(|(index, part)| {
            let listed = CompletedPart::builder().part_number(number(index)).e_tag(&part.etag);
            listed.checksum_sha256(part.sha256.to_base64()).build()
        });
        // A retry after a shorter timeout would make S3 assemble the object twice.
        let timeouts = TimeoutConfig::builder().read_timeout(COMPLETION_TIMEOUT).build();
        self.client
            .complete_multipart_upload()
            .bucket(&upload.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build())
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(timeouts))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::from_sdk(upload.resource(), error))
    }

    /// Aborts an upload. One that has ended already is not an error.
    pub async fn abort_upload(&self, upload: &MultipartUpload) -> Result<(), AwsError> {
        let request = self.client.abort_multipart_upload().bucket(&upload.bucket).key(&upload.key);
        let sent = request.upload_id(&upload.id).send().await;
        match sent.map_err(|error| AwsError::from_sdk(upload.resource(), error)) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads a range of an object's bytes.
    ///
    /// # Errors
    ///
    /// Wrong bytes when the object does not have all of them.
    pub async fn read_range(&self, bucket: &str, key: &str, range: Range<u64>) -> Result<Bytes, AwsError> {
        let wanted = range.end.saturating_sub(range.start);
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let object = self.open_range(bucket, key, Some(bytes)).await?;
        if object.size != wanted {
            return Err(AwsError::wrong_bytes(bucket, key));
        }
        object.collect().await
    }
}

/// Returns a part's number, which S3 counts from 1 to 10,000.
fn number(index: usize) -> i32 {
    i32::try_from(index + 1).unwrap_or(i32::MAX)
}
