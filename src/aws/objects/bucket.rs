//! The artifacts bucket: sources of builds, their output, and the sealed copies that CloudFormation reads.

use super::client::Objects;
use super::object::Headers;
use crate::aws::error::{AwsError, AwsErrorKind, Resource};
use crate::domain::digest::Sha256;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::ops::ControlFlow;
use std::path::Path;

/// Bounds the copies under way at once.
const COPIES: usize = 8;
/// Bounds the objects that a build may leave. A package has one for each function, layer and nested template.
const MAX_OBJECTS: usize = 1_000;

/// [`Objects`] bound to one bucket.
#[derive(Clone)]
pub struct Bucket {
    objects: Objects,
    name: String,
    region: String,
}

impl Bucket {
    /// Binds a client to a bucket of a region.
    pub fn new(objects: Objects, name: String, region: String) -> Self {
        Self { objects, name, region }
    }

    /// Returns the bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL at which CloudFormation reads an object.
    pub fn url(&self, key: &str) -> String {
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://s3.{}.{suffix}/{}/{key}", self.region, self.name)
    }

    /// Returns whether an object exists.
    pub async fn has(&self, key: &str) -> Result<bool, AwsError> {
        Ok(self.objects.head(&self.name, key).await?.is_some())
    }

    /// Uploads a local file.
    pub async fn put_file(&self, key: &str, path: &Path) -> Result<(), AwsError> {
        self.objects.put_file(&self.name, key, path).await
    }

    /// Stores a small document.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), AwsError> {
        let sha256 = Sha256::of(&bytes);
        self.objects.put(&self.name, key, bytes, sha256, &Headers::default()).await
    }

    /// Reads a document of at most `limit` bytes.
    pub async fn read(&self, key: &str, limit: u64) -> Result<Bytes, AwsError> {
        self.objects.read(&self.name, key, limit).await
    }

    /// Copies objects within the bucket, each from one key to another.
    pub async fn copy_all(&self, copies: Vec<(String, String)>) -> Result<(), AwsError> {
        let copies = copies.into_iter().map(|(from, to)| self.copy(from, to));
        stream::iter(copies).buffer_unordered(COPIES).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// Lists the keys under a prefix.
    ///
    /// # Errors
    ///
    /// Refused when there are more than a build may leave.
    pub async fn list_keys(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        let mut keys = Vec::new();
        let keep = |object: super::object::ListedObject| {
            keys.push(object.key);
            if keys.len() > MAX_OBJECTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        self.objects.list_each(&self.name, prefix, keep).await?;
        if keys.len() > MAX_OBJECTS {
            let message = format!("the build left more than {MAX_OBJECTS} objects");
            let resource = Resource::object(&self.name, prefix);
            return Err(AwsError::without_source(resource, AwsErrorKind::Refused, "TooManyObjects", &message));
        }
        Ok(keys)
    }

    async fn copy(&self, from: String, to: String) -> Result<(), AwsError> {
        self.objects.copy(&self.name, &from, &to).await
    }
}
