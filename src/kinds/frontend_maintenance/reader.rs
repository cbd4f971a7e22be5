//! Reading one object of a bucket that is adopted: what a manifest says of it, and its bytes under their hash. In bounded
//! memory: small objects whole, others twice (once for the hash, once to be kept under it), large ones part by part over
//! as many slices as it takes.

use crate::aws::error::AwsError;
use crate::aws::objects::{Headers, Objects, OpenObject};
use crate::domain::digest::{Hasher, Sha256, Unfinished};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::site::adoption::{LeftOut, Reading, Seen};
use crate::domain::site::manifest::Entry;
use crate::domain::site::paths::SitePath;
use crate::kinds::site::large::{CopyOutcome, Direction, Large};
use crate::kinds::site::transfer::Tally;
use crate::requests::app::App;
use crate::storage::documents::{Blob, Document, adopting_of, blob_key};
use bytes::Bytes;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

/// What a streamed object may hold in buffers.
const STREAM_BUFFER_BYTES: u64 = 1 << 20;
/// Tries for an object, whose body nobody else repeats.
const TRIES: u32 = 4;
/// Parts read ahead of the one that is hashed.
const READ_AHEAD: usize = 2;
/// So many parts at most are hashed again after a death.
const PARTS_UNSAVED: u64 = 8;
/// How the unfinished hash is called: one large object is read at a time.
const HASH: &str = "hash";
/// What S3 says of an object that was put without a type.
const NO_TYPE: &str = "binary/octet-stream";

/// How far the hash of a large object is, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Hashing {
    path: SitePath,
    seen: Seen,
    part_bytes: u64,
    /// Parts hashed.
    parts: u64,
    hash: Unfinished,
}

impl Document for Hashing {
    type Owner = RequestId;
    type Name = String;

    fn folder(request: &RequestId) -> String {
        adopting_of(request)
    }
}

/// Reads from one bucket for one project.
pub(crate) struct Reader<'a> {
    pub app: &'a App,
    pub site: &'a Objects,
    pub bucket: &'a str,
    pub project: &'a ProjectId,
    pub request: &'a RequestId,
    /// What is kept already, with its size.
    pub stored: HashMap<Sha256, Blob>,
}

impl Reader<'_> {
    /// Reads an object that is not large. Fails with wrong bytes when it is not what was seen.
    pub(crate) async fn read_object(&self, path: &SitePath, seen: &Seen) -> Result<Reading, AwsError> {
        let is_small = seen.size <= self.app.settings.publish.part_bytes;
        let _room = self.room_for(if is_small { seen.size } else { STREAM_BUFFER_BYTES }).await;
        let mut tries = 1;
        loop {
            let outcome = if is_small { self.read_whole(path, seen).await } else { self.read_twice(path, seen).await };
            match outcome {
                Err(error) if error.is_transient() && tries < TRIES => {
                    tracing::warn!(%error, %path, "a file could not be read; trying again");
                    tokio::time::sleep(Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    async fn read_whole(&self, path: &SitePath, seen: &Seen) -> Result<Reading, AwsError> {
        let opened = self.open_as_seen(path, seen).await?;
        if let Some(left) = left_out(path, &opened) {
            return Ok(left);
        }
        let headers = opened.headers.clone();
        let bytes = opened.collect().await?;
        let sha256 = Sha256::of(&bytes);
        if bytes.len() as u64 != seen.size {
            return Err(self.wrong_bytes(path));
        }
        if !self.is_stored(sha256, seen.size) {
            self.app.documents.put_blob(self.project, sha256, bytes).await?;
        }
        Ok(Reading::File(entry(path, seen, sha256, headers)))
    }

    async fn read_twice(&self, path: &SitePath, seen: &Seen) -> Result<Reading, AwsError> {
        let opened = self.open_as_seen(path, seen).await?;
        if let Some(left) = left_out(path, &opened) {
            return Ok(left);
        }
        let headers = opened.headers.clone();
        let (sha256, _) = opened.digest().await?;
        if !self.is_stored(sha256, seen.size) {
            // The put is refused unless the bytes still have the digest just read: a write that came between is noticed.
            let source = self.open_as_seen(path, seen).await?;
            let (staging, key) = (self.app.documents.bucket(), blob_key(self.project, sha256));
            self.app.objects.put_stream(staging, &key, source, sha256, &Headers::default()).await?;
        }
        Ok(Reading::File(entry(path, seen, sha256, headers)))
    }

    /// Reads a part of a large object at least, and begins none after `deadline`. `None`: the next slice goes on.
    pub(crate) async fn read_large(
        &self,
        path: &SitePath,
        seen: &Seen,
        deadline: Instant,
        tally: &Tally,
    ) -> Result<Option<Reading>, AwsError> {
        let opened = self.open_as_seen(path, seen).await?;
        if let Some(left) = left_out(path, &opened) {
            return Ok(Some(left));
        }
        let headers = opened.headers.clone();
        drop(opened);
        let Some(sha256) = self.hash_large(path, seen, deadline, tally).await? else { return Ok(None) };
        let entry = entry(path, seen, sha256, headers);
        if !self.is_stored(sha256, seen.size) {
            let Self { app, site, bucket, project, request, .. } = *self;
            let large = Large { app, way: Direction::ToKept, site, bucket, project, request, entry: &entry };
            if large.run(deadline, tally).await? == CopyOutcome::InPart {
                return Ok(None);
            }
        }
        Ok(Some(Reading::File(entry)))
    }

    /// The hash of a large object, going on where an earlier slice was. If the object changes meanwhile the hash is that
    /// of no content, and keeping the content under it will be refused.
    async fn hash_large(
        &self,
        path: &SitePath,
        seen: &Seen,
        deadline: Instant,
        tally: &Tally,
    ) -> Result<Option<Sha256>, AwsError> {
        let mut hashing = self.hashing(path, seen).await?;
        let Ok(mut hasher) = Hasher::resume(&hashing.hash) else { return Err(self.wrong_bytes(path)) };
        let (first, part_bytes) = (hashing.parts, hashing.part_bytes);
        let count = seen.size.div_ceil(part_bytes);
        let parts = futures::stream::iter(first..count).map(|index| self.read_part(path, seen, index, part_bytes));
        let mut parts = parts.buffered(READ_AHEAD);
        while let Some(part) = parts.next().await {
            let (bytes, _room) = part?;
            hasher.update(&bytes);
            hashing.parts += 1;
            tally.under_way.store((hashing.parts * part_bytes).min(seen.size), Ordering::Relaxed);
            let is_over = Instant::now() >= deadline && hashing.parts < count;
            if is_over || hashing.parts == count || (hashing.parts - first).is_multiple_of(PARTS_UNSAVED) {
                hashing.hash = hasher.suspend();
                self.app.documents.put(self.request, &HASH.to_owned(), &hashing).await?;
            }
            if is_over {
                return Ok(None);
            }
        }
        tally.under_way.store(0, Ordering::Relaxed);
        Ok(Some(hasher.finish().0))
    }

    /// How far the hash is; at its start, unless what is stored is of this very object.
    async fn hashing(&self, path: &SitePath, seen: &Seen) -> Result<Hashing, AwsError> {
        let stored = self.app.documents.find::<Hashing>(self.request, &HASH.to_owned()).await?;
        let mine = stored.filter(|stored| stored.path == *path && stored.seen == *seen);
        // A hash in another version's form is begun anew.
        Ok(mine.filter(|stored| Hasher::resume(&stored.hash).is_ok()).unwrap_or_else(|| Hashing {
            path: path.clone(),
            seen: seen.clone(),
            part_bytes: self.app.settings.publish.part_bytes,
            parts: 0,
            hash: Hasher::default().suspend(),
        }))
    }

    async fn read_part(
        &self,
        path: &SitePath,
        seen: &Seen,
        index: u64,
        part_bytes: u64,
    ) -> Result<(Bytes, Option<SemaphorePermit<'_>>), AwsError> {
        let start = index * part_bytes;
        let range = start..seen.size.min(start + part_bytes);
        let room = self.room_for(range.end - range.start).await;
        let mut tries = 1;
        loop {
            match self.site.read_range(self.bucket, path.as_str(), range.clone()).await {
                Err(error) if error.is_transient() && tries < TRIES => {
                    tracing::warn!(%error, %path, "a part could not be read; trying again");
                    tokio::time::sleep(Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
                outcome => return outcome.map(|bytes| (bytes, room)),
            }
        }
    }

    async fn open_as_seen(&self, path: &SitePath, seen: &Seen) -> Result<OpenObject, AwsError> {
        let opened = self.site.open(self.bucket, path.as_str()).await?;
        if opened.size == seen.size { Ok(opened) } else { Err(self.wrong_bytes(path)) }
    }

    /// Waits until so many bytes may be in memory.
    async fn room_for(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let permits = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        // The semaphore is never closed, so this cannot fail; going on without the permit would only cost memory.
        self.app.transfer_room.acquire_many(permits).await.ok()
    }

    fn is_stored(&self, sha256: Sha256, size: u64) -> bool {
        self.stored.get(&sha256).is_some_and(|blob| blob.size == size)
    }

    fn wrong_bytes(&self, path: &SitePath) -> AwsError {
        AwsError::wrong_bytes(self.bucket, path.as_str())
    }
}

/// Without this header a visitor would get something else, so the object is no file of a release.
fn left_out(path: &SitePath, opened: &OpenObject) -> Option<Reading> {
    let header = opened.other_header?;
    Some(Reading::Left(LeftOut::new(
        path.as_str(),
        format!("is served with the header {header}, which a release does not keep"),
    )))
}

fn entry(path: &SitePath, seen: &Seen, sha256: Sha256, headers: Headers) -> Entry {
    Entry {
        path: path.clone(),
        size: seen.size,
        sha256,
        content_type: headers.content_type.unwrap_or_else(|| NO_TYPE.to_owned()),
        cache_control: headers.cache_control.unwrap_or_default(),
    }
}
