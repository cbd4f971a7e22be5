//! The artifacts bucket: the sources of builds, what they leave, and the sealed copies that CloudFormation reads.

use super::objects::ObjectError;
use super::objects::classify;
use crate::domain::site::paths::url_path;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::path::Path;

/// Copies under way at once.
const COPIES: usize = 8;
/// The most objects a build may leave. A package has one a function, layer and nested template.
const MAX_OBJECTS: usize = 1_000;

/// One bucket, with Bouncer's own credentials.
#[derive(Clone)]
pub struct Artifacts {
    client: Client,
    bucket: String,
    region: String,
}

impl Artifacts {
    pub(super) fn new(shared: &SdkConfig, bucket: String) -> Self {
        let region = shared.region().map(ToString::to_string).unwrap_or_default();
        let path_style = shared.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(shared).force_path_style(path_style).build();
        Self { client: Client::from_conf(config), bucket, region }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Where CloudFormation reads an object.
    pub fn url(&self, key: &str) -> String {
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://s3.{}.{suffix}/{}/{key}", self.region, self.bucket)
    }

    /// Whether an object is there.
    pub async fn has(&self, key: &str) -> Result<bool, ObjectError> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(true),
            Err(error) => match classify(&self.bucket, key, error) {
                ObjectError::NotFound { .. } => Ok(false),
                other => Err(other),
            },
        }
    }

    /// Stores a file of this machine.
    pub async fn put_file(&self, key: &str, path: &Path) -> Result<(), ObjectError> {
        let body = ByteStream::from_path(path).await.map_err(|error| self.unreadable(&error))?;
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(body);
        request.send().await.map(|_| ()).map_err(|error| classify(&self.bucket, key, error))
    }

    /// Stores a small document.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectError> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        request.send().await.map(|_| ()).map_err(|error| classify(&self.bucket, key, error))
    }

    /// Reads a document of at most `limit` bytes.
    pub async fn read(&self, key: &str, limit: usize) -> Result<Bytes, ObjectError> {
        let answer = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let answer = answer.map_err(|error| classify(&self.bucket, key, error))?;
        if answer.content_length.is_none_or(|size| usize::try_from(size).is_ok_and(|size| size > limit)) {
            return Err(ObjectError::WrongBytes { bucket: self.bucket.clone(), key: key.to_owned() });
        }
        Ok(answer.body.collect().await.map_err(|error| self.unreadable(&error))?.into_bytes())
    }

    /// Copies objects within the bucket, each from one key to another.
    pub async fn copy_all(&self, copies: Vec<(String, String)>) -> Result<(), ObjectError> {
        let copies = copies.into_iter().map(|(from, to)| self.copy(from, to));
        stream::iter(copies).buffer_unordered(COPIES).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// The keys under a prefix: as many as a build may leave.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify(&self.bucket, prefix, error))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
            if keys.len() > MAX_OBJECTS {
                return Err(ObjectError::Refused {
                    bucket: self.bucket.clone(),
                    key: prefix.to_owned(),
                    code: "TooManyObjects".into(),
                    reason: format!("the build left more than {MAX_OBJECTS} objects"),
                });
            }
        }
        Ok(keys)
    }

    fn unreadable(&self, error: &ByteStreamError) -> ObjectError {
        ObjectError::Unavailable { bucket: self.bucket.clone(), reason: error.to_string() }
    }

    async fn copy(&self, from: String, to: String) -> Result<(), ObjectError> {
        let source = format!("{}/{}", self.bucket, url_path(&from));
        let request = self.client.copy_object().bucket(&self.bucket).copy_source(source).key(&to);
        request.send().await.map(|_| ()).map_err(|error| classify(&self.bucket, &from, error))
    }
}
