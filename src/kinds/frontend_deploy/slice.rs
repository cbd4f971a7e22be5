//! One slice of a publish: what is left to write, written phase by phase, and the pointer moved when nothing is left.

use crate::aws::error::AwsError;
use crate::aws::objects::Objects;
use crate::domain::ids::ReleaseId;
use crate::domain::project::Project;
use crate::domain::request::Request;
use crate::domain::site::manifest::{Entry, Manifest, Phase};
use crate::domain::site::paths::SitePath;
use crate::domain::site::release::LiveRelease;
use crate::domain::time::Time;
use crate::kinds::site::plan::{FrontendPlan, REPAIRS, VISIBLE};
use crate::kinds::site::progress::Step;
use crate::kinds::site::report::{DeployOutcome, Report, reason};
use crate::kinds::site::transfer::{Tally, Transfer};
use crate::kinds::site::work::{TICK, note_progress};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::storage::StoreError;
use crate::storage::documents::Release;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// A file's place in the order of a publish: phase by phase, and in each the small ones first.
pub(crate) type Position = (Phase, u64, SitePath);

/// Where the next slice goes on. Small, because it travels through the state machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The last file written, in publish order, with its size; all before it are written. A cursor without it, as earlier
    /// versions wrote them, begins anew.
    #[serde(default)]
    reached: Option<Position>,
    /// Files written by earlier slices.
    pub files: u64,
    /// Their bytes.
    bytes: u64,
}

/// How a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SliceOutcome {
    /// There is more to write.
    Again,
    /// The release is live.
    Deployed,
    /// The report is written, and the publish gives up.
    Failed,
}

/// What the state machine goes by.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Slice {
    outcome: SliceOutcome,
    cursor: Option<Cursor>,
}

pub(crate) const DEPLOYED: Slice = Slice { outcome: SliceOutcome::Deployed, cursor: None };
pub(crate) const FAILED: Slice = Slice { outcome: SliceOutcome::Failed, cursor: None };

/// One slice's surroundings.
pub(crate) struct Publication<'a> {
    pub app: &'a App,
    pub request: &'a Request,
    pub plan: &'a FrontendPlan,
    pub release_id: &'a ReleaseId,
    pub manifest: &'a Manifest,
    pub site: Objects,
    pub deadline: Instant,
}

impl Publication<'_> {
    pub(crate) async fn run(&self, project: &Project, cursor: Cursor) -> Result<Slice, TaskError> {
        if cursor == Cursor::default() {
            self.write_progress(Step::Comparing, &Tally::default(), (0, 0)).await?;
        }
        // Comparing takes as long as announcing, and neither needs the other; nothing is written before both are done.
        let (announced, todo) = tokio::join!(
            announce(self.app, self.request, self.release_id, self.plan, self.manifest),
            self.todo(project, cursor.reached.as_ref())
        );
        announced?;
        let todo = match todo {
            Ok(todo) => todo,
            Err(error) if error.is_transient() => {
                self.look_at([&error]);
                return Err(error.into());
            }
            Err(error) => {
                tracing::warn!(request_id = %self.request.request_id, %error, "the bucket cannot be compared");
                let sentence = format!("The bucket could not be compared: {}.", reason(&error));
                return self.give_up(Report::failed(self.request.is_marked(VISIBLE), cursor.files, sentence)).await;
            }
        };
        if todo.repairs && !self.request.is_marked(REPAIRS) {
            self.app.store.set_mark(&self.request.request_id, REPAIRS).await?;
        }
        let size: u64 = todo.files.iter().map(|(_, entry)| entry.size).sum();
        let total = (cursor.files + todo.files.len() as u64, cursor.bytes + size);
        let unchanged = (self.manifest.entries().len() as u64).saturating_sub(total.0);
        let tally = Tally::new(cursor.files, cursor.bytes);
        let transfer =
            Transfer::new(self.app, &self.site, &self.plan.target.bucket, &self.plan.project, &self.request.request_id);
        // Whether a visitor may get something of this release by now.
        let mut shown = self.request.is_marked(VISIBLE);
        let mut reached = cursor.reached;

        for phase in Phase::ALL {
            let files: Vec<&Entry> =
                todo.files.iter().filter(|(of, _)| *of == phase).map(|(_, entry)| *entry).collect();
            let Some(last) = files.last() else { continue };
            if phase.is_visible() && !self.request.is_marked(VISIBLE) {
                self.app.store.set_mark(&self.request.request_id, VISIBLE).await?;
            }
            let later: Vec<&Entry> = todo.files.iter().filter(|(of, _)| *of > phase).map(|(_, entry)| *entry).collect();
            let moving =
                async { tokio::join!(transfer.run(&files, self.deadline, &tally), transfer.read_ahead(&later)) };
            let batch = tokio::select! {
                (batch, ()) = moving => batch,
                error = self.report_progress(phase, &tally, total) => return Err(error),
            };
            // What broke off may have been written all the same; what was refused was not.
            let refused = batch.failures.iter().filter(|(_, error)| !error.is_transient()).count();
            shown |= phase.is_visible() && batch.taken > refused;
            let (written, bytes) = (tally.files.load(Ordering::Relaxed), tally.bytes.load(Ordering::Relaxed));
            if !batch.failures.is_empty() {
                // The barrier: what comes later is not begun.
                return self.stop(&batch.failures, shown, written, unchanged).await;
            }
            if batch.taken < files.len() {
                let last = batch.taken.checked_sub(1).and_then(|index| files.get(index));
                let reached = last.map(|entry| place(phase, entry)).or(reached);
                return Ok(Slice {
                    outcome: SliceOutcome::Again,
                    cursor: Some(Cursor { reached, files: written, bytes }),
                });
            }
            reached = Some(place(phase, last));
        }
        self.write_progress(Step::Finishing, &tally, total).await?;
        self.settle(tally.files.load(Ordering::Relaxed), unchanged, &todo.unsettled).await
    }

    /// All files are in the bucket: the report is written, and the pointer moves.
    async fn settle(&self, written: u64, unchanged: u64, unsettled: &BTreeSet<ReleaseId>) -> Result<Slice, TaskError> {
        self.write_report(&Report::new(DeployOutcome::Deployed, written, unchanged)).await?;
        let (store, project) = (&self.app.store, &self.plan.project);
        let (bucket, base) = (&self.plan.target.bucket, self.plan.base_release.as_ref());
        let live = LiveRelease {
            release_id: self.release_id.clone(),
            request_id: self.request.request_id.clone(),
            live_at: Time::now(),
            manifest: self.plan.manifest,
            files: self.manifest.entries().len(),
            bytes: self.manifest.total_size(),
            restores: self.plan.restores.clone(),
            adopted: false,
        };
        match store.settle_release(project, bucket, base, &live, unsettled).await {
            Ok(()) => Ok(DEPLOYED),
            // A repeated slice finds its own pointer; anybody else's means that the lease was lost.
            Err(StoreError::Conflict) => match store.project(project).await? {
                Some(now) if now.current_release.as_ref() == Some(self.release_id) => Ok(DEPLOYED),
                _ => {
                    Err(TaskError::stale_plan("Another release went live, or the bucket was changed, at the same time"))
                }
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Files could not be written. If all of them may succeed on another try, the engine is told so.
    async fn stop(
        &self,
        failures: &[(SitePath, AwsError)],
        shown: bool,
        written: u64,
        unchanged: u64,
    ) -> Result<Slice, TaskError> {
        for (path, error) in failures {
            tracing::warn!(request_id = %self.request.request_id, %path, %error, "a file could not be published");
        }
        self.look_at(failures.iter().map(|(_, error)| error));
        let report = Report::new(DeployOutcome::of_failure(shown), written, unchanged).with_failures(failures);
        if failures.iter().all(|(_, error)| error.is_transient()) {
            self.write_report(&report).await?;
            return Err(TaskError::unavailable(report.error.unwrap_or_default()));
        }
        self.give_up(report).await
    }

    /// After credentials have expired the next attempt begins with new ones.
    fn look_at<'e>(&self, errors: impl IntoIterator<Item = &'e AwsError>) {
        if errors.into_iter().any(|error| error.is_expired()) {
            self.app.sites.forget(&self.plan.target, &self.request.request_id);
        }
    }

    async fn give_up(&self, report: Report) -> Result<Slice, TaskError> {
        self.write_report(&report).await?;
        Ok(FAILED)
    }

    async fn write_report(&self, report: &Report) -> Result<(), TaskError> {
        Ok(self.app.store.set_checkpoint(&self.request.request_id, report).await?)
    }

    /// Writes progress once a second while a phase runs; ends only with an error that forbids going on.
    async fn report_progress(&self, phase: Phase, tally: &Tally, total: (u64, u64)) -> TaskError {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            if let Err(error) = self.write_progress(phase.into(), tally, total).await {
                return error;
            }
        }
    }

    async fn write_progress(&self, step: Step, tally: &Tally, total: (u64, u64)) -> Result<(), TaskError> {
        note_progress(self.app, self.request, &tally.progress(step, total)).await
    }
}

fn place(phase: Phase, entry: &Entry) -> Position {
    (phase, entry.size, entry.path.clone())
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
        bucket: Some(plan.target.bucket.clone()),
        manifest: manifest.clone(),
    };
    app.documents.put_release(&release).await?;
    Ok(app.store.begin_release(&plan.project, release_id).await?)
}
