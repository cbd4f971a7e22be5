//! The staging bucket: the blobs that sites are made of, and the JSON documents about them.
//!
//! | key | content | lifetime |
//! | --- | --- | --- |
//! | `blobs/PROJECT/HH/SHA256` | the content of a file; never shared between projects | until no release needs it |
//! | `parts/PROJECT/SHA256/DIGEST` | a note that a blob uploaded in parts has this checksum | as its blob |
//! | `manifests/PROJECT/SHA256.json` | a list of files; immutable | until no release needs it |
//! | `releases/PROJECT/RELEASE.json` | a [`Release`]; immutable | the project's retention |
//! | `staged/REQUEST/PATH` | an uploaded file whose hash is not known yet | 2 days |
//! | `moving/REQUEST/SHA256.json` | the progress of copying a large file, by the hash of its path | 2 days |
//! | `adopting/REQUEST/NAME.json` | what an adoption has read | 2 days |
//! | `issued/REQUEST.json` | the keys of an upload batch | 8 days |
//!
//! The files of upload batches lie under their date (`YYYY-MM-DD/…`), as long as the installation says.

use crate::aws::error::{AwsError, Resource};
use crate::aws::objects::{Headers, ListedObject, Objects};
use crate::domain::canonical;
use crate::domain::digest::{PartsDigest, Sha256};
use crate::domain::ids::{ProjectId, ReleaseId, RequestId};
use crate::domain::site::manifest::Manifest;
use crate::domain::site::paths::SitePath;
use crate::domain::time::Time;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::ControlFlow;

/// The largest document read: a manifest of 20,000 files is about 6 MB.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// The longest key that S3 accepts.
const MAX_KEY_BYTES: usize = 1024;

const JSON: &str = "application/json";

/// The folders whose objects expire, and after how many days. On AWS the lifecycle rules of the bucket delete them,
/// elsewhere [`Documents::delete_expired`].
pub const TRANSIENT_PREFIXES: [(&str, u32); 4] = [("staged/", 2), ("moving/", 2), ("adopting/", 2), ("issued/", 8)];

/// Returns the key of a file's content.
pub fn blob_key(project: &ProjectId, sha256: Sha256) -> String {
    let hex = sha256.to_string();
    format!("{}{}/{hex}", blobs_of(project), &hex[..2])
}

/// Returns the key under which a file is uploaded whose hash is not known yet.
pub fn staged_key(request: &RequestId, path: &SitePath) -> String {
    let key = format!("{}{path}", staged_of(request));
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    // A path may be as long as a key, which leaves no room for the prefix.
    format!("{}{}", staged_of(request), Sha256::of(path.as_str().as_bytes()))
}

/// Returns the prefix of all staged files of a request.
pub fn staged_of(request: &RequestId) -> String {
    format!("staged/{request}/")
}

/// Returns the key of a manifest.
pub fn manifest_key(project: &ProjectId, sha256: Sha256) -> String {
    format!("{}{sha256}.json", manifests_of(project))
}

/// Returns the key of a note that a blob has a checksum of parts.
pub fn parts_key(project: &ProjectId, sha256: Sha256, digest: PartsDigest) -> String {
    format!("{}{sha256}/{digest}", parts_of(project))
}

/// Returns the prefix of the progress of copying a request's large files.
pub fn moving_of(request: &RequestId) -> String {
    format!("moving/{request}/")
}

/// Returns the prefix of what an adoption has read.
pub fn adopting_of(request: &RequestId) -> String {
    format!("adopting/{request}/")
}

fn blobs_of(project: &ProjectId) -> String {
    format!("blobs/{project}/")
}

fn manifests_of(project: &ProjectId) -> String {
    format!("manifests/{project}/")
}

fn parts_of(project: &ProjectId) -> String {
    format!("parts/{project}/")
}

/// A kind of JSON document, stored as `FOLDER/NAME.json`.
pub trait Document: Serialize + DeserializeOwned + Send + Sync {
    /// What the documents of one folder belong to.
    type Owner: Sync;
    /// What distinguishes the documents of one folder.
    type Name: Display + TryFrom<String> + Sync;

    /// Returns the prefix of all documents of an owner.
    fn folder(owner: &Self::Owner) -> String;
}

/// A release: what the project's bucket holds once it is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The version of this format, raised when a field changes its meaning.
    pub version: u32,
    /// The id of the release.
    pub release_id: ReleaseId,
    /// The project.
    pub project: ProjectId,
    /// The request that made it.
    pub request_id: RequestId,
    /// When that request began to publish it.
    pub created_at: Time,
    /// The bucket it was published to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The files.
    pub manifest: Manifest,
}

impl Document for Release {
    type Owner = ProjectId;
    type Name = ReleaseId;

    fn folder(project: &ProjectId) -> String {
        format!("releases/{project}/")
    }
}

/// The keys of an upload batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IssuedKeys(pub Vec<String>);

impl Document for IssuedKeys {
    type Owner = ();
    type Name = RequestId;

    fn folder((): &()) -> String {
        "issued/".to_owned()
    }
}

/// A stored content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written.
    pub written: Time,
}

/// The staging bucket, with Bouncer's own credentials. Cheap to clone.
#[derive(Clone)]
pub struct Documents {
    objects: Objects,
    bucket: String,
}

impl Documents {
    /// Uses a bucket.
    pub fn new(objects: Objects, bucket: impl Into<String>) -> Self {
        Self { objects, bucket: bucket.into() }
    }

    /// Returns the name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Stores a document, in place of an earlier one.
    pub async fn put<D: Document>(&self, owner: &D::Owner, name: &D::Name, document: &D) -> Result<(), AwsError> {
        let key = key_of::<D>(owner, name);
        let text = canonical::to_string(document).map_err(|error| self.unreadable(&key, error))?;
        self.put_text(&key, text).await
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Fails with the kind `NotFound` when there is none, and `Refused` when it cannot be interpreted.
    pub async fn get<D: Document>(&self, owner: &D::Owner, name: &D::Name) -> Result<D, AwsError> {
        let key = key_of::<D>(owner, name);
        let bytes = self.objects.read(&self.bucket, &key, MAX_DOCUMENT_BYTES).await?;
        self.parse(&key, &bytes)
    }

    /// Reads a document, if there is one.
    pub async fn find<D: Document>(&self, owner: &D::Owner, name: &D::Name) -> Result<Option<D>, AwsError> {
        match self.get(owner, name).await {
            Err(error) if error.is_not_found() => Ok(None),
            other => other.map(Some),
        }
    }

    /// Deletes a document, if there is one.
    pub async fn delete<D: Document>(&self, owner: &D::Owner, name: &D::Name) -> Result<(), AwsError> {
        self.objects.delete(&self.bucket, &key_of::<D>(owner, name)).await
    }

    /// Returns the names of an owner's documents, in the order of their keys.
    pub async fn list<D: Document>(&self, owner: &D::Owner) -> Result<Vec<D::Name>, AwsError> {
        let folder = D::folder(owner);
        let listing = self.objects.list(&self.bucket, &folder).await?;
        let name = |key: &str| D::Name::try_from(key.strip_prefix(&folder)?.strip_suffix(".json")?.to_owned()).ok();
        Ok(listing.iter().filter_map(|object| name(&object.key)).collect())
    }

    /// Deletes everything in the folder of an owner.
    pub async fn delete_all<D: Document>(&self, owner: &D::Owner) -> Result<(), AwsError> {
        for object in self.objects.list(&self.bucket, &D::folder(owner)).await? {
            self.objects.delete(&self.bucket, &object.key).await?;
        }
        Ok(())
    }

    /// Stores a manifest under its hash, and returns the hash.
    pub async fn put_manifest(&self, project: &ProjectId, manifest: &Manifest) -> Result<Sha256, AwsError> {
        let text = canonical::to_string(manifest).map_err(|error| self.unreadable(&manifests_of(project), error))?;
        let sha256 = Sha256::of(text.as_bytes());
        self.put_text(&manifest_key(project, sha256), text).await?;
        Ok(sha256)
    }

    /// Reads a manifest by its hash.
    ///
    /// # Errors
    ///
    /// Fails with [`AwsErrorKind::WrongBytes`](crate::aws::error::AwsErrorKind::WrongBytes) when its bytes have another hash.
    pub async fn manifest(&self, project: &ProjectId, sha256: Sha256) -> Result<Manifest, AwsError> {
        let key = manifest_key(project, sha256);
        let bytes = self.objects.read(&self.bucket, &key, MAX_DOCUMENT_BYTES).await?;
        if Sha256::of(&bytes) != sha256 {
            return Err(AwsError::wrong_bytes(&self.bucket, &key));
        }
        self.parse(&key, &bytes)
    }

    /// Returns the hashes of a project's manifests, and when each was last written.
    pub async fn manifests(&self, project: &ProjectId) -> Result<Vec<(Sha256, Time)>, AwsError> {
        let listing = self.objects.list(&self.bucket, &manifests_of(project)).await?;
        let hash = |key: &str| Sha256::parse(key.rsplit('/').next()?.strip_suffix(".json")?).ok();
        Ok(listing.iter().filter_map(|object| Some((hash(&object.key)?, object.modified))).collect())
    }

    /// Stores a release. A release is always the same document.
    pub async fn put_release(&self, release: &Release) -> Result<(), AwsError> {
        self.put(&release.project, &release.release_id, release).await
    }

    /// Reads a release.
    pub async fn release(&self, project: &ProjectId, release: &ReleaseId) -> Result<Release, AwsError> {
        self.get(project, release).await
    }

    /// Returns the files of a release; no files without one.
    pub async fn site(&self, project: &ProjectId, release: Option<&ReleaseId>) -> Result<Manifest, AwsError> {
        match release {
            Some(release) => Ok(self.release(project, release).await?.manifest),
            None => Ok(Manifest::empty()),
        }
    }

    /// Stores a file's content under its hash.
    pub async fn put_blob(&self, project: &ProjectId, sha256: Sha256, bytes: Bytes) -> Result<(), AwsError> {
        self.objects.put(&self.bucket, &blob_key(project, sha256), bytes, sha256, &Headers::default()).await
    }

    /// Returns a project's stored contents, from one listing.
    pub async fn blobs(&self, project: &ProjectId) -> Result<HashMap<Sha256, Blob>, AwsError> {
        let mut blobs = HashMap::new();
        let insert = |sha256, blob| {
            blobs.insert(sha256, blob);
        };
        self.each_blob(project, insert).await?;
        Ok(blobs)
    }

    /// Visits a project's stored contents one by one, in the order of their hashes.
    pub async fn each_blob(
        &self,
        project: &ProjectId,
        mut visit: impl FnMut(Sha256, Blob) + Send,
    ) -> Result<(), AwsError> {
        let each = |object: ListedObject| {
            if let Some(sha256) = object.key.rsplit('/').next().and_then(|hex| Sha256::parse(hex).ok()) {
                visit(sha256, Blob { size: object.size, written: object.modified });
            }
            ControlFlow::Continue(())
        };
        self.objects.list_each(&self.bucket, &blobs_of(project), each).await
    }

    /// Records that a content has this checksum when it is uploaded in parts.
    ///
    /// Only Bouncer writes such notes, and only of bytes that it has hashed both ways. Metadata of the object itself would
    /// prove nothing: whoever replaces the object may keep it.
    pub async fn record_parts(&self, project: &ProjectId, sha256: Sha256, digest: PartsDigest) -> Result<(), AwsError> {
        self.put_text(&parts_key(project, sha256, digest), "{}".to_owned()).await
    }

    /// Returns whether bytes that were uploaded in parts with this checksum are known to be this content.
    pub async fn knows_parts(
        &self,
        project: &ProjectId,
        sha256: Sha256,
        digest: PartsDigest,
    ) -> Result<bool, AwsError> {
        Ok(self.objects.head(&self.bucket, &parts_key(project, sha256, digest)).await?.is_some())
    }

    /// Returns the recorded checksums with their contents, and when each was last recorded.
    pub async fn recorded_parts(&self, project: &ProjectId) -> Result<Vec<(Sha256, PartsDigest, Time)>, AwsError> {
        let listing = self.objects.list(&self.bucket, &parts_of(project)).await?;
        let read = |object: &ListedObject| {
            let (rest, digest) = object.key.rsplit_once('/')?;
            let sha256 = Sha256::parse(rest.rsplit('/').next()?).ok()?;
            Some((sha256, PartsDigest::try_from(digest.to_owned()).ok()?, object.modified))
        };
        Ok(listing.iter().filter_map(read).collect())
    }

    /// Deletes expired objects, and returns their number.
    pub async fn delete_expired(&self) -> Result<u64, AwsError> {
        let now = Time::now();
        let mut deleted = 0;
        for (prefix, days) in TRANSIENT_PREFIXES {
            let mut expired = Vec::new();
            let age = u64::from(days) * 24 * 3600;
            let collect = |object: ListedObject| {
                if object.modified.plus_seconds(age) <= now {
                    expired.push(object.key);
                }
                ControlFlow::Continue(())
            };
            self.objects.list_each(&self.bucket, prefix, collect).await?;
            for key in expired {
                self.objects.delete(&self.bucket, &key).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    async fn put_text(&self, key: &str, text: String) -> Result<(), AwsError> {
        let headers = Headers { content_type: Some(JSON.to_owned()), cache_control: None };
        let sha256 = Sha256::of(text.as_bytes());
        self.objects.put(&self.bucket, key, text.into(), sha256, &headers).await
    }

    fn parse<T: DeserializeOwned>(&self, key: &str, bytes: &[u8]) -> Result<T, AwsError> {
        serde_json::from_slice(bytes).map_err(|error| self.unreadable(key, error))
    }

    fn unreadable(&self, key: &str, error: serde_json::Error) -> AwsError {
        AwsError::refused(Resource::object(&self.bucket, key), "UnreadableDocument", error)
    }
}

fn key_of<D: Document>(owner: &D::Owner, name: &D::Name) -> String {
    format!("{}{name}.json", D::folder(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> ProjectId {
        ProjectId::parse("shop").unwrap()
    }

    /// Stored objects and the permissions in `infra/template.yaml` depend on these.
    #[test]
    fn keys_are_stable() {
        let (project, request, hash) = (shop(), RequestId::random(), Sha256::of(b""));
        let release = ReleaseId::derive(&hash, &request);
        let path = SitePath::parse("index.html").unwrap();
        let parts = PartsDigest::of([]);
        for (key, expected) in [
            (blob_key(&project, hash), format!("blobs/shop/e3/{hash}")),
            (manifest_key(&project, hash), format!("manifests/shop/{hash}.json")),
            (parts_key(&project, hash, parts), format!("parts/shop/{hash}/{parts}")),
            (staged_key(&request, &path), format!("staged/{request}/index.html")),
            (key_of::<Release>(&project, &release), format!("releases/shop/{release}.json")),
            (key_of::<IssuedKeys>(&(), &request), format!("issued/{request}.json")),
        ] {
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn every_request_folder_expires() {
        let request = RequestId::random();
        let folders = [staged_of(&request), moving_of(&request), adopting_of(&request), IssuedKeys::folder(&())];
        for (folder, (prefix, _)) in folders.iter().zip(TRANSIENT_PREFIXES) {
            assert!(folder.starts_with(prefix), "{folder}");
        }
    }

    #[test]
    fn a_staged_key_fits_whatever_the_path() {
        let path = SitePath::parse("a".repeat(MAX_KEY_BYTES)).unwrap();
        assert!(staged_key(&RequestId::random(), &path).len() <= MAX_KEY_BYTES);
    }
}
