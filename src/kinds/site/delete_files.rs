//! Removing files from a site's bucket: only those that are still what was written.

use super::report::{Report, reason};
use crate::aws::error::AwsError;
use crate::aws::objects::{Checksum, Objects};
use crate::domain::digest::PartsDigest;
use crate::domain::ids::ProjectId;
use crate::domain::project::FrontendTarget;
use crate::domain::request::Request;
use crate::domain::site::paths::SitePath;
use crate::domain::site::removal::Written;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::errors::role_denied;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

/// Files looked at and removed at once.
const CONCURRENCY: usize = 16;
/// Files between two notes of what was done.
const CHUNK: usize = 64;

/// How removing ended.
pub(crate) enum Stopped {
    /// Every file was dealt with.
    All,
    /// The time is over; the last file that was dealt with.
    Until(SitePath),
    /// The role may not do it.
    Denied,
}

/// What became of a file.
enum FileOutcome {
    Removed,
    /// It was not there.
    Gone,
    /// It is another file than was written.
    Foreign,
    /// What it is has to be read.
    Unknown,
    /// What it is could not be read in time.
    Unread,
    Refused(AwsError),
}

/// A file that may be removed, and what was written under its name.
type Candidate<'f> = (&'f SitePath, &'f [Written]);

/// One site's bucket, on behalf of one request.
pub(crate) struct Deletion<'a> {
    pub app: &'a App,
    pub request: &'a Request,
    pub project: &'a ProjectId,
    pub target: &'a FrontendTarget,
}

impl Deletion<'_> {
    /// Removes files in their order; the first ones whatever the time, so that every slice gets further. The report is
    /// kept up to date, so it may count too little after a crash, never too much.
    pub(crate) async fn run(
        &self,
        files: &[Candidate<'_>],
        report: &mut Report,
        deadline: Instant,
    ) -> Result<Stopped, TaskError> {
        let id = &self.request.request_id;
        let site = match self.app.sites.open(self.target, id).await {
            Ok(site) => site.objects,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                report.removed.stopped = Some(role_denied(&error));
                self.write(report).await?;
                return Ok(Stopped::Denied);
            }
        };
        let mut reached: Option<&SitePath> = None;
        for chunk in files.chunks(CHUNK) {
            let outcomes = self.remove_all(&site, chunk, reached.is_none(), deadline).await.inspect_err(|error| {
                if error.is_expired() {
                    self.app.sites.forget(self.target, id);
                }
            })?;
            let denied =
                outcomes.iter().any(|outcome| matches!(outcome, FileOutcome::Refused(error) if error.is_denied()));
            self.note(chunk, &outcomes, report);
            if denied {
                report.removed.stopped = Some(denial(self.target));
            }
            self.write(report).await?;
            if denied {
                return Ok(Stopped::Denied);
            }
            let open = outcomes.iter().position(|outcome| matches!(outcome, FileOutcome::Unknown));
            let dealt_with = &chunk[..open.unwrap_or(chunk.len())];
            reached = dealt_with.last().map(|(path, _)| *path).or(reached);
            if let (true, Some(last)) = (open.is_some() || Instant::now() >= deadline, reached)
                && files.last().is_some_and(|(path, _)| *path != last)
            {
                return Ok(Stopped::Until(last.clone()));
            }
        }
        Ok(Stopped::All)
    }

    /// What becomes of some files, in their order. Those that have to be read come last, one after another, and what there
    /// is no time for stays unknown: the next slice begins with it and has all its time. `first` says whether this slice
    /// does; then it is left alone, so that the slices get further.
    async fn remove_all(
        &self,
        site: &Objects,
        files: &[Candidate<'_>],
        first: bool,
        deadline: Instant,
    ) -> Result<Vec<FileOutcome>, AwsError> {
        let removing: Vec<_> = files.iter().map(|file| settled(self.remove(site, file))).collect();
        let mut outcomes: Vec<FileOutcome> =
            futures::stream::iter(removing).buffered(CONCURRENCY).try_collect().await?;
        for (index, file) in files.iter().enumerate() {
            if !matches!(outcomes[index], FileOutcome::Unknown) {
                continue;
            }
            match tokio::time::timeout_at(deadline, settled(self.read_and_remove(site, file))).await {
                Ok(outcome) => outcomes[index] = outcome?,
                Err(_) if first && index == 0 => outcomes[index] = FileOutcome::Unread,
                Err(_) => break,
            }
        }
        Ok(outcomes)
    }

    /// Counts what was removed, and names what stays.
    fn note(&self, chunk: &[Candidate<'_>], outcomes: &[FileOutcome], report: &mut Report) {
        let id = &self.request.request_id;
        let removed = outcomes.iter().filter(|outcome| matches!(outcome, FileOutcome::Removed)).count();
        report.removed.count += removed as u64;
        tracing::info!(request_id = %id, project = %self.project, phase = "prune", removed, "files were removed");
        for ((path, _), outcome) in chunk.iter().zip(outcomes) {
            match outcome {
                FileOutcome::Removed | FileOutcome::Gone | FileOutcome::Unknown => {}
                FileOutcome::Foreign => {
                    tracing::warn!(request_id = %id, %path, "a file is not what was published; it stays");
                    report.removed.keep(path, "it is not the file that was published, so it was left alone".into());
                }
                FileOutcome::Unread => {
                    tracing::warn!(request_id = %id, %path, "a file could not be read in time; it stays");
                    report.removed.keep(path, "it is too large to be compared with what was published".into());
                }
                FileOutcome::Refused(error) => {
                    tracing::warn!(request_id = %id, %path, %error, "a file could not be removed");
                    report.removed.keep(path, reason(error));
                }
            }
        }
    }

    /// Removes one file, if the storage says that it is one of those that were written.
    async fn remove(&self, site: &Objects, (path, written): &Candidate<'_>) -> Result<FileOutcome, AwsError> {
        let (bucket, key) = (&self.target.bucket, path.as_str());
        let Some(found) = site.head(bucket, key).await? else { return Ok(FileOutcome::Gone) };
        if !written.iter().any(|written| written.size == found.size) {
            return Ok(FileOutcome::Foreign);
        }
        let is_ours = match found.checksum {
            Some(Checksum::Whole(sha256)) => written.contains(&Written { size: found.size, sha256 }),
            Some(Checksum::OfParts(digest)) if self.knows(written, found.size, digest).await? => true,
            // Others wrote it in parts, or an earlier version did, or the storage knows no SHA-256.
            Some(Checksum::OfParts(_)) | None => return Ok(FileOutcome::Unknown),
        };
        self.remove_if(is_ours, site, key).await
    }

    /// The same after reading it.
    async fn read_and_remove(&self, site: &Objects, (path, written): &Candidate<'_>) -> Result<FileOutcome, AwsError> {
        let (bucket, key) = (&self.target.bucket, path.as_str());
        let (sha256, size) = match site.open(bucket, key).await {
            Ok(opened) => opened.digest().await?,
            Err(error) if error.is_not_found() => return Ok(FileOutcome::Gone),
            Err(error) => return Err(error),
        };
        self.remove_if(written.contains(&Written { size, sha256 }), site, key).await
    }

    async fn remove_if(&self, is_ours: bool, site: &Objects, key: &str) -> Result<FileOutcome, AwsError> {
        if !is_ours {
            return Ok(FileOutcome::Foreign);
        }
        site.delete(&self.target.bucket, key).await?;
        Ok(FileOutcome::Removed)
    }

    /// Whether one of the contents is known by the checksum of its parts.
    async fn knows(&self, written: &[Written], size: u64, digest: PartsDigest) -> Result<bool, AwsError> {
        for content in written.iter().filter(|content| content.size == size) {
            match self.app.documents.knows_parts(self.project, content.sha256, digest).await {
                Ok(true) => return Ok(true),
                Err(error) if error.is_transient() => return Err(error),
                // What cannot be looked up is read.
                Ok(false) | Err(_) => {}
            }
        }
        Ok(false)
    }

    async fn write(&self, report: &Report) -> Result<(), TaskError> {
        Ok(self.app.store.set_checkpoint(&self.request.request_id, report).await?)
    }
}

/// What no other try can mend is a outcome, too.
async fn settled(outcome: impl Future<Output = Result<FileOutcome, AwsError>>) -> Result<FileOutcome, AwsError> {
    match outcome.await {
        Err(error) if !error.is_transient() => Ok(FileOutcome::Refused(error)),
        outcome => outcome,
    }
}

fn denial(target: &FrontendTarget) -> String {
    let bucket = &target.bucket;
    match &target.deploy_role_arn {
        Some(role) => format!(
            "The role {role} may not read and remove files of the bucket '{bucket}'; update it from infra/deploy-role.yaml."
        ),
        None => format!("Files of the bucket '{bucket}' may not be read and removed with Bouncer's own credentials."),
    }
}
