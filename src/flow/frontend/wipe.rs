//! Removing files from a site's bucket: only those that are still what was written.

use super::report::{Report, reason};
use crate::aws::objects::{ObjectError, Objects};
use crate::aws::roles::RoleError;
use crate::flow::app::App;
use crate::flow::errors::UNAVAILABLE;
use crate::flow::ports::TaskError;
use crate::model::ids::ProjectId;
use crate::model::paths::SitePath;
use crate::model::project::FrontendTarget;
use crate::model::removal::Written;
use crate::model::request::Request;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

/// Files looked at and removed at once.
const CONCURRENCY: usize = 16;
/// Files between two notes of what was done.
const CHUNK: usize = 64;

/// How removing ended.
pub(super) enum End {
    /// Every file was dealt with.
    All,
    /// The time is over; the last file that was dealt with.
    Until(SitePath),
    /// The role may not do it.
    Denied,
}

/// What became of a file.
enum Fate {
    Removed,
    /// It was not there.
    Gone,
    /// It is another file than was written.
    Foreign,
    Refused(ObjectError),
}

/// One site's bucket, on behalf of one request.
pub(super) struct Wipe<'a> {
    pub app: &'a App,
    pub request: &'a Request,
    pub project: &'a ProjectId,
    pub target: &'a FrontendTarget,
}

impl Wipe<'_> {
    /// Removes files in their order; the first ones whatever the time, so that every slice gets further. The report is
    /// kept up to date, so it may count too little after a crash, never too much.
    pub(super) async fn run(
        &self,
        files: &[(&SitePath, &[Written])],
        report: &mut Report,
        deadline: Instant,
    ) -> Result<End, TaskError> {
        let id = &self.request.request_id;
        let site = match self.app.sites.open(self.target, id).await {
            Ok(site) => site.objects,
            Err(RoleError::Unavailable { role, .. }) => {
                return Err(TaskError { name: UNAVAILABLE, cause: format!("The role {role} cannot be assumed yet.") });
            }
            Err(RoleError::Denied { role, code }) => {
                report.removed.stopped = Some(format!("The role {role} could not be assumed ({code})."));
                self.write(report).await?;
                return Ok(End::Denied);
            }
        };
        for chunk in files.chunks(CHUNK) {
            let removing: Vec<_> = chunk.iter().map(|(path, written)| self.remove(&site, path, written)).collect();
            let fates: Result<Vec<(&SitePath, Fate)>, ObjectError> =
                futures::stream::iter(removing).buffered(CONCURRENCY).try_collect().await;
            let fates = fates.inspect_err(|error| {
                if matches!(error, ObjectError::Expired { .. }) {
                    self.app.sites.forget(self.target, id);
                }
            })?;
            let denied = fates.iter().any(|(_, fate)| matches!(fate, Fate::Refused(ObjectError::AccessDenied { .. })));
            let removed = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Removed)).count();
            report.removed.count += removed as u64;
            tracing::info!(request_id = %id, project = %self.project, phase = "prune", removed, "files were removed");
            for (path, fate) in fates {
                match fate {
                    Fate::Removed | Fate::Gone => {}
                    Fate::Foreign => {
                        tracing::warn!(request_id = %id, %path, "a file is not what was published; it stays");
                        report.removed.keep(path, "it is not the file that was published, so it was left alone".into());
                    }
                    Fate::Refused(error) => {
                        tracing::warn!(request_id = %id, %path, %error, "a file could not be removed");
                        report.removed.keep(path, reason(&error));
                    }
                }
            }
            if denied {
                report.removed.stopped = Some(denial(self.target));
            }
            self.write(report).await?;
            if denied {
                return Ok(End::Denied);
            }
            if let (Some((last, _)), true) = (chunk.last(), Instant::now() >= deadline)
                && files.last().is_some_and(|(path, _)| path != last)
            {
                return Ok(End::Until((*last).clone()));
            }
        }
        Ok(End::All)
    }

    /// Removes one file, if it is one of those that were written. Errors that another try may mend are returned.
    async fn remove<'p>(
        &self,
        site: &Objects,
        path: &'p SitePath,
        written: &[Written],
    ) -> Result<(&'p SitePath, Fate), ObjectError> {
        match self.try_remove(site, path.as_str(), written).await {
            Err(error) if error.is_transient() => Err(error),
            Err(error) => Ok((path, Fate::Refused(error))),
            Ok(fate) => Ok((path, fate)),
        }
    }

    async fn try_remove(&self, site: &Objects, key: &str, written: &[Written]) -> Result<Fate, ObjectError> {
        let bucket = &self.target.bucket;
        let Some(found) = site.identify(bucket, key).await? else { return Ok(Fate::Gone) };
        if !written.iter().any(|written| written.size == found.size) {
            return Ok(Fate::Foreign);
        }
        let sha256 = match found.sha256 {
            Some(sha256) => sha256,
            // The storage does not know it of what came in parts or from elsewhere.
            None => match site.open(bucket, key).await {
                Ok(opened) => opened.digest(bucket).await?.0,
                Err(ObjectError::NotFound { .. }) => return Ok(Fate::Gone),
                Err(error) => return Err(error),
            },
        };
        if !written.contains(&Written { size: found.size, sha256 }) {
            return Ok(Fate::Foreign);
        }
        site.delete(bucket, key).await?;
        Ok(Fate::Removed)
    }

    async fn write(&self, report: &Report) -> Result<(), TaskError> {
        Ok(self.app.store.set_result(&self.request.request_id, &serde_json::to_value(report)?).await?)
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
