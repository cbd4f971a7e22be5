//! The task `frontend.adopt`: a bucket that was filled without Bouncer becomes a project's first release. Every file is read
//! once more than visitors do, its bytes are kept under their hash, and a release is noted that says what is there.
//! Nothing in the bucket is written or removed.
//!
//! Called again with the cursor it returned until it says `done`, and safe to repeat from any point. What was read stands
//! beside the blobs, so another slice goes on with the rest. After all is read the bucket is listed again: what looks
//! otherwise by then is read anew, until one listing shows nothing but what was read.

use super::outcome::{AdoptionResult, forget, has_adopted};
use super::reader::Reader;
use crate::aws::error::AwsError;
use crate::aws::objects::Objects;
use crate::domain::ids::{ReleaseId, RequestId};
use crate::domain::project::Project;
use crate::domain::request::Request;
use crate::domain::site::adoption::{Bounds, Found, LeftOuts, Read, Reading, Seen};
use crate::domain::site::manifest::{Entry, Manifest};
use crate::domain::site::paths::SitePath;
use crate::domain::site::release::LiveRelease;
use crate::domain::time::Time;
use crate::kinds::site::plan::MaintenancePlan;
use crate::kinds::site::progress::Step;
use crate::kinds::site::prune::Slice;
use crate::kinds::site::report::reason;
use crate::kinds::site::transfer::Tally;
use crate::kinds::site::work::{TICK, hold, keep_lease, note_progress, take_up};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::find::load;
use crate::requests::work::approved_plan;
use crate::storage::StoreError;
use crate::storage::documents::{Document, Release, adopting_of};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use tokio::time::Instant;

/// How often what has changed meanwhile is read anew before the bucket is given up as too restless.
const MOST_PASSES: u32 = 6;
/// So many files at most are read again after a death.
const FILES_UNSAVED: usize = 256;
/// And so many bytes, but for a single file.
const BYTES_UNSAVED: u64 = 64 << 20;
/// Parts of what was read that are read at once.
const READS: usize = 8;
/// How the parts of what was read are called.
const PART: &str = "files-";

/// Where the next slice goes on. The rest stands beside the blobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// How often all that had to be read was read.
    passes: u32,
}

/// A part of what was read.
impl Document for Vec<Read> {
    type Owner = RequestId;
    type Name = String;

    fn folder(request: &RequestId) -> String {
        adopting_of(request)
    }
}

/// What was read so far.
#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<SitePath, Read>,
    /// How many parts of it are stored.
    parts: usize,
    unsaved: Vec<Read>,
}

/// Deletes what an adoption has stored of its progress.
pub(super) async fn forget_progress(app: &App, id: &RequestId) -> Result<(), AwsError> {
    app.documents.delete_all::<Vec<Read>>(id).await
}

/// Reads for one slice.
pub(super) async fn adopt(
    app: &App,
    id: &RequestId,
    cursor: Value,
    deadline: Instant,
) -> Result<Slice<Cursor>, TaskError> {
    let cursor = serde_json::from_value::<Option<Cursor>>(cursor)?.unwrap_or_default();
    let request = load(app, id).await?;
    let plan: MaintenancePlan = approved_plan(&request)?;
    let Some(request) = take_up(app, request, Step::Adopting).await? else { return Ok(Slice::done()) };
    hold(app, &request, &plan.project).await?;
    let project = app.store.project(&plan.project).await?;
    let project = project.ok_or_else(|| TaskError::refused("The project was removed after this was asked for."))?;
    if has_adopted(&project, &request) {
        forget(app, &request).await;
        return Ok(Slice::done());
    }
    still_as_planned(&project, &plan)?;
    let site = open_bucket(app, &plan, id).await?;
    let adoption = Adoption { app, request: &request, plan: &plan, site, deadline };
    tokio::select! {
        outcome = adoption.run(cursor) => outcome,
        lost = keep_lease(app, &request, &plan.project) => Err(lost),
    }
}

fn still_as_planned(project: &Project, plan: &MaintenancePlan) -> Result<(), TaskError> {
    if !project.enabled {
        return Err(TaskError::refused("The project was disabled after this was asked for."));
    }
    if project.frontend.as_ref() != Some(&plan.target) {
        return Err(TaskError::refused(
            "The project's bucket, distribution, region or role changed after this was asked for.",
        ));
    }
    match &project.current_release {
        Some(current) => Err(TaskError::refused(format!(
            "The project has a release by now, {current}, so there is nothing to adopt."
        ))),
        None => Ok(()),
    }
}

async fn open_bucket(app: &App, plan: &MaintenancePlan, id: &RequestId) -> Result<Objects, TaskError> {
    Ok(app.sites.open(&plan.target, id).await?.objects)
}

/// One slice's surroundings.
struct Adoption<'a> {
    app: &'a App,
    request: &'a Request,
    plan: &'a MaintenancePlan,
    site: Objects,
    deadline: Instant,
}

impl Adoption<'_> {
    async fn run(&self, cursor: Cursor) -> Result<Slice<Cursor>, TaskError> {
        let mut known = self.read_before().await?;
        let mut passes = cursor.passes;
        loop {
            let found = self.list_bucket().await?;
            if self.plan.dry_run {
                return self.only_tell(found).await;
            }
            let todo = missing(&found, &known);
            let Some((first, _)) = todo.first() else { return self.settle(found, known).await };
            if passes >= MOST_PASSES {
                return Err(TaskError::refused(format!(
                    "The bucket is written to while it is read, such as '{first}'. Stop what writes to it, then adopt it."
                )));
            }
            if self.read_missing(&found, &todo, &mut known).await?.is_break() {
                return Ok(Slice::again(Cursor { passes }));
            }
            passes += 1;
        }
    }

    /// What the slices before have read.
    async fn read_before(&self) -> Result<Known, TaskError> {
        let id = &self.request.request_id;
        let names = self.app.documents.list::<Vec<Read>>(id).await?.into_iter().filter(|name| name.starts_with(PART));
        let parts = futures::stream::iter(names).map(|name| async move { self.app.documents.find(id, &name).await });
        let mut parts = parts.buffered(READS);
        let mut known = Known::default();
        // In their order: what was read again stands in a later one.
        while let Some(part) = parts.next().await {
            let part: Option<Vec<Read>> = part?;
            known.parts += 1;
            known.files.extend(part.into_iter().flatten().map(|read| (read.path.clone(), read)));
        }
        Ok(known)
    }

    /// What the bucket holds now, if a release can be made of it.
    async fn list_bucket(&self) -> Result<Found, TaskError> {
        let limits = &self.app.settings.limits;
        let mut found = Found::nothing(Bounds { files: limits.presigned_files, bytes: limits.presigned_total_bytes });
        let listing = self.site.list_each(&self.plan.target.bucket, "", |object| {
            found.take(
                &object.key,
                Seen { size: object.size, mark: object.etag, modified: Some(object.modified.to_string()) },
            );
            if found.is_too_much() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        listing.await.map_err(|error| self.unreadable(None, error))?;
        found.check().map_err(|unadoptable| TaskError::refused(format!("{unadoptable}.")))?;
        Ok(found)
    }

    /// What is adopted without being read is only told.
    async fn only_tell(&self, found: Found) -> Result<Slice<Cursor>, TaskError> {
        let (files, bytes) = (found.files.len(), found.bytes());
        self.write_adoption(&AdoptionResult { dry_run: true, ..AdoptionResult::new(files, bytes, found.left) }).await?;
        Ok(Slice::done())
    }

    /// Reads what is missing, the small files first, until all is read (`Continue`) or the time is over (`Break`).
    async fn read_missing(
        &self,
        found: &Found,
        todo: &[(SitePath, Seen)],
        known: &mut Known,
    ) -> Result<ControlFlow<()>, TaskError> {
        let left: u64 = todo.iter().map(|(_, seen)| seen.size).sum();
        let total = (found.files.len() as u64, found.bytes());
        let tally = Tally::new(total.0.saturating_sub(todo.len() as u64), total.1.saturating_sub(left));
        let reader = Reader {
            app: self.app,
            site: &self.site,
            bucket: &self.plan.target.bucket,
            project: &self.plan.project,
            request: &self.request.request_id,
            stored: self.app.documents.blobs(&self.plan.project).await?,
        };
        let outcome = tokio::select! {
            outcome = self.read_files(&reader, todo, known, &tally) => outcome,
            error = self.report_progress(&tally, total) => return Err(error),
        };
        self.save_read(known).await?;
        outcome.map_err(|(path, error)| self.unreadable(Some(&path), error))
    }

    async fn read_files(
        &self,
        reader: &Reader<'_>,
        todo: &[(SitePath, Seen)],
        known: &mut Known,
        tally: &Tally,
    ) -> Result<ControlFlow<()>, (SitePath, AwsError)> {
        let settings = &self.app.settings.publish;
        let (files, large) = todo.split_at(todo.partition_point(|(_, seen)| seen.size < settings.large_bytes));
        let (mut taken, mut failure) = (0, None);
        let mut waiting = files.iter();
        let mut in_flight = futures::stream::FuturesUnordered::new();
        loop {
            while in_flight.len() < settings.concurrency
                && failure.is_none()
                && (taken == 0 || Instant::now() < self.deadline)
                && let Some((path, seen)) = waiting.next()
            {
                taken += 1;
                in_flight.push(async move { (path, seen, reader.read_object(path, seen).await) });
            }
            let Some((path, seen, outcome)) = in_flight.next().await else { break };
            if let Err(error) = self.take_in(known, tally, (path, seen), outcome).await {
                failure.get_or_insert((path.clone(), error));
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if taken < files.len() {
            return Ok(ControlFlow::Break(()));
        }
        for (path, seen) in large {
            if taken > 0 && Instant::now() >= self.deadline {
                return Ok(ControlFlow::Break(()));
            }
            taken += 1;
            let outcome = match reader.read_large(path, seen, self.deadline, tally).await {
                Ok(None) => return Ok(ControlFlow::Break(())),
                Ok(Some(reading)) => Ok(reading),
                Err(error) => Err(error),
            };
            self.take_in(known, tally, (path, seen), outcome).await.map_err(|error| (path.clone(), error))?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Keeps in mind what was read. A file that changed meanwhile is none: the next listing tells what became of it.
    async fn take_in(
        &self,
        known: &mut Known,
        tally: &Tally,
        (path, seen): (&SitePath, &Seen),
        outcome: Result<Reading, AwsError>,
    ) -> Result<(), AwsError> {
        let reading = match outcome {
            Ok(reading) => reading,
            Err(error) if self.has_changed(&error) => {
                tracing::warn!(request_id = %self.request.request_id, %path, %error, "a file changed while it was read");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        tally.count(seen.size);
        let read = Read { path: path.clone(), seen: seen.clone(), reading };
        known.files.insert(path.clone(), read.clone());
        known.unsaved.push(read);
        let bytes: u64 = known.unsaved.iter().map(|read| read.seen.size).sum();
        if known.unsaved.len() < FILES_UNSAVED && bytes < BYTES_UNSAVED {
            return Ok(());
        }
        self.save_read(known).await
    }

    async fn save_read(&self, known: &mut Known) -> Result<(), AwsError> {
        if known.unsaved.is_empty() {
            return Ok(());
        }
        let name = format!("{PART}{:06}", known.parts);
        self.app.documents.put(&self.request.request_id, &name, &known.unsaved).await?;
        known.parts += 1;
        known.unsaved.clear();
        Ok(())
    }

    fn has_changed(&self, error: &AwsError) -> bool {
        let is_of_site = error.bucket() == Some(&self.plan.target.bucket);
        error.is_wrong_bytes() || is_of_site && (error.is_not_found() || error.code() == "InvalidRange")
    }

    /// All is read, and the bucket still looks so: the release is written, and the pointer moves from nothing to it.
    async fn settle(&self, found: Found, known: Known) -> Result<Slice<Cursor>, TaskError> {
        let (entries, left) = release_of(found, known)?;
        let manifest = Manifest::new(entries).map_err(|twice| TaskError::refused(format!("The file {twice}.")))?;
        let (store, project) = (&self.app.store, &self.plan.project);
        let hash = self.app.documents.put_manifest(project, &manifest).await?;
        let release_id = ReleaseId::derive(&hash, &self.request.request_id);
        let release = Release {
            version: 1,
            release_id: release_id.clone(),
            project: project.clone(),
            request_id: self.request.request_id.clone(),
            created_at: self.request.started_at.unwrap_or(self.request.created_at),
            bucket: Some(self.plan.target.bucket.clone()),
            manifest,
        };
        self.app.documents.put_release(&release).await?;
        let (files, bytes) = (release.manifest.entries().len(), release.manifest.total_size());
        let result = AdoptionResult::new(files, bytes, left);
        self.write_adoption(&AdoptionResult { release_id: Some(release_id.clone()), ..result }).await?;
        let live = LiveRelease {
            release_id: release_id.clone(),
            request_id: self.request.request_id.clone(),
            live_at: Time::now(),
            manifest: hash,
            files,
            bytes,
            restores: None,
            adopted: true,
        };
        // What a deploy that never went live may have left is looked after by the next one.
        match store.settle_release(project, &self.plan.target.bucket, None, &live, &BTreeSet::new()).await {
            Ok(()) => {}
            // A repeated slice finds its own pointer.
            Err(StoreError::Conflict) => match store.project(project).await? {
                Some(now) if now.current_release.as_ref() == Some(&release_id) => {}
                _ => {
                    return Err(TaskError::refused(
                        "A release went live, or the bucket was changed, at the same time.",
                    ));
                }
            },
            Err(error) => return Err(error.into()),
        }
        tracing::info!(
            request_id = %self.request.request_id, %project, phase = "adopt", release = %release_id, files,
            "what the bucket holds is the first release"
        );
        forget(self.app, self.request).await;
        Ok(Slice::done())
    }

    async fn write_adoption(&self, result: &AdoptionResult) -> Result<(), TaskError> {
        Ok(self.app.store.set_checkpoint(&self.request.request_id, result).await?)
    }

    /// Writes progress once a second; ends only with an error that forbids going on.
    async fn report_progress(&self, tally: &Tally, total: (u64, u64)) -> TaskError {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let progress = tally.progress(Step::Adopting, total);
            if let Err(error) = note_progress(self.app, self.request, &progress).await {
                return error;
            }
        }
    }

    /// What a failure to look at the bucket or to read a file means.
    fn unreadable(&self, path: Option<&SitePath>, error: AwsError) -> TaskError {
        if error.is_expired() {
            self.app.sites.forget(&self.plan.target, &self.request.request_id);
        }
        tracing::warn!(request_id = %self.request.request_id, %error, "the bucket cannot be adopted");
        if error.is_transient() {
            return error.into();
        }
        let (bucket, role) = (&self.plan.target.bucket, &self.plan.target.deploy_role_arn);
        match (role, path) {
            (Some(role), _) if error.is_denied() && error.bucket() == Some(bucket) => TaskError::refused(format!(
                "The role {role} may not list and read the bucket '{bucket}'; update it from infra/deploy-role.yaml."
            )),
            (_, Some(path)) => TaskError::refused(format!("The file '{path}' could not be read: {}.", reason(&error))),
            (_, None) => TaskError::refused(format!("The bucket could not be listed: {}.", reason(&error))),
        }
    }
}

/// The files that were not read, or look otherwise by now; the small ones first.
fn missing(found: &Found, known: &Known) -> Vec<(SitePath, Seen)> {
    let is_known = |path: &SitePath, seen: &Seen| known.files.get(path).is_some_and(|read| read.seen == *seen);
    let todo = found.files.iter().filter(|(path, seen)| !is_known(path, seen));
    let mut todo: Vec<(SitePath, Seen)> = todo.map(|(path, seen)| (path.clone(), seen.clone())).collect();
    todo.sort_by(|(a, seen_a), (b, seen_b)| (seen_a.size, a).cmp(&(seen_b.size, b)));
    todo
}

/// The files of the release, and what is left out.
fn release_of(found: Found, mut known: Known) -> Result<(Vec<Entry>, LeftOuts), TaskError> {
    let (mut entries, mut left) = (Vec::with_capacity(found.files.len()), found.left);
    for path in found.files.keys() {
        match known.files.remove(path).map(|read| read.reading) {
            Some(Reading::File(entry)) => entries.push(entry),
            Some(Reading::Left(reason)) if path.is_index() => {
                return Err(TaskError::refused(format!(
                    "The file index.html {}, so it cannot be part of a release.",
                    reason.reason
                )));
            }
            Some(Reading::Left(reason)) => left.push(reason),
            None => {}
        }
    }
    Ok((entries, left))
}
