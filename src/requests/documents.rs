//! What lies where in the staging bucket, and reading and writing the small documents in it.

use super::app::App;
use crate::aws::error::{AwsError, Resource};
use crate::aws::objects::{Headers, ListedObject};
use crate::domain::canonical;
use crate::domain::digest::{PartsDigest, Sha256};
use crate::domain::error::UserError;
use crate::domain::ids::{ProjectId, ReleaseId, RequestId};
use crate::domain::project::Project;
use crate::domain::site::contents::Phase;
use crate::domain::site::manifest::Manifest;
use crate::domain::site::paths::SitePath;
use crate::domain::time::Time;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

/// The largest document read: a manifest of 20,000 files is about 6 MB.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// What goes by its age alone, and after how many days: nobody comes back to it. On AWS the bucket's lifecycle rules see
/// to it, elsewhere [`App::remove_passing`].
pub const TRANSIENT_PREFIXES: [(&str, u32); 4] = [("staged/", 2), ("moving/", 2), ("adopting/", 2), ("issued/", 8)];

/// The longest key that S3 takes.
const MAX_KEY_BYTES: usize = 1024;

/// A file's content, by its hash; never shared between projects.
pub fn blob_key(project: &ProjectId, sha256: Sha256) -> String {
    let hex = sha256.to_string();
    format!("blobs/{project}/{}/{hex}", &hex[..2])
}

/// Where a file lands whose hash is not known yet.
pub fn staged_key(request: &RequestId, path: &SitePath) -> String {
    let key = format!("staged/{request}/{path}");
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    // A name may be as long as a key may be, and then there is no room before it.
    format!("staged/{request}/{}", Sha256::of(path.as_str().as_bytes()))
}

/// A list of files, by its hash.
pub fn manifest_key(project: &ProjectId, sha256: Sha256) -> String {
    format!("manifests/{project}/{sha256}.json")
}

/// Where it stands that an object with this content has this checksum when it comes in parts.
pub fn parts_key(project: &ProjectId, sha256: Sha256, digest: PartsDigest) -> String {
    format!("parts/{project}/{sha256}/{digest}")
}

fn release_key(project: &ProjectId, release: &ReleaseId) -> String {
    format!("releases/{project}/{release}.json")
}

fn issued_key(request: &RequestId) -> String {
    format!("issued/{request}.json")
}

/// Where it stands how far a deploy is with a large file.
pub fn moving_key(request: &RequestId, path: &SitePath) -> String {
    format!("moving/{request}/{}.json", Sha256::of(path.as_str().as_bytes()))
}

/// A stored content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub written: Time,
}

/// Where it stands what an adoption has read so far.
pub fn adopting_key(request: &RequestId, name: &str) -> String {
    format!("adopting/{request}/{name}.json")
}

/// An immutable release: what the bucket held once it was current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The form of this document; raised when a field changes its meaning.
    pub version: u32,
    /// The release's id.
    pub release_id: ReleaseId,
    /// The project.
    pub project: ProjectId,
    /// The request that made it.
    pub request_id: RequestId,
    /// When that request began to publish it.
    pub created_at: Time,
    /// The bucket it was written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The site.
    pub manifest: Manifest,
}

impl App {
    /// Stores a manifest under its hash, which is returned.
    pub async fn write_manifest(&self, project: &ProjectId, manifest: &Manifest) -> Result<Sha256, AwsError> {
        let text = canonical::to_string(manifest)
            .map_err(|error| unreadable(&self.settings.staging_bucket(), &format!("manifests/{project}/"), error))?;
        let sha256 = Sha256::of(text.as_bytes());
        self.write_document(&manifest_key(project, sha256), text).await?;
        Ok(sha256)
    }

    /// Reads the manifest of a hash; refuses one whose bytes have another.
    pub async fn read_manifest(&self, project: &ProjectId, sha256: Sha256) -> Result<Manifest, AwsError> {
        let key = manifest_key(project, sha256);
        let bucket = self.settings.staging_bucket();
        let bytes = self.objects.read(&bucket, &key, MAX_DOCUMENT_BYTES).await?;
        if Sha256::of(&bytes) != sha256 {
            return Err(AwsError::wrong_bytes(&bucket, &key));
        }
        parse(&bucket, &key, &bytes)
    }

    /// Stores a release document. The same release is always the same document.
    pub async fn write_release(&self, release: &Release) -> Result<(), AwsError> {
        let key = release_key(&release.project, &release.release_id);
        let text =
            canonical::to_string(release).map_err(|error| unreadable(&self.settings.staging_bucket(), &key, error))?;
        self.write_document(&key, text).await
    }

    /// The releases that have a document, those that never went live too.
    pub async fn release_documents(&self, project: &ProjectId) -> Result<Vec<ReleaseId>, AwsError> {
        let listing = self.objects.list(&self.settings.staging_bucket(), &format!("releases/{project}/")).await?;
        let name = |key: &str| key.rsplit('/').next()?.strip_suffix(".json").map(str::to_owned);
        Ok(listing.iter().filter_map(|object| ReleaseId::parse(name(&object.key)?).ok()).collect())
    }

    /// Removes a release document.
    pub async fn remove_release(&self, project: &ProjectId, release: &ReleaseId) -> Result<(), AwsError> {
        self.objects.delete(&self.settings.staging_bucket(), &release_key(project, release)).await
    }

    /// Reads a release document.
    pub async fn read_release(&self, project: &ProjectId, release: &ReleaseId) -> Result<Release, AwsError> {
        self.read_document(&release_key(project, release)).await
    }

    /// The site of a release; the empty site for none.
    pub async fn site_of(&self, project: &ProjectId, release: Option<&ReleaseId>) -> Result<Manifest, AwsError> {
        match release {
            Some(release) => Ok(self.read_release(project, release).await?.manifest),
            None => Ok(Manifest::empty()),
        }
    }

    /// Stores the keys that a batch of uploads consists of.
    pub async fn write_issued<T: Serialize>(&self, request: &RequestId, issued: &T) -> Result<(), UserError> {
        Ok(self.write_document(&issued_key(request), canonical::to_string(issued)?).await?)
    }

    /// Reads the keys that a batch of uploads consists of.
    pub async fn read_issued<T: DeserializeOwned>(&self, request: &RequestId) -> Result<T, AwsError> {
        self.read_document(&issued_key(request)).await
    }

    /// Stores how far a deploy is with a large file.
    pub async fn write_moving<T: Serialize>(&self, key: &str, moving: &T) -> Result<(), AwsError> {
        let text =
            canonical::to_string(moving).map_err(|error| unreadable(&self.settings.staging_bucket(), key, error))?;
        self.write_document(key, text).await
    }

    /// Reads how far a deploy is with a large file.
    pub async fn read_moving<T: DeserializeOwned>(&self, key: &str) -> Result<T, AwsError> {
        self.read_document(key).await
    }

    /// Removes it, when the file is there or given up.
    pub async fn remove_moving(&self, key: &str) -> Result<(), AwsError> {
        self.objects.delete(&self.settings.staging_bucket(), key).await
    }

    /// The keys of all large files that a deploy is at.
    pub async fn movings(&self, request: &RequestId) -> Result<Vec<String>, AwsError> {
        let listing = self.objects.list(&self.settings.staging_bucket(), &format!("moving/{request}/")).await?;
        Ok(listing.into_iter().map(|object| object.key).collect())
    }

    /// Stores a part of what an adoption has read.
    pub async fn write_adopting<T: Serialize>(
        &self,
        request: &RequestId,
        name: &str,
        part: &T,
    ) -> Result<(), AwsError> {
        let key = adopting_key(request, name);
        let text =
            canonical::to_string(part).map_err(|error| unreadable(&self.settings.staging_bucket(), &key, error))?;
        self.write_document(&key, text).await
    }

    /// Reads a part of what an adoption has read; `None` when there is none of that name.
    pub async fn read_adopting<T: DeserializeOwned>(
        &self,
        request: &RequestId,
        name: &str,
    ) -> Result<Option<T>, AwsError> {
        match self.read_document(&adopting_key(request, name)).await {
            Err(error) if error.is_not_found() => Ok(None),
            other => other.map(Some),
        }
    }

    /// The names of all parts that an adoption has stored, in their order.
    pub async fn adopting(&self, request: &RequestId) -> Result<Vec<String>, AwsError> {
        let folder = format!("adopting/{request}/");
        let listing = self.objects.list(&self.settings.staging_bucket(), &folder).await?;
        let name = |key: &str| key.strip_prefix(&folder)?.strip_suffix(".json").map(str::to_owned);
        Ok(listing.iter().filter_map(|object| name(&object.key)).collect())
    }

    /// Removes what an adoption has stored of its way.
    pub async fn forget_adopting(&self, request: &RequestId) -> Result<(), AwsError> {
        for name in self.adopting(request).await? {
            self.objects.delete(&self.settings.staging_bucket(), &adopting_key(request, &name)).await?;
        }
        Ok(())
    }

    /// Notes by which checksum a content is known where it came in parts. Nobody but Bouncer writes such notes, and only of
    /// bytes that had both hashes on their way; what an object says of itself, as metadata, proves nothing, because
    /// whoever replaces the object may keep it.
    pub async fn note_parts(&self, project: &ProjectId, sha256: Sha256, digest: PartsDigest) -> Result<(), AwsError> {
        self.write_document(&parts_key(project, sha256, digest), "{}".to_owned()).await
    }

    /// Whether bytes that came in parts with this checksum are known to be this content.
    pub async fn knows_parts(
        &self,
        project: &ProjectId,
        sha256: Sha256,
        digest: PartsDigest,
    ) -> Result<bool, AwsError> {
        let key = parts_key(project, sha256, digest);
        Ok(self.objects.head(&self.settings.staging_bucket(), &key).await?.is_some())
    }

    /// Those checksums, with the contents they belong to, and when each was noted last.
    pub async fn parts_digests(&self, project: &ProjectId) -> Result<Vec<(Sha256, PartsDigest, Time)>, AwsError> {
        let listing = self.objects.list(&self.settings.staging_bucket(), &format!("parts/{project}/")).await?;
        let read = |object: &ListedObject| {
            let (rest, digest) = object.key.rsplit_once('/')?;
            let sha256 = Sha256::parse(rest.rsplit('/').next()?).ok()?;
            Some((sha256, PartsDigest::try_from(digest.to_owned()).ok()?, object.modified))
        };
        Ok(listing.iter().filter_map(read).collect())
    }

    /// What of a project's contents is stored, from one listing.
    pub async fn stored_blobs(&self, project: &ProjectId) -> Result<HashMap<Sha256, Blob>, AwsError> {
        let mut blobs = HashMap::new();
        let insert = |sha256, blob| {
            blobs.insert(sha256, blob);
        };
        self.each_blob(project, insert).await?;
        Ok(blobs)
    }

    /// The same one by one.
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
        self.objects.list_each(&self.settings.staging_bucket(), &format!("blobs/{project}/"), each).await
    }

    /// The sizes of those contents that a new request may count on, and the site that it is compared with. Other contents
    /// may be about to go; see [`crate::domain::site::contents`].
    pub async fn lasting_blobs(
        &self,
        project: &Project,
        moment: Phase,
    ) -> Result<(HashMap<Sha256, u64>, Manifest), AwsError> {
        let (blobs, base) = tokio::try_join!(
            self.stored_blobs(&project.project_id),
            self.site_of(&project.project_id, project.current_release.as_ref())
        )?;
        let (now, ages) = (Time::now(), self.settings.publish.ages);
        let needed: HashSet<Sha256> = base.entries().iter().map(|entry| entry.sha256).collect();
        let lasts = |sha256: &Sha256, blob: &Blob| needed.contains(sha256) || ages.is_fresh(blob.written, moment, now);
        let lasting = blobs.into_iter().filter(|(sha256, blob)| lasts(sha256, blob));
        Ok((lasting.map(|(sha256, blob)| (sha256, blob.size)).collect(), base))
    }

    /// The hashes of a project's lists of files, and when each was written last.
    pub async fn lists(&self, project: &ProjectId) -> Result<Vec<(Sha256, Time)>, AwsError> {
        let listing = self.objects.list(&self.settings.staging_bucket(), &format!("manifests/{project}/")).await?;
        let hash = |key: &str| Sha256::parse(key.rsplit('/').next()?.strip_suffix(".json")?).ok();
        Ok(listing.iter().filter_map(|object| Some((hash(&object.key)?, object.modified))).collect())
    }

    /// Stores a file's content under its hash.
    pub async fn write_blob(&self, project: &ProjectId, sha256: Sha256, bytes: Bytes) -> Result<(), AwsError> {
        let bucket = self.settings.staging_bucket();
        self.objects.put(&bucket, &blob_key(project, sha256), bytes, sha256, &Headers::default()).await
    }

    /// Removes what goes by its age alone; how many objects.
    pub async fn remove_passing(&self) -> Result<u64, AwsError> {
        let (bucket, now) = (self.settings.staging_bucket(), Time::now());
        let mut removed = 0;
        for (prefix, days) in TRANSIENT_PREFIXES {
            let mut old = Vec::new();
            let age = u64::from(days) * 24 * 3600;
            let collect = |object: ListedObject| {
                if object.modified.plus_seconds(age) <= now {
                    old.push(object.key);
                }
                ControlFlow::Continue(())
            };
            self.objects.list_each(&bucket, prefix, collect).await?;
            for key in old {
                self.objects.delete(&bucket, &key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn write_document(&self, key: &str, text: String) -> Result<(), AwsError> {
        let headers = Headers { content_type: Some("application/json".into()), cache_control: None };
        let sha256 = Sha256::of(text.as_bytes());
        self.objects.put(&self.settings.staging_bucket(), key, text.into(), sha256, &headers).await
    }

    async fn read_document<T: DeserializeOwned>(&self, key: &str) -> Result<T, AwsError> {
        let bucket = self.settings.staging_bucket();
        let bytes = self.objects.read(&bucket, key, MAX_DOCUMENT_BYTES).await?;
        parse(&bucket, key, &bytes)
    }
}

fn parse<T: DeserializeOwned>(bucket: &str, key: &str, bytes: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(bucket, key, error))
}

fn unreadable(bucket: &str, key: &str, error: serde_json::Error) -> AwsError {
    AwsError::refused(Resource::object(bucket, key), "UnreadableDocument", error)
}
