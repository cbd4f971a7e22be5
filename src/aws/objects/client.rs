//! The S3 client: writing, reading, listing and deleting objects.

use super::object::{Headers, ListedObject, ObjectInfo, OpenObject};
use crate::aws::error::{AwsError, AwsErrorKind, Resource};
use crate::domain::digest::Sha256;
use crate::domain::site::paths::url_path;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// S3 with one set of credentials. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    pub(super) client: Client,
    shared: SdkConfig,
    pub(super) endpoint: Option<String>,
    pub(super) signers: Arc<Mutex<HashMap<String, Client>>>,
}

impl Objects {
    /// Builds a client. `endpoint` replaces that of AWS and is addressed in path style.
    pub fn new(shared: SdkConfig, endpoint: Option<String>) -> Self {
        let client = Client::from_conf(config(&shared, endpoint.as_deref()).build());
        Self { client, shared, endpoint, signers: Arc::default() }
    }

    /// Builds a client for one bucket alone: while that one throttles, calls of other buckets are not slowed down.
    pub fn in_bucket(shared: SdkConfig, endpoint: Option<String>, bucket: &str) -> Self {
        let config = config(&shared, endpoint.as_deref());
        // The SDK shares the retry pace between the clients of a process that use the same partition.
        let client = Client::from_conf(config.retry_partition(RetryPartition::new(format!("s3/{bucket}"))).build());
        Self { client, shared, endpoint, signers: Arc::default() }
    }

    /// Builds the SDK's client for another endpoint.
    pub(super) fn client_for(&self, endpoint: &str) -> Client {
        Client::from_conf(config(&self.shared, Some(endpoint)).build())
    }

    /// Creates a bucket unless it exists.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), AwsError> {
        match self.client.create_bucket().bucket(bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_bucket_already_owned_by_you()) => Ok(()),
            Err(error) => Err(AwsError::from_sdk(Resource::Bucket(bucket.to_owned()), error)),
        }
    }

    /// Returns whether a bucket exists and may be used.
    pub async fn has_bucket(&self, bucket: &str) -> Result<bool, AwsError> {
        let response = self.client.head_bucket().bucket(bucket).send().await;
        match response.map_err(|error| AwsError::from_sdk(Resource::Bucket(bucket.to_owned()), error)) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), AwsErrorKind::NotFound | AwsErrorKind::NoSuchBucket) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes bytes from memory. S3 rejects them unless they have the digest.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        sha256: Sha256,
        headers: &Headers,
    ) -> Result<(), AwsError> {
        self.put_body(bucket, key, ByteStream::from(bytes), None, sha256, headers).await
    }

    /// Writes the body of another object while it is read, in bounded memory. The SDK cannot repeat it: to retry, the
    /// caller opens the source again.
    pub async fn put_stream(
        &self,
        bucket: &str,
        key: &str,
        source: OpenObject,
        sha256: Sha256,
        headers: &Headers,
    ) -> Result<(), AwsError> {
        self.put_body(bucket, key, source.body, Some(source.size), sha256, headers).await
    }

    async fn put_body(
        &self,
        bucket: &str,
        key: &str,
        body: ByteStream,
        size: Option<u64>,
        sha256: Sha256,
        headers: &Headers,
    ) -> Result<(), AwsError> {
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
            .map_err(|error| AwsError::from_sdk(Resource::object(bucket, key), error))
    }

    /// Uploads a local file, with a checksum that the SDK computes on the way.
    pub async fn put_file(&self, bucket: &str, key: &str, path: &Path) -> Result<(), AwsError> {
        let resource = Resource::object(bucket, key);
        let body = ByteStream::from_path(path).await;
        let body = body.map_err(|error| AwsError::unavailable(resource.clone(), error))?;
        let request = self.client.put_object().bucket(bucket).key(key).body(body);
        let sent = request.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
        sent.map(|_| ()).map_err(|error| AwsError::from_sdk(resource, error))
    }

    /// Copies an object within a bucket.
    pub async fn copy(&self, bucket: &str, from: &str, to: &str) -> Result<(), AwsError> {
        let source = format!("{bucket}/{}", url_path(from));
        let sent = self.client.copy_object().bucket(bucket).copy_source(source).key(to).send().await;
        sent.map(|_| ()).map_err(|error| AwsError::from_sdk(Resource::object(bucket, from), error))
    }

    /// Opens an object for reading.
    pub async fn open(&self, bucket: &str, key: &str) -> Result<OpenObject, AwsError> {
        self.open_range(bucket, key, None).await
    }

    /// Opens an object, or the part of it that a `Range` header names.
    pub(super) async fn open_range(
        &self,
        bucket: &str,
        key: &str,
        range: Option<String>,
    ) -> Result<OpenObject, AwsError> {
        let resource = Resource::object(bucket, key);
        match self.client.get_object().bucket(bucket).key(key).set_range(range).send().await {
            Ok(response) => Ok(OpenObject::new(resource, response)),
            Err(error) => Err(AwsError::from_sdk(resource, error)),
        }
    }

    /// Describes an object; `None` when it does not exist.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectInfo>, AwsError> {
        let request = self.client.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled);
        match request.send().await.map_err(|error| AwsError::from_sdk(Resource::object(bucket, key), error)) {
            Ok(response) => Ok(Some(response.into())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object. A missing object is not an error.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        let sent = self.client.delete_object().bucket(bucket).key(key).send().await;
        sent.map(|_| ()).map_err(|error| AwsError::from_sdk(Resource::object(bucket, key), error))
    }

    /// Deletes an object without retries, which could delete what was written in between.
    pub async fn delete_once(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        let once = aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.client.delete_object().bucket(bucket).key(key);
        let sent = request.customize().config_override(once).send().await;
        sent.map(|_| ()).map_err(|error| AwsError::from_sdk(Resource::object(bucket, key), error))
    }

    /// Reads a whole object of at most `limit` bytes.
    pub async fn read(&self, bucket: &str, key: &str, limit: u64) -> Result<Bytes, AwsError> {
        let object = self.open(bucket, key).await?;
        if object.size > limit {
            let message = format!("{} bytes are more than {limit}", object.size);
            let resource = Resource::object(bucket, key);
            return Err(AwsError::without_source(resource, AwsErrorKind::TooLarge, "", &message));
        }
        object.collect().await
    }

    /// Lists every object under a prefix, ordered by key.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, AwsError> {
        let mut objects = Vec::new();
        let keep = |object| {
            objects.push(object);
            ControlFlow::Continue(())
        };
        self.list_each(bucket, prefix, keep).await?;
        Ok(objects)
    }

    /// Lists objects one by one until `each` breaks, for buckets that may hold many other objects.
    pub async fn list_each(
        &self,
        bucket: &str,
        prefix: &str,
        mut each: impl FnMut(ListedObject) -> ControlFlow<()> + Send,
    ) -> Result<(), AwsError> {
        let mut pages = self.client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk(Resource::object(bucket, prefix), error))?;
            for object in page.contents.unwrap_or_default().into_iter().filter_map(ListedObject::from_listing) {
                if each(object).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn config(shared: &SdkConfig, endpoint: Option<&str>) -> aws_sdk_s3::config::Builder {
    let config = aws_sdk_s3::config::Builder::from(shared)
        // Puts name their checksum; a second one of the SDK's choosing would only cost time.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        // Bodies are either hashed here or written under their digest.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    match endpoint {
        Some(endpoint) => config.endpoint_url(endpoint).force_path_style(true),
        None => config,
    }
}
