//! Moving a file that is too large for one request or one slice: part by part, in bounded memory, going on after a death
//! where it was. A publish moves its approved content into the site's bucket, an adoption the other way round.
//!
//! What is done so far stands beside the blobs. The parts are hashed in their order on the way, and the object is made of
//! them only when the whole has the SHA-256 that it must have; until then the bucket shows nothing of it.

use super::plan::target_of;
use super::transfer::{Tally, headers};
use crate::aws::error::AwsError;
use crate::aws::objects::{Headers, MultipartUpload, Objects, Part};
use crate::domain::digest::{Hasher, Sha256, Unfinished};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::request::Request;
use crate::domain::site::manifest::Entry;
use crate::requests::app::App;
use crate::storage::documents::{Document, blob_key, moving_of};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

/// Parts read ahead of those that are being written.
const READ_AHEAD: usize = 2;
/// So many parts at most are moved again after a death.
const PARTS_UNSAVED: usize = 8;
/// Tries to read a part, whose body nobody else repeats.
const READ_TRIES: u32 = 4;
/// How often a file is begun anew because what was there of it cannot be used.
const NEW_BEGINNINGS: u32 = 2;

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyOutcome {
    /// The bucket has it.
    Whole,
    /// The time is over; the next slice goes on.
    InPart,
}

/// A file on its way, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Moving {
    upload: MultipartUpload,
    part_bytes: u64,
    /// The parts that S3 has, from the first one on.
    parts: Vec<Part>,
    /// Of their bytes.
    hash: Unfinished,
}

impl Document for Moving {
    type Owner = RequestId;
    /// The hash of the file's path.
    type Name = Sha256;

    fn folder(request: &RequestId) -> String {
        moving_of(request)
    }
}

/// Which way a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From what is kept to the site.
    ToSite,
    /// From the site to what is kept.
    ToKept,
}

/// One large file's way into its bucket.
pub(crate) struct Large<'a> {
    pub app: &'a App,
    pub way: Direction,
    pub site: &'a Objects,
    pub bucket: &'a str,
    pub project: &'a ProjectId,
    pub request: &'a RequestId,
    pub entry: &'a Entry,
}

impl Large<'_> {
    /// Moves at least one part, and no more after `deadline` than what is on its way.
    pub(crate) async fn run(&self, deadline: Instant, tally: &Tally) -> Result<CopyOutcome, AwsError> {
        let mut beginnings = 0;
        loop {
            let stored = self.app.documents.get::<Moving>(self.request, &self.name()).await;
            let (moving, is_fresh) = match stored {
                Ok(moving) => (moving, false),
                Err(error) if error.is_not_found() || error.is_refused() => (self.begin().await?, true),
                Err(error) => return Err(error),
            };
            let upload = moving.upload.clone();
            let error = match self.go_on(moving, deadline, tally).await {
                Ok(moved) => return Ok(moved),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => error,
            };
            tally.under_way.store(0, Ordering::Relaxed);
            forget(self.app, self.site, &upload, self.request, &self.name()).await;
            // An upload that somebody ended, or a hash in another version's form, is no fault of the file.
            let is_of_the_past = !is_fresh || is_gone(&error, &upload);
            beginnings += 1;
            if !is_of_the_past || beginnings > NEW_BEGINNINGS {
                return Err(error);
            }
            tracing::warn!(%error, path = %self.entry.path, "a large file is begun anew");
        }
    }

    /// Where its content is kept.
    fn kept(&self) -> (String, String) {
        (self.app.documents.bucket().to_owned(), blob_key(self.project, self.entry.sha256))
    }

    /// The name of the document about its progress.
    fn name(&self) -> Sha256 {
        Sha256::of(self.entry.path.as_str().as_bytes())
    }

    async fn save(&self, moving: &Moving) -> Result<(), AwsError> {
        self.app.documents.put(self.request, &self.name(), moving).await
    }

    async fn begin(&self) -> Result<Moving, AwsError> {
        let upload = match self.way {
            Direction::ToSite => {
                self.site.create_upload(self.bucket, self.entry.path.as_str(), &headers(self.entry)).await?
            }
            Direction::ToKept => {
                let (staging, key) = self.kept();
                self.app.objects.create_upload(&staging, &key, &Headers::default()).await?
            }
        };
        let part_bytes = self.app.settings.publish.part_bytes;
        let moving = Moving { upload, part_bytes, parts: vec![], hash: Hasher::default().suspend() };
        // Stored before the first part, so that an end by force leaves nothing that nobody knows of.
        if let Err(error) = self.save(&moving).await {
            forget(self.app, self.site, &moving.upload, self.request, &self.name()).await;
            return Err(error);
        }
        Ok(moving)
    }

    async fn go_on(&self, mut moving: Moving, deadline: Instant, tally: &Tally) -> Result<CopyOutcome, AwsError> {
        let mut hasher = Hasher::resume(&moving.hash).map_err(|_| self.wrong_bytes())?;
        let (first, count) = (moving.parts.len() as u64, self.entry.size.div_ceil(moving.part_bytes));
        tally.under_way.store((first * moving.part_bytes).min(self.entry.size), Ordering::Relaxed);
        let (upload, part_bytes) = (moving.upload.clone(), moving.part_bytes);
        let mut reads =
            futures::stream::iter(first..count).map(|index| self.read(index, part_bytes)).buffered(READ_AHEAD);
        let mut writes = FuturesOrdered::new();
        let (mut read, mut unsaved, mut failure) = (moving.parts.len(), 0, None);
        loop {
            let goes_on = failure.is_none() && (read as u64 == first || Instant::now() < deadline);
            tokio::select! {
                Some(part) = reads.next(), if goes_on => match part {
                    Ok((bytes, room)) => {
                        hasher.update(&bytes);
                        let (index, hash, upload) = (read, hasher.suspend(), &upload);
                        read += 1;
                        writes.push_back(async move {
                            let size = bytes.len() as u64;
                            let written = match self.way {
                                Direction::ToSite => self.site.upload_part(upload, index, bytes).await,
                                Direction::ToKept => self.app.objects.upload_part(upload, index, bytes).await,
                            };
                            drop(room);
                            written.map(|part| (part, hash, size))
                        });
                    }
                    Err(error) => failure = Some((read, error)),
                },
                Some(part) = writes.next(), if !writes.is_empty() => match part {
                    // After a part that could not be written, later ones count for nothing.
                    Ok((part, hash, size)) if failure.as_ref().is_none_or(|(at, _)| moving.parts.len() < *at) => {
                        moving.parts.push(part);
                        moving.hash = hash;
                        tally.under_way.fetch_add(size, Ordering::Relaxed);
                        unsaved += 1;
                        if unsaved == PARTS_UNSAVED {
                            self.save(&moving).await?;
                            unsaved = 0;
                        }
                    }
                    Ok(_) => {}
                    Err(error) => failure = Some((moving.parts.len(), error)),
                },
                else => break,
            }
        }
        if moving.parts.len() as u64 == count {
            return self.complete(&moving, hasher, tally).await;
        }
        match failure {
            Some((_, error)) if !error.is_transient() => Err(error),
            failure => {
                self.save(&moving).await?;
                failure.map_or(Ok(CopyOutcome::InPart), |(_, error)| Err(error))
            }
        }
    }

    async fn complete(&self, moving: &Moving, hasher: Hasher, tally: &Tally) -> Result<CopyOutcome, AwsError> {
        if hasher.finish() != (self.entry.sha256, self.entry.size) {
            return Err(self.wrong_bytes());
        }
        match self.way {
            Direction::ToSite => {
                // Before the object is there, so that it is never there unknown.
                let digest = Part::digest(&moving.parts);
                if let Err(error) = self.app.documents.record_parts(self.project, self.entry.sha256, digest).await {
                    tracing::warn!(%error, path = %self.entry.path, "the file will have to be read to be known again");
                }
                self.site.complete_upload(&moving.upload, &moving.parts).await?;
            }
            Direction::ToKept => self.app.objects.complete_upload(&moving.upload, &moving.parts).await?,
        }
        tally.under_way.store(0, Ordering::Relaxed);
        remove(self.app, self.request, &self.name()).await;
        Ok(CopyOutcome::Whole)
    }

    /// Reads a part once there is room for it in memory.
    async fn read(&self, index: u64, part_bytes: u64) -> Result<(Bytes, Option<SemaphorePermit<'_>>), AwsError> {
        let start = index * part_bytes;
        let range = start..self.entry.size.min(start + part_bytes);
        let permits = u32::try_from((range.end - range.start).div_ceil(1024)).unwrap_or(u32::MAX);
        let room = self.app.transfer_room.acquire_many(permits).await.ok();
        let (staging, key) = self.kept();
        let mut tries = 1;
        loop {
            let read = match self.way {
                Direction::ToSite => self.app.objects.read_range(&staging, &key, range.clone()).await,
                Direction::ToKept => self.site.read_range(self.bucket, self.entry.path.as_str(), range.clone()).await,
            };
            match read {
                Err(error) if error.is_transient() && tries < READ_TRIES => {
                    tracing::warn!(%error, path = %self.entry.path, "a part could not be read; trying again");
                    tokio::time::sleep(Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
                outcome => return outcome.map(|bytes| (bytes, room)),
            }
        }
    }

    fn wrong_bytes(&self) -> AwsError {
        AwsError::wrong_bytes(self.bucket, self.entry.path.as_str())
    }
}

fn is_gone(error: &AwsError, upload: &MultipartUpload) -> bool {
    error.is_not_found() && error.bucket() == Some(&upload.bucket)
}

/// Ends an upload that leads to nothing, then removes what is stored of it. What cannot be ended now is left to the
/// bucket's lifecycle rules: no deploy fails for it.
async fn forget(app: &App, site: &Objects, upload: &MultipartUpload, request: &RequestId, name: &Sha256) {
    let ended = if upload.bucket == app.documents.bucket() {
        app.objects.abort_upload(upload).await
    } else {
        site.abort_upload(upload).await
    };
    match ended {
        Ok(()) => remove(app, request, name).await,
        Err(error) => tracing::warn!(%error, "an unfinished upload could not be ended"),
    }
}

async fn remove(app: &App, request: &RequestId, name: &Sha256) {
    if let Err(error) = app.documents.delete::<Moving>(request, name).await {
        tracing::warn!(%error, "the description of an upload that has ended could not be removed");
    }
}

/// Ends what a request has begun to upload and will not complete.
pub(crate) async fn abandon(app: &App, request: &Request) -> Result<(), AwsError> {
    let Some(target) = target_of(request) else { return Ok(()) };
    let id = &request.request_id;
    for name in app.documents.list::<Moving>(id).await? {
        let moving: Moving = app.documents.get(id, &name).await?;
        match app.sites.open(&target, id).await {
            Ok(site) => forget(app, &site.objects, &moving.upload, id, &name).await,
            Err(error) => tracing::warn!(%error, "an unfinished upload could not be ended"),
        }
    }
    Ok(())
}
