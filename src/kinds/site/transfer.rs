//! Moving approved bytes from the staging bucket to the site's bucket: many at once, in bounded memory.

use super::large::{CopyOutcome, Direction, Large};
use crate::aws::error::AwsError;
use crate::aws::objects::{Headers, Objects};
use crate::domain::digest::Sha256;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::site::manifest::Entry;
use crate::domain::site::paths::SitePath;
use crate::kinds::site::progress::{SiteProgress, Step};
use crate::requests::app::App;
use crate::storage::documents::blob_key;
use bytes::Bytes;
use futures::StreamExt as _;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Files up to this size travel through memory, so that the SDK can repeat the put by itself.
const BUFFERED_BYTES: u64 = 1 << 20;
/// What a streamed file may hold in buffers.
const STREAM_BUFFER_BYTES: u64 = 1 << 20;
/// Tries for a streamed file, whose put nobody else can repeat.
const STREAM_TRIES: u32 = 4;
const KIB: u64 = 1024;
/// What one publish may hold of later phases, beside the room that all publishes share.
const AHEAD_BYTES: u64 = 512 << 10;

/// What has been moved so far; read by the progress writer while the work goes on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Files.
    pub files: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Bytes of the large file that is on its way.
    pub under_way: AtomicU64,
}

impl Tally {
    pub(crate) fn new(files: u64, bytes: u64) -> Self {
        Self { files: files.into(), bytes: bytes.into(), under_way: 0.into() }
    }

    /// One file more.
    pub(crate) fn count(&self, size: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(size, Ordering::Relaxed);
    }

    /// How far a step is that has so many files and bytes to do.
    pub(crate) fn progress(&self, step: Step, (files_total, bytes_total): (u64, u64)) -> SiteProgress {
        SiteProgress {
            step,
            files_done: self.files.load(Ordering::Relaxed),
            files_total,
            bytes_done: self.bytes.load(Ordering::Relaxed) + self.under_way.load(Ordering::Relaxed),
            bytes_total,
        }
    }
}

/// How a batch of files ended.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// How many files of the list, counted from its start, were taken on and waited for; not the one that is there in
    /// part.
    pub taken: usize,
    /// Those that could not be written.
    pub failures: Vec<(SitePath, AwsError)>,
}

/// Writes to one site's bucket.
pub(crate) struct Transfer<'a> {
    app: &'a App,
    site: &'a Objects,
    bucket: &'a str,
    project: &'a ProjectId,
    request: &'a RequestId,
    /// What was read for later phases.
    ahead: OnceLock<HashMap<Sha256, Bytes>>,
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(
        app: &'a App,
        site: &'a Objects,
        bucket: &'a str,
        project: &'a ProjectId,
        request: &'a RequestId,
    ) -> Self {
        Self { app, site, bucket, project, request, ahead: OnceLock::new() }
    }

    /// Reads small files of later phases while an earlier one is written, so that behind a barrier they need not be
    /// waited for; a little of them, and once. What cannot be read is read again when it is due.
    pub(crate) async fn read_ahead(&self, later: &[&Entry]) {
        if self.ahead.get().is_some() {
            return;
        }
        let mut room = AHEAD_BYTES;
        let mut reading = futures::stream::FuturesUnordered::new();
        for entry in later {
            let Some(left) = room.checked_sub(entry.size) else { break };
            room = left;
            reading.push(async move { Some((entry.sha256, self.read(entry).await.ok()?)) });
        }
        let mut read = HashMap::with_capacity(reading.len());
        while let Some(done) = reading.next().await {
            read.extend(done);
        }
        // Set by nobody else.
        let _ = self.ahead.set(read);
    }

    /// Moves files, which come sorted by size, until the list, the time or the first failure ends it. The first file, or
    /// a part of it, is moved whatever the time, so that every slice gets further.
    pub(crate) async fn run(&self, files: &[&Entry], deadline: Instant, tally: &Tally) -> Batch {
        let large = files.partition_point(|entry| entry.size < self.app.settings.publish.large_bytes);
        let (files, large) = files.split_at(large);
        let mut batch = self.run_at_once(files, deadline, tally).await;
        if batch.taken < files.len() {
            return batch;
        }
        for entry in large {
            if !batch.failures.is_empty() || batch.taken > 0 && Instant::now() >= deadline {
                break;
            }
            let Self { app, site, bucket, project, request, .. } = *self;
            match (Large { app, way: Direction::ToSite, site, bucket, project, request, entry })
                .run(deadline, tally)
                .await
            {
                Ok(CopyOutcome::Whole) => tally.count(entry.size),
                Ok(CopyOutcome::InPart) => break,
                Err(error) => batch.failures.push((entry.path.clone(), error)),
            }
            batch.taken += 1;
        }
        batch
    }

    /// Many files at once, in their order.
    async fn run_at_once(&self, files: &[&Entry], deadline: Instant, tally: &Tally) -> Batch {
        let mut batch = Batch::default();
        let mut in_flight = futures::stream::FuturesUnordered::new();
        let mut waiting = files.iter();
        loop {
            while in_flight.len() < self.app.settings.publish.concurrency
                && batch.failures.is_empty()
                && (batch.taken == 0 || Instant::now() < deadline)
                && let Some(entry) = waiting.next()
            {
                batch.taken += 1;
                in_flight.push(async move { (entry, self.copy(entry).await) });
            }
            let Some((entry, outcome)) = in_flight.next().await else { return batch };
            match outcome {
                Ok(()) => tally.count(entry.size),
                Err(error) => batch.failures.push((entry.path.clone(), error)),
            }
        }
    }

    async fn copy(&self, entry: &Entry) -> Result<(), AwsError> {
        let weight = if entry.size <= BUFFERED_BYTES { entry.size } else { STREAM_BUFFER_BYTES };
        let permits = u32::try_from(weight.div_ceil(KIB)).unwrap_or(u32::MAX);
        // The semaphore is never closed, so this cannot fail; going on without the permit would only cost memory.
        let _room = self.app.transfer_room.acquire_many(permits).await.ok();
        if entry.size <= BUFFERED_BYTES {
            return self.copy_buffered(entry).await;
        }
        let mut tries = 1;
        loop {
            match self.copy_streamed(entry).await {
                Err(error) if error.is_transient() && tries < STREAM_TRIES => {
                    tracing::warn!(%error, path = %entry.path, "a transfer broke off; trying again");
                    tokio::time::sleep(std::time::Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn copy_buffered(&self, entry: &Entry) -> Result<(), AwsError> {
        let bytes = match self.ahead.get().and_then(|ahead| ahead.get(&entry.sha256)) {
            Some(bytes) => bytes.clone(),
            None => self.read(entry).await?,
        };
        self.site.put(self.bucket, entry.path.as_str(), bytes, entry.sha256, &headers(entry)).await
    }

    async fn read(&self, entry: &Entry) -> Result<Bytes, AwsError> {
        let staging = self.app.documents.bucket();
        self.app.objects.read(staging, &blob_key(self.project, entry.sha256), BUFFERED_BYTES).await
    }

    async fn copy_streamed(&self, entry: &Entry) -> Result<(), AwsError> {
        let staging = self.app.documents.bucket();
        let source = self.app.objects.open(staging, &blob_key(self.project, entry.sha256)).await?;
        self.site.put_stream(self.bucket, entry.path.as_str(), source, entry.sha256, &headers(entry)).await
    }
}

pub(crate) fn headers(entry: &Entry) -> Headers {
    let cache_control = Some(entry.cache_control.clone()).filter(|value| !value.is_empty());
    Headers { content_type: Some(entry.content_type.clone()), cache_control }
}
