//! Moving approved bytes from the staging bucket to the site's bucket: many at once, in bounded memory.

use crate::aws::objects::{Headers, ObjectError, Objects};
use crate::flow::app::App;
use crate::flow::staging::blob_key;
use crate::model::ids::ProjectId;
use crate::model::manifest::Entry;
use crate::model::paths::SitePath;
use futures::StreamExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Files up to this size travel through memory, so that the SDK can repeat the put by itself.
const BUFFERED_BYTES: u64 = 1 << 20;
/// What a streamed file may hold in buffers.
const STREAM_BUFFER_BYTES: u64 = 1 << 20;
/// Tries for a streamed file, whose put nobody else can repeat.
const STREAM_TRIES: u32 = 4;
const KIB: u64 = 1024;

/// What has been moved so far; read by the progress writer while the work goes on.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Files.
    pub files: AtomicU64,
    /// Bytes.
    pub bytes: AtomicU64,
}

/// How a batch of files ended.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// How many files of the list, counted from its start, were taken on; all of them were waited for.
    pub taken: usize,
    /// Those that could not be written.
    pub failures: Vec<(SitePath, ObjectError)>,
}

/// Writes to one site's bucket.
pub(super) struct Transfer<'a> {
    app: &'a App,
    site: &'a Objects,
    bucket: &'a str,
    project: &'a ProjectId,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(app: &'a App, site: &'a Objects, bucket: &'a str, project: &'a ProjectId) -> Self {
        Self { app, site, bucket, project }
    }

    /// Moves files in their order until the list, the time or the first failure ends it. The first file is moved
    /// whatever the time, so that every slice gets further.
    pub(super) async fn run(&self, files: &[&Entry], deadline: Instant, tally: &Tally) -> Batch {
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
                Ok(()) => {
                    tally.files.fetch_add(1, Ordering::Relaxed);
                    tally.bytes.fetch_add(entry.size, Ordering::Relaxed);
                }
                Err(error) => batch.failures.push((entry.path.clone(), error)),
            }
        }
    }

    async fn copy(&self, entry: &Entry) -> Result<(), ObjectError> {
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

    async fn copy_buffered(&self, entry: &Entry) -> Result<(), ObjectError> {
        let staging = self.app.settings.staging_bucket();
        let key = blob_key(self.project, entry.sha256);
        let bytes = self.app.objects.read(&staging, &key, BUFFERED_BYTES).await?;
        self.site.put(self.bucket, entry.path.as_str(), bytes, entry.sha256, &headers(entry)).await
    }

    async fn copy_streamed(&self, entry: &Entry) -> Result<(), ObjectError> {
        let staging = self.app.settings.staging_bucket();
        let source = self.app.objects.open(&staging, &blob_key(self.project, entry.sha256)).await?;
        self.site.put_opened(self.bucket, entry.path.as_str(), source, entry.sha256, &headers(entry)).await
    }
}

fn headers(entry: &Entry) -> Headers {
    Headers { content_type: Some(entry.content_type.clone()), cache_control: Some(entry.cache_control.clone()) }
}
