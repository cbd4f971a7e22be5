//! The task `frontend.publish`: one slice of putting an approved site into its bucket. Called again with the cursor
//! it returned until it says `deployed`, and safe to repeat from any point.

use super::report::{DeployOutcome, Report, reason};
use super::transfer::{Tally, Transfer};
use crate::aws::objects::{Listed, ObjectError};
use crate::flow::app::App;
use crate::flow::errors::UNAVAILABLE;
use crate::flow::ports::TaskError;
use crate::flow::staging::Release;
use crate::model::history::{Deploy, DeployKind, DeployStatus};
use crate::model::ids::{ReleaseId, RequestId};
use crate::model::manifest::{Entry, Manifest, Phase};
use crate::model::paths::SitePath;
use crate::model::plan::FrontendPlan;
use crate::model::progress::{Progress, Step};
use crate::model::project::Project;
use crate::model::request::{Event, Request, Status, Verdict};
use crate::model::time::Time;
use crate::store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How often progress is written and the lease renewed.
const TICK: Duration = Duration::from_secs(1);

/// The error that no repetition can mend; its cause is a sentence for users.
pub(super) const REFUSED: &str = "Bouncer.Refused";
/// The error of a project that another deploy holds; its cause is a sentence for users.
pub(super) const BUSY: &str = "Bouncer.ProjectBusy";

/// Where the next slice goes on. Small, because it travels through the state machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The last file written, in publish order; all before it are written.
    after: Option<(Phase, SitePath)>,
    /// Files written by earlier slices.
    files: u64,
    /// Their bytes.
    bytes: u64,
}

/// What the state machine goes by.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Slice {
    outcome: &'static str,
    cursor: Option<Cursor>,
}

const DEPLOYED: Slice = Slice { outcome: "deployed", cursor: None };
const FAILED: Slice = Slice { outcome: "failed", cursor: None };

/// Runs one slice.
pub async fn publish(app: &App, request_id: &RequestId, cursor: Value) -> Result<Slice, TaskError> {
    let cursor: Cursor = serde_json::from_value::<Option<Cursor>>(cursor)?.unwrap_or_default();
    let request = load(app, request_id).await?;
    let request = match request.status {
        Status::Approved => begin(app, &request).await?,
        Status::Running => request,
        Status::Completed => return Ok(DEPLOYED),
        _ => return Ok(FAILED),
    };
    let plan = approved_plan(&request)?;
    let project = app.store.project(&plan.project).await?.ok_or_else(|| moved_on("the project was removed"))?;
    let release_id = ReleaseId::derive(&plan.manifest, &request.request_id);
    if project.current_release.as_ref() == Some(&release_id) {
        return Ok(DEPLOYED);
    }
    hold(app, &request, &plan).await?;
    let fresh = app.store.project(&plan.project).await?.ok_or_else(|| moved_on("the project was removed"))?;
    still_as_approved(&fresh, &plan)?;
    let manifest = app.read_manifest(&plan.project, plan.manifest).await?;
    announce(app, &request, &release_id, &plan, &manifest).await?;

    let slice = Work { app, request: &request, plan: &plan, release_id: &release_id, manifest: &manifest };
    tokio::select! {
        outcome = slice.run(&fresh, cursor) => outcome,
        lost = slice.keep_lease() => Err(lost),
    }
}

pub(super) async fn load(app: &App, id: &RequestId) -> Result<Request, TaskError> {
    app.store
        .request(id)
        .await?
        .ok_or_else(|| TaskError { name: "Bouncer.NoRequest", cause: format!("the request {id} does not exist") })
}

/// Marks the start of the work, once.
async fn begin(app: &App, request: &Request) -> Result<Request, TaskError> {
    let now = Time::now();
    let running = app
        .store
        .transition(request, Event::Start, |row| {
            row.started_at = Some(now);
            row.progress = Some(Progress::starting());
        })
        .await?;
    if let Some(deploy) = history_row(&running, DeployStatus::Running) {
        app.store.begin_deploy(&deploy).await?;
    }
    tracing::info!(request_id = %request.request_id, project = ?request.project.as_ref().map(ToString::to_string), phase = "publish", "the approved deploy begins");
    Ok(running)
}

/// The row that the project's history keeps of a request.
pub(super) fn history_row(request: &Request, status: DeployStatus) -> Option<Deploy> {
    Some(Deploy {
        schema: Deploy::SCHEMA,
        deploy_id: request.deploy_id.clone()?,
        project_id: request.project.clone()?,
        kind: DeployKind::Frontend,
        request_id: request.request_id.clone(),
        status,
        started_at: request.started_at.unwrap_or(request.created_at),
        finished_at: None,
        triggered_by: request.source.clone().unwrap_or_else(|| request.caller_name.clone()),
        reason: request.reason.clone(),
        release_id: None,
        changes: request.changes,
        error_summary: None,
    })
}

/// The plan, if it is the one that was approved.
fn approved_plan(request: &Request) -> Result<FrontendPlan, TaskError> {
    let approved = request.decision.as_ref().is_some_and(|decision| decision.verdict == Verdict::Approve);
    let plan = request.plan.clone().filter(|_| approved).ok_or_else(|| moved_on("there is no approved plan"))?;
    if Some(plan.hash()?) != request.plan_hash {
        return Err(moved_on("the stored plan is not the one that was approved"));
    }
    Ok(plan)
}

async fn hold(app: &App, request: &Request, plan: &FrontendPlan) -> Result<(), TaskError> {
    match app.store.hold(&plan.project, &request.request_id, app.settings.publish.lease_seconds).await {
        Err(StoreError::Conflict) => Err(TaskError {
            name: BUSY,
            cause: format!("Nothing was written: another deploy of {} is running.", plan.project),
        }),
        other => Ok(other?),
    }
}

fn still_as_approved(project: &Project, plan: &FrontendPlan) -> Result<(), TaskError> {
    if !project.enabled {
        return Err(moved_on("the project was disabled after the approval"));
    }
    if project.frontend.as_ref() != Some(&plan.target) {
        return Err(moved_on(
            "the project's bucket, distribution, region or role changed after the approval was asked",
        ));
    }
    if project.current_release != plan.base_release {
        return Err(moved_on(
            "another release went live after this was asked, so the approved changes are no longer what would happen",
        ));
    }
    Ok(())
}

/// A refusal that no repetition can mend.
fn moved_on(reason: &str) -> TaskError {
    TaskError { name: REFUSED, cause: format!("Nothing was written: {reason}. Ask for the deploy anew.") }
}

/// Stores the release and notes that the bucket is about to hold files of it.
async fn announce(
    app: &App,
    request: &Request,
    release_id: &ReleaseId,
    plan: &FrontendPlan,
    manifest: &Manifest,
) -> Result<(), TaskError> {
    let release = Release {
        version: 1,
        release_id: release_id.clone(),
        project: plan.project.clone(),
        request_id: request.request_id.clone(),
        created_at: request.started_at.unwrap_or(request.created_at),
        manifest: manifest.clone(),
    };
    app.write_release(&release).await?;
    Ok(app.store.begin_release(&plan.project, release_id).await?)
}

/// One slice's surroundings.
struct Work<'a> {
    app: &'a App,
    request: &'a Request,
    plan: &'a FrontendPlan,
    release_id: &'a ReleaseId,
    manifest: &'a Manifest,
}

impl Work<'_> {
    async fn run(&self, project: &Project, cursor: Cursor) -> Result<Slice, TaskError> {
        let deadline = Instant::now() + self.app.settings.publish.slice;
        let todo = match self.todo(project).await {
            Ok(todo) => todo,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => return self.give_up(Report::nothing_written(reason(&error))).await,
        };
        let unchanged = (self.manifest.entries().len() - todo.len()) as u64;
        let tally = Tally { files: cursor.files.into(), bytes: cursor.bytes.into() };
        let total = (todo.len() as u64, todo.iter().map(|entry| entry.size).sum::<u64>());
        let target = &self.plan.target;
        let transfer = Transfer::new(self.app, self.app.objects.clone(), &target.bucket, &self.plan.project);
        let mut page_written = self.page_was_written(&cursor);

        for phase in Phase::ALL {
            let files: Vec<&Entry> = todo
                .iter()
                .copied()
                .filter(|entry| Phase::of(&entry.path) == phase)
                .filter(|entry| cursor.after.as_ref().is_none_or(|after| after < &(phase, entry.path.clone())))
                .collect();
            if files.is_empty() {
                continue;
            }
            let batch = tokio::select! {
                batch = transfer.run(&files, deadline, &tally) => batch,
                error = self.report_progress(phase, &tally, total) => return Err(error),
            };
            page_written |= phase > Phase::Assets && batch.taken > batch.failures.len();
            let written = tally.files.load(Ordering::Relaxed);
            if !batch.failures.is_empty() {
                // The barrier: what comes later is not begun.
                return self.stop(&batch.failures, page_written, written, unchanged).await;
            }
            if batch.taken < files.len() {
                let last = batch.taken.checked_sub(1).and_then(|index| files.get(index));
                let after = last.map(|entry| (phase, entry.path.clone())).or(cursor.after);
                let bytes = tally.bytes.load(Ordering::Relaxed);
                return Ok(Slice { outcome: "again", cursor: Some(Cursor { after, files: written, bytes }) });
            }
        }
        self.settle(tally.files.load(Ordering::Relaxed), unchanged).await
    }

    /// Whether an earlier slice, or an attempt that was cut off, had come to the pages.
    fn page_was_written(&self, cursor: &Cursor) -> bool {
        let in_earlier_slice = cursor.after.as_ref().is_some_and(|(phase, _)| *phase > Phase::Assets);
        let progress = self.request.progress.as_ref();
        in_earlier_slice || progress.is_some_and(|progress| progress.step == Step::PublishingPages)
    }

    /// The files to write, in publish order: all but those that are in the bucket for sure.
    async fn todo(&self, project: &Project) -> Result<Vec<&Entry>, ObjectError> {
        let base = self.app.site_of(&self.plan.project, project.current_release.as_ref()).await?;
        let listing = self.app.objects.list(&self.plan.target.bucket, "").await?;
        let in_bucket: HashMap<String, u64> = listing.into_iter().map(|Listed { key, size }| (key, size)).collect();
        let doubtful = self.doubtful(&base).await?;
        let base: HashMap<&SitePath, &Entry> = base.entries().iter().map(|entry| (&entry.path, entry)).collect();
        let is_there = |entry: &&Entry| {
            base.get(&entry.path) == Some(entry)
                && in_bucket.get(entry.path.as_str()) == Some(&entry.size)
                && !doubtful.contains(&entry.path)
        };
        Ok(self.manifest.in_publish_order().into_iter().filter(|entry| !is_there(entry)).collect())
    }

    /// Files that a release which never went live may have overwritten, unnoticed if the size is the same.
    async fn doubtful(&self, base: &Manifest) -> Result<HashSet<SitePath>, ObjectError> {
        let unsettled = self.app.store.unsettled_releases(&self.plan.project).await.map_err(|error| {
            ObjectError::Unavailable { bucket: self.plan.target.bucket.clone(), reason: error.to_string() }
        })?;
        let mut doubtful = HashSet::new();
        for release in unsettled.iter().filter(|release| *release != self.release_id) {
            let changes = self.app.read_release(&self.plan.project, release).await?.manifest.changes_since(base);
            doubtful.extend(changes.added);
            doubtful.extend(changes.changed);
        }
        Ok(doubtful)
    }

    /// All files are in the bucket: the report is written, and the pointer moves.
    async fn settle(&self, written: u64, unchanged: u64) -> Result<Slice, TaskError> {
        self.write_report(&Report {
            deploy_status: DeployOutcome::Deployed,
            deployed_count: written,
            unchanged_count: unchanged,
            failed_count: 0,
            failed_files: vec![],
            error: None,
        })
        .await?;
        let project = &self.plan.project;
        match self.app.store.settle_release(project, self.plan.base_release.as_ref(), self.release_id).await {
            Ok(()) => Ok(DEPLOYED),
            // A repeated slice finds its own pointer; anybody else's means that the lease was lost.
            Err(StoreError::Conflict) => match self.app.store.project(project).await? {
                Some(now) if now.current_release.as_ref() == Some(self.release_id) => Ok(DEPLOYED),
                _ => Err(moved_on("another release went live at the same time")),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Files could not be written. If all of them may succeed on another try, the engine is told so.
    async fn stop(
        &self,
        failures: &[(SitePath, ObjectError)],
        page_written: bool,
        written: u64,
        unchanged: u64,
    ) -> Result<Slice, TaskError> {
        for (path, error) in failures {
            tracing::warn!(request_id = %self.request.request_id, %path, %error, "a file could not be published");
        }
        let report = Report {
            deploy_status: if page_written { DeployOutcome::PartialDeploy } else { DeployOutcome::DeployFailed },
            deployed_count: written,
            unchanged_count: unchanged,
            failed_count: 0,
            failed_files: vec![],
            error: None,
        }
        .with_failures(failures);
        if failures.iter().all(|(_, error)| error.is_transient()) {
            self.write_report(&report).await?;
            return Err(TaskError { name: UNAVAILABLE, cause: report.error.unwrap_or_default() });
        }
        self.give_up(report).await
    }

    async fn give_up(&self, report: Report) -> Result<Slice, TaskError> {
        self.write_report(&report).await?;
        Ok(FAILED)
    }

    async fn write_report(&self, report: &Report) -> Result<(), TaskError> {
        Ok(self.app.store.set_result(&self.request.request_id, &serde_json::to_value(report)?).await?)
    }

    /// Writes progress while a phase runs; ends only with an error that forbids going on.
    async fn report_progress(&self, phase: Phase, tally: &Tally, total: (u64, u64)) -> TaskError {
        let mut written = None;
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let progress = Progress {
                step: phase.into(),
                files_done: tally.files.load(Ordering::Relaxed),
                files_total: total.0,
                bytes_done: tally.bytes.load(Ordering::Relaxed),
                bytes_total: total.1,
            };
            if written.as_ref() == Some(&progress) {
                continue;
            }
            match self.app.store.set_progress(&self.request.request_id, &progress).await {
                Ok(()) => written = Some(progress),
                Err(StoreError::Conflict) => return moved_on("the request was ended meanwhile"),
                // Progress is for the eye; the work does not stop for it.
                Err(error) => tracing::warn!(%error, "progress could not be written"),
            }
        }
    }

    /// Renews the lease while the slice runs; ends only when it is another's.
    async fn keep_lease(&self) -> TaskError {
        let seconds = self.app.settings.publish.lease_seconds;
        let period = Duration::from_secs((seconds / 4).max(1));
        let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
        loop {
            ticks.tick().await;
            match hold(self.app, self.request, self.plan).await {
                Err(error) if error.name == UNAVAILABLE => {
                    tracing::warn!(%error, "the lease could not be renewed yet");
                }
                Err(error) => return error,
                Ok(()) => {}
            }
        }
    }
}
