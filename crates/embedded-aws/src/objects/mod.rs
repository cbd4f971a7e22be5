//! The S3 endpoint: an implementation of [`s3s::S3`], which speaks the protocol and verifies signatures.
//!
//! `s3s-fs`, the implementation that comes with `s3s`, is not used: it replaces an object before it has checked the
//! checksum, keeps the headers in a second file written after the body, and maps keys to file paths, so that `a` and `a/b`
//! cannot both exist. Here
//!
//! - a body is a file of its own under `data/`, never changed once written, named by nothing but a random id;
//! - an index (SQLite) says which body and which headers a key has now.
//!
//! A PUT writes its body to a new file, checks length and every declared digest, and only then points the key to it in one
//! transaction. So body and headers change together, a refused PUT changes nothing, and a reader sees the old object or the
//! new one. The file it replaced is removed afterwards; a reader that looked the key up before and comes too late looks
//! again. Whatever a crash leaves behind is removed in the background at the next start.

mod access;
mod bodies;
mod digests;
mod fault;
mod index;
mod listing;
mod multipart;
mod object;
mod pages;
mod read;
mod receive;
mod service;
mod uploads;
mod write;

use std::path::Path;
use std::sync::Arc;

use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::access::SignedHeadersOnly;
use self::bodies::Bodies;
use self::fault::{Fault, Outcome};
use self::index::Index;
use super::records::Records;
use super::{LocalError, StorageCredentials, create_private_dir};

/// The largest request that is read into memory as a whole: completing an upload of 10,000 parts stays below.
const MAX_XML: usize = 8 * 1024 * 1024;

/// How many threads work on files and index at once. More would wait for each other at the index.
const DISK_JOBS: usize = 16;

/// The buckets. Cheap to clone.
#[derive(Clone)]
pub(super) struct Objects {
    index: Arc<Index>,
    bodies: Arc<Bodies>,
    disk: Arc<Semaphore>,
}

impl Objects {
    /// Opens the folder, or creates it.
    ///
    /// # Errors
    /// A missing index is created only in an unused data folder: the sweep removes every body that the index does not name.
    pub(super) fn open(folder: &Path, records: &Records) -> Result<Self, LocalError> {
        create_private_dir(folder)?;
        let data = folder.join("data");
        create_private_dir(&data)?;
        let path = folder.join("index.db");
        let bodies = Bodies::new(data.clone());
        let broken =
            |path: &Path, fault: Fault| LocalError::Database { path: path.to_owned(), reason: fault.to_string() };
        if !Index::exists(&path).map_err(|fault| broken(&path, fault))? {
            if bodies.any().map_err(LocalError::file(&data))? {
                return Err(LocalError::IndexMissing { index: path, kept: data });
            }
            if records.are_used()? {
                return Err(LocalError::IndexMissing { index: path, kept: records.path().to_owned() });
            }
        }
        let index = Index::open(&path).map_err(|fault| broken(&path, fault))?;
        Ok(Self { index: Arc::new(index), bodies: Arc::new(bodies), disk: Arc::new(Semaphore::new(DISK_JOBS)) })
    }

    /// Runs work on files and index on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Index, &Arc<Bodies>) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let this = self.clone();
        let _turn = self.disk.acquire().await.map_err(|error| Fault::Panicked(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || work(&this.index, &this.bodies));
        done.await.unwrap_or_else(|error| Err(Fault::Panicked(error.to_string())))
    }

    /// Removes bodies that nothing refers to: a crash, or a failed removal, left them behind.
    async fn sweep(&self) {
        let swept = self.blocking(|index, bodies| {
            for orphan in index.expire_uploads()? {
                bodies.remove(&orphan);
            }
            Ok(bodies.sweep(&index.referenced_bodies()?)?)
        });
        match swept.await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "removed left-over object bodies"),
            Err(error) => tracing::warn!(%error, "left-over object bodies could not be removed"),
        }
    }
}

/// Answers S3 requests until `shutdown` is cancelled.
pub(super) async fn serve(
    listener: TcpListener,
    objects: Objects,
    credentials: &StorageCredentials,
    shutdown: CancellationToken,
) {
    let sweeping = tokio::spawn({
        let objects = objects.clone();
        async move { objects.sweep().await }
    });
    let mut config = S3Config::default();
    config.xml_max_body_size = MAX_XML;
    // Browser form uploads would be collected in memory, even before their signature is looked at: leave them no room.
    config.post_object_max_file_size = 0;
    config.form_max_field_size = 4 * 1024;
    config.form_max_fields_size = 16 * 1024;
    config.form_max_parts = 16;

    let mut builder = S3ServiceBuilder::new(objects);
    builder
        .set_auth(SimpleAuth::from_single(credentials.access_key_id.as_str(), credentials.secret_access_key.as_str()));
    builder.set_access(SignedHeadersOnly);
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    super::serve::serve(listener, builder.build(), shutdown).await;
    if let Err(error) = sweeping.await {
        tracing::error!(%error, "removing left-over object bodies failed");
    }
}
