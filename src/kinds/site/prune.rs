//! What a live site no longer needs is removed: the tasks `frontend.withdraw` and `frontend.prune`. Each is called again
//! with the cursor it returned until it says `done`, and may be repeated from any point. The site is live by then, so
//! nothing here fails a deploy. What nothing needs is also removed without a deploy, by whoever asks for just that.
//!
//! A file goes only if releases of this project wrote it to this bucket, no site that is kept has a file of its name, and
//! what lies there has the very bytes that were written. Whoever removes holds the project's lease and has seen the pointer
//! at its own release since; of a release that began and never went live nothing is touched, because its deploy may go
//! on.

use super::delete_files::{Deletion, Stopped};
use super::plan::{FrontendPlan, MaintenancePlan, SiteFacts};
use super::progress::Step;
use super::report::{DeployOutcome, Report, report_of};
use super::work::{hold, keep_lease, take_up};
use crate::domain::ids::{ProjectId, ReleaseId, RequestId};
use crate::domain::project::{FrontendTarget, Project};
use crate::domain::request::{Request, Status};
use crate::domain::site::manifest::Manifest;
use crate::domain::site::paths::SitePath;
use crate::domain::site::removal::{Part, Removals};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::find::load;
use crate::storage::documents::Release;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Releases given up at once, so that their lists of files do not fill the memory. Those that wait are kept meanwhile.
const RELEASES_AT_ONCE: usize = 4;

/// Where the next slice goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The releases whose files are being removed.
    releases: Vec<ReleaseId>,
    /// The last file of theirs that was dealt with.
    after: Option<SitePath>,
}

/// How a slice ended, and where the next one goes on.
#[derive(Debug, Serialize)]
pub(crate) struct Slice<C> {
    outcome: SliceOutcome,
    cursor: Option<C>,
}

/// How a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SliceOutcome {
    /// There is more to do.
    Again,
    /// Nothing is left.
    Done,
}

impl<C> Slice<C> {
    /// Ends the work.
    pub fn done() -> Self {
        Self { outcome: SliceOutcome::Done, cursor: None }
    }

    /// Goes on in another slice.
    pub fn again(cursor: C) -> Self {
        Self { outcome: SliceOutcome::Again, cursor: Some(cursor) }
    }
}

/// A release that visitors get, and the request on whose behalf files are removed: the deploy that made it, or one that
/// asks for nothing else.
pub(crate) struct Live {
    pub request: Request,
    pub project: ProjectId,
    pub target: FrontendTarget,
    pub release: ReleaseId,
    pub report: Report,
}

impl Live {
    pub(crate) async fn of(app: &App, id: &RequestId) -> Result<Option<Self>, TaskError> {
        let request = load(app, id).await?;
        if let Some(plan) = request.plan_as::<MaintenancePlan>() {
            return Self::of_maintenance(app, request, plan).await;
        }
        let plan = request.plan_as::<FrontendPlan>().filter(|_| request.status == Status::Running);
        let (Some(plan), Some(report)) = (plan, report_of(&request)) else { return Ok(None) };
        let release = ReleaseId::derive(&plan.manifest, &request.request_id);
        Ok(Some(Self { request, project: plan.project, target: plan.target, release, report }))
    }

    async fn of_maintenance(app: &App, request: Request, plan: MaintenancePlan) -> Result<Option<Self>, TaskError> {
        let (Some(request), Some(release)) = (take_up(app, request, Step::Pruning).await?, plan.release) else {
            return Ok(None);
        };
        // All the while visitors get the whole site.
        let report = report_of(&request).unwrap_or_else(|| Report::new(DeployOutcome::Deployed, 0, 0));
        Ok(Some(Self { request, project: plan.project, target: plan.target, release, report }))
    }

    /// The project, if it still shows this release. Asked while the lease is held, so it stays so as long as it is.
    pub(crate) async fn project(&self, app: &App) -> Result<Option<Project>, TaskError> {
        hold(app, &self.request, &self.project).await?;
        let project = app.store.project(&self.project).await?;
        Ok(project.filter(|project| {
            project.current_release.as_ref() == Some(&self.release) && project.frontend.as_ref() == Some(&self.target)
        }))
    }

    /// The end of a request that no longer has a say. A deploy has done what it was asked for; where removing was all
    /// that was asked, the record says why it was not done.
    fn given_up(&self, why: Option<&str>) -> Result<Slice<Cursor>, TaskError> {
        match self.request.plan_as::<MaintenancePlan>() {
            None => Ok(Slice::done()),
            Some(_) => Err(TaskError::refused(why.unwrap_or(
                "Another release went live, or the project's bucket was changed, after this was asked for; a deploy \
                 removes by itself what nothing needs any more.",
            ))),
        }
    }
}

/// Removes the pages that the site before had and this one has not.
pub(crate) async fn withdraw(
    app: &App,
    id: &RequestId,
    cursor: Value,
    deadline: Instant,
) -> Result<Slice<Cursor>, TaskError> {
    let cursor = serde_json::from_value::<Option<Cursor>>(cursor)?.unwrap_or_default();
    let Some(mut live) = Live::of(app, id).await? else { return Ok(Slice::done()) };
    let Some(plan) = live.request.plan_as::<FrontendPlan>() else { return Ok(Slice::done()) };
    let loses_files =
        live.request.facts_as::<SiteFacts>().and_then(|facts| facts.changes).is_none_or(|changes| changes.removed > 0);
    let Some(base) = plan.base_release.filter(|_| loses_files) else { return Ok(Slice::done()) };
    if live.project(app).await?.is_none() {
        return Ok(Slice::done());
    }
    let mut removals = Removals::default();
    let Some(earlier) = release(app, &live.project, &base).await? else { return Ok(Slice::done()) };
    removals.keep(&app.documents.manifest(&live.project, plan.manifest).await?);
    keep_unsettled(app, &live.project, &mut removals).await?;
    removals.give_up(&earlier.manifest, Part::Pages);
    match remove(app, &mut live, &removals, cursor.after, deadline).await? {
        Stopped::All | Stopped::Denied => Ok(Slice::done()),
        Stopped::Until(after) => Ok(Slice::again(Cursor { releases: vec![], after: Some(after) })),
    }
}

/// Removes what no release needs that is kept or in its grace.
pub(crate) async fn prune(
    app: &App,
    id: &RequestId,
    cursor: Value,
    deadline: Instant,
) -> Result<Slice<Cursor>, TaskError> {
    let mut cursor = serde_json::from_value::<Option<Cursor>>(cursor)?.unwrap_or_default();
    let Some(mut live) = Live::of(app, id).await? else { return Ok(Slice::done()) };
    let mut pages_are_gone = false;
    loop {
        let Some(project) = live.project(app).await? else { return live.given_up(None) };
        let batch = outlived(app, &live, &project).await?;
        if batch.releases.is_empty() && (batch.unfinished.is_empty() || pages_are_gone) {
            return Ok(Slice::done());
        }
        let ids: Vec<ReleaseId> = batch.releases.iter().map(|release| release.release_id.clone()).collect();
        let after = cursor.after.take().filter(|_| cursor.releases == ids);
        let mut removals = Removals::default();
        for kept in &batch.kept {
            if let Some(kept) = release(app, &live.project, kept).await? {
                removals.keep(&kept.manifest);
            }
        }
        batch.unfinished.iter().for_each(|release| removals.keep_assets(&release.manifest));
        // What was written to another bucket is not here.
        let here = |release: &&Release| release.bucket.as_ref().is_none_or(|bucket| *bucket == live.target.bucket);
        for unfinished in batch.unfinished.iter().filter(here) {
            removals.give_up(&unfinished.manifest, Part::Pages);
        }
        for given_up in batch.releases.iter().filter(here) {
            removals.give_up(&given_up.manifest, Part::Everything);
        }
        match remove(app, &mut live, &removals, after, deadline).await? {
            Stopped::All => pages_are_gone = true,
            Stopped::Denied => return live.given_up(live.report.removed.stopped.as_deref()),
            Stopped::Until(after) => return Ok(Slice::again(Cursor { releases: ids, after: Some(after) })),
        }
        for release in &ids {
            app.documents.delete::<Release>(&live.project, release).await?;
            tracing::info!(
                request_id = %id, project = %live.project, phase = "prune", %release,
                "a release that nothing needs any more was given up"
            );
        }
    }
}

/// What is to be removed, and what is not.
struct Batch {
    /// Releases to give up.
    releases: Vec<Release>,
    /// Releases that never went live, in their grace: visitors may have seen them until the next one did, so only their
    /// pages go.
    unfinished: Vec<Release>,
    /// All others.
    kept: Vec<ReleaseId>,
}

/// The next releases that nothing needs. They are taken off the project's list before anything of them is removed, so
/// that nobody goes back to a release of which parts are missing; what is left to do are documents that no list
/// names.
async fn outlived(app: &App, live: &Live, project: &Project) -> Result<Batch, TaskError> {
    let now = Time::now();
    let retention = project.retention();
    let listed = &project.releases[retention.outlived(&project.releases, now)..];
    if listed.len() < project.releases.len() {
        app.store.forget_releases(&project.project_id, &live.release, listed).await?;
    }
    let mut kept: BTreeSet<ReleaseId> = listed.iter().map(|release| release.release_id.clone()).collect();
    kept.insert(live.release.clone());
    kept.extend(app.store.unsettled_releases(&project.project_id).await?);
    let (mut releases, mut unfinished) = (Vec::new(), Vec::new());
    for id in app.documents.list::<Release>(&project.project_id).await? {
        if kept.contains(&id) {
            continue;
        }
        if releases.len() + unfinished.len() >= RELEASES_AT_ONCE {
            kept.insert(id);
            continue;
        }
        match release(app, &live.project, &id).await? {
            Some(release) if retention.is_over(release.created_at, now) => releases.push(release),
            Some(release) => unfinished.push(release),
            None => {}
        }
    }
    Ok(Batch { releases, unfinished, kept: kept.into_iter().collect() })
}

async fn release(app: &App, project: &ProjectId, id: &ReleaseId) -> Result<Option<Release>, TaskError> {
    match app.documents.release(project, id).await {
        Ok(release) => Ok(Some(release)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn keep_unsettled(app: &App, project: &ProjectId, removals: &mut Removals) -> Result<(), TaskError> {
    for id in app.store.unsettled_releases(project).await? {
        let manifest = release(app, project, &id).await?.map_or_else(Manifest::empty, |release| release.manifest);
        removals.keep(&manifest);
    }
    Ok(())
}

/// Removes files until all are dealt with, the time is over, or removing turns out to be forbidden.
async fn remove(
    app: &App,
    live: &mut Live,
    removals: &Removals,
    after: Option<SitePath>,
    deadline: Instant,
) -> Result<Stopped, TaskError> {
    let files = removals.after(after.as_ref());
    if files.is_empty() {
        return Ok(Stopped::All);
    }
    let wipe = Deletion { app, request: &live.request, project: &live.project, target: &live.target };
    tokio::select! {
        end = wipe.run(&files, &mut live.report, deadline) => end,
        lost = keep_lease(app, &live.request, &live.project) => Err(lost),
    }
}
