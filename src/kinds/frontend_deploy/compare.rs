//! What a slice finds to do: the files of an approved site that its bucket does not hold for sure.

use super::slice::{Position, Publication};
use crate::aws::error::{AwsError, Resource};
use crate::aws::objects::{Checksum, ObjectInfo};
use crate::domain::ids::ReleaseId;
use crate::domain::project::Project;
use crate::domain::site::manifest::{Entry, Manifest, Phase};
use crate::domain::site::paths::SitePath;
use crate::kinds::site::transfer::headers;
use futures::StreamExt as _;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Files asked for at once.
const QUESTIONS: usize = 64;

/// What is left to do.
pub(crate) struct Todo<'a> {
    /// The files still to write, in publish order.
    pub files: Vec<(Phase, &'a Entry)>,
    /// Whether some of them are files of the current release that the bucket does not hold as it should.
    pub repairs: bool,
    /// Releases that began and never went live, whose files this slice looked out for.
    pub unsettled: BTreeSet<ReleaseId>,
}

impl Publication<'_> {
    /// The files still to write: all but those that are in the bucket for sure, and those that earlier slices wrote.
    pub(crate) async fn todo(&self, project: &Project, reached: Option<&Position>) -> Result<Todo<'_>, AwsError> {
        let mut sizes: HashMap<&str, Option<u64>> =
            self.manifest.entries().iter().map(|entry| (entry.path.as_str(), None)).collect();
        // Of a bucket with a million foreign keys only those of the manifest are kept in mind.
        let listing = self.site.list_each(&self.plan.target.bucket, "", |object| {
            if let Some(size) = sizes.get_mut(object.key.as_str()) {
                *size = Some(object.size);
            }
            ControlFlow::Continue(())
        });
        let base = self.app.documents.site(&self.plan.project, project.current_release.as_ref());
        let (_, base, unsettled) = tokio::try_join!(listing, base, self.unsettled())?;
        let doubtful = self.doubtful(&base, &unsettled).await?;
        let known: HashMap<&SitePath, &Entry> = base.entries().iter().map(|entry| (&entry.path, entry)).collect();
        let may_be_there = |entry: &Entry| {
            sizes.get(entry.path.as_str()) == Some(&Some(entry.size)) && !doubtful.contains(&entry.path)
        };
        let is_there = |entry: &Entry| known.get(&entry.path) == Some(&entry) && may_be_there(entry);
        let is_written = |phase: Phase, entry: &Entry| {
            reached.is_some_and(|(at, size, path)| (*at, *size, path) >= (phase, entry.size, &entry.path))
        };
        let mut files: Vec<(Phase, &Entry)> = self
            .manifest
            .in_publish_order(&base)
            .into_iter()
            .filter(|(phase, entry)| !is_written(*phase, entry) && !is_there(entry))
            .collect();
        let repairs = files.iter().any(|(_, entry)| known.get(&entry.path) == Some(entry));
        let left = files.iter().filter(|(_, entry)| !known.contains_key(&entry.path) && may_be_there(entry));
        let found = self.found(left.map(|(_, entry)| *entry).collect()).await;
        files.retain(|(_, entry)| !found.contains(&entry.path));
        Ok(Todo { files, repairs, unsettled })
    }

    /// Those of the files that the bucket holds as they should be, though the current release has none of their names:
    /// releases before it left them there, or an attempt of this one's. A size proves nothing of them, so the storage is
    /// asked for each. Whatever it does not know, or does not say, is written.
    async fn found<'a>(&self, files: Vec<&'a Entry>) -> HashSet<&'a SitePath> {
        let denied = &AtomicBool::new(false);
        let asked = files.into_iter().map(|entry| async move {
            // A role that may not look at one file may not look at any.
            if denied.load(Ordering::Relaxed) {
                return None;
            }
            match self.is_in_place(entry).await {
                Ok(is_it) => is_it.then_some(&entry.path),
                Err(error) => {
                    if error.is_denied() {
                        denied.store(true, Ordering::Relaxed);
                    }
                    tracing::debug!(path = %entry.path, %error, "a file that may be there already is written");
                    None
                }
            }
        });
        // Made beforehand: what a closure makes inside the stream would have to live for any lifetime.
        let asked: Vec<_> = asked.collect();
        let found: Vec<Option<&SitePath>> = futures::stream::iter(asked).buffer_unordered(QUESTIONS).collect().await;
        found.into_iter().flatten().collect()
    }

    async fn is_in_place(&self, entry: &Entry) -> Result<bool, AwsError> {
        let found = self.site.head(&self.plan.target.bucket, entry.path.as_str()).await?;
        let looks_right = |found: &ObjectInfo| {
            found.size == entry.size && found.headers == headers(entry) && !found.has_unsupported_metadata
        };
        match found.filter(looks_right).and_then(|found| found.checksum) {
            Some(Checksum::Whole(sha256)) => Ok(sha256 == entry.sha256),
            Some(Checksum::OfParts(digest)) => {
                self.app.documents.knows_parts(&self.plan.project, entry.sha256, digest).await
            }
            None => Ok(false),
        }
    }

    async fn unsettled(&self) -> Result<BTreeSet<ReleaseId>, AwsError> {
        let mut unsettled = self.app.store.unsettled_releases(&self.plan.project).await.map_err(|error| {
            let bucket = Resource::Bucket(self.plan.target.bucket.clone());
            if error.is_transient() {
                AwsError::unavailable(bucket, error)
            } else {
                AwsError::refused(bucket, "Records", error)
            }
        })?;
        unsettled.remove(self.release_id);
        Ok(unsettled)
    }

    /// Files that a release which never went live may have overwritten, unnoticed if the size is the same.
    async fn doubtful(&self, base: &Manifest, unsettled: &BTreeSet<ReleaseId>) -> Result<HashSet<SitePath>, AwsError> {
        let mut doubtful = HashSet::new();
        for release in unsettled {
            match self.app.documents.release(&self.plan.project, release).await {
                Ok(release) => {
                    let changes = release.manifest.changes_since(base);
                    doubtful.extend(changes.added);
                    doubtful.extend(changes.changed);
                }
                // What it wrote is not known any more, so nothing is sure.
                Err(error) if error.is_not_found() => {
                    doubtful.extend(self.manifest.entries().iter().map(|entry| entry.path.clone()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(doubtful)
    }
}
