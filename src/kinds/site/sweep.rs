//! Contents and lists of files that nothing needs any more go from the staging bucket: the task `frontend.sweep`. Called
//! again with the cursor it returned until it says `done`, and may be repeated from any point. Why it takes nothing from a
//! request that waits is told in [`crate::domain::site::contents`]; from a publish it takes nothing because only the live deploy
//! that holds the project's lease removes, and whoever publishes has left a release document.

use super::prune::{Live, Slice};
use super::report::reason;
use super::work::keep_lease;
use crate::aws::error::AwsError;
use crate::domain::digest::{PartsDigest, Sha256};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::project::Project;
use crate::domain::site::contents::{Leftovers, may_be_waited_for};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::storage::documents::{Release, blob_key, manifest_key, parts_key};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use tokio::time::Instant;

/// Objects looked at and removed at once.
const CONCURRENCY: usize = 16;
/// Objects between two looks at the clock.
const CHUNK: usize = 64;

/// An object of the staging bucket that may go, in the order in which they are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Leftover {
    Content(Sha256),
    /// By what a content is known where it came in parts.
    Parts(Sha256, PartsDigest),
    List(Sha256),
}

impl Leftover {
    fn key(self, project: &ProjectId) -> String {
        match self {
            Leftover::Content(sha256) => blob_key(project, sha256),
            Leftover::Parts(sha256, digest) => parts_key(project, sha256, digest),
            Leftover::List(sha256) => manifest_key(project, sha256),
        }
    }
}

/// Where the next slice goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The last object that was dealt with.
    after: Option<Leftover>,
}

/// Removes what nothing needs; begins nothing after `deadline`.
pub(crate) async fn sweep(
    app: &App,
    id: &RequestId,
    cursor: Value,
    deadline: Instant,
) -> Result<Slice<Cursor>, TaskError> {
    let cursor = serde_json::from_value::<Option<Cursor>>(cursor)?.unwrap_or_default();
    let Some(mut live) = Live::of(app, id).await? else { return Ok(Slice::done()) };
    let Some(project) = live.project(app).await? else { return Ok(Slice::done()) };
    let sweep = Sweep { app, live: &live, project: &project, begun: Time::now() };
    let (removed, end) = tokio::select! {
        end = sweep.run(cursor.after, deadline) => end?,
        lost = keep_lease(app, &live.request, &live.project) => return Err(lost),
    };
    if removed > 0 {
        tracing::info!(request_id = %id, project = %project.project_id, phase = "sweep", removed, "contents were removed");
        // After a crash it may count too few, never too many.
        live.report.removed.contents += removed;
        app.store.set_checkpoint(id, &live.report).await?;
    }
    match end {
        None => Ok(Slice::done()),
        after => Ok(Slice::again(Cursor { after })),
    }
}

/// One slice's surroundings.
struct Sweep<'a> {
    app: &'a App,
    live: &'a Live,
    project: &'a Project,
    /// What is old is old by then: whatever was written since never is, however long it takes until it is looked at again.
    begun: Time,
}

impl Sweep<'_> {
    /// How many objects were removed, and the last one dealt with if there are more. The first ones are dealt with whatever
    /// the time, so that every slice gets further.
    async fn run(&self, after: Option<Leftover>, deadline: Instant) -> Result<(u64, Option<Leftover>), TaskError> {
        let (contents, others) = self.leftovers(after).await.map_err(sentence)?;
        let all = contents.iter().map(Leftover::Content).chain(others);
        let mut all = all.filter(|leftover| after.is_none_or(|after| *leftover > after)).peekable();
        let mut removed = 0;
        loop {
            let chunk: Vec<Leftover> = all.by_ref().take(CHUNK).collect();
            let removing: Vec<_> = chunk.iter().map(|leftover| self.remove(*leftover)).collect();
            let gone: Vec<bool> =
                futures::stream::iter(removing).buffered(CONCURRENCY).try_collect().await.map_err(sentence)?;
            removed += gone.into_iter().filter(|gone| *gone).count() as u64;
            if all.peek().is_none() {
                return Ok((removed, None));
            }
            if Instant::now() >= deadline {
                return Ok((removed, chunk.last().copied()));
            }
        }
    }

    /// What is old and nothing needs. Documents are read one after another, and no more of them than it takes to know that
    /// nothing is left over.
    async fn leftovers(&self, after: Option<Leftover>) -> Result<(Leftovers, BTreeSet<Leftover>), AwsError> {
        let (app, project) = (self.app, &self.project.project_id);
        let (now, ages) = (self.begun, app.settings.publish.ages);
        let (lists, parts) = tokio::try_join!(app.documents.manifests(project), app.documents.recorded_parts(project))?;
        let (mut old, mut without_content) =
            (Vec::new(), BTreeSet::from_iter(parts.iter().map(|(sha256, ..)| *sha256)));
        app.documents
            .each_blob(project, |sha256, blob| {
                without_content.remove(&sha256);
                let is_ahead = after.is_none_or(|after| Leftover::Content(sha256) > after);
                if is_ahead && ages.is_old_content(blob.written, now) {
                    old.push(sha256);
                }
            })
            .await?;

        let mut contents = Leftovers::new(old);
        if !contents.is_empty() {
            for release in app.documents.list::<Release>(project).await? {
                if contents.is_empty() {
                    break;
                }
                contents.keep(&app.documents.release(project, &release).await?.manifest);
            }
        }
        let releases = &self.project.releases;
        let current = releases.iter().find(|release| release.release_id == self.live.release);
        let live_since = current.map(|current| current.live_at);
        for (list, written) in &lists {
            if !contents.is_empty() && may_be_waited_for(*written, live_since) {
                contents.keep(&app.documents.manifest(project, *list).await?);
            }
        }

        let listed: HashSet<Sha256> = releases.iter().map(|release| release.manifest).collect();
        let is_left = |list: &Sha256, written: &Time| ages.is_old_list(*written, now) && !listed.contains(list);
        let lists = lists.iter().filter(|(list, written)| is_left(list, written));
        let parts = parts
            .iter()
            .filter(|(sha256, _, noted)| without_content.contains(sha256) && ages.is_old_content(*noted, now));
        let parts = parts.map(|(sha256, digest, _)| Leftover::Parts(*sha256, *digest));
        Ok((contents, lists.map(|(list, _)| Leftover::List(*list)).chain(parts).collect()))
    }

    /// Removes one object, unless somebody has written it again since it was listed.
    async fn remove(&self, leftover: Leftover) -> Result<bool, AwsError> {
        let (bucket, key) = (self.app.documents.bucket(), leftover.key(&self.project.project_id));
        let Some(found) = self.app.objects.head(bucket, &key).await? else { return Ok(false) };
        let (now, ages) = (self.begun, self.app.settings.publish.ages);
        let is_old = match leftover {
            Leftover::Content(_) | Leftover::Parts(..) => ages.is_old_content(found.modified, now),
            Leftover::List(_) => ages.is_old_list(found.modified, now),
        };
        if is_old {
            self.app.objects.delete_once(bucket, &key).await?;
        }
        Ok(is_old)
    }
}

/// What stopped it. The site is live, so this is all that is seen of it.
fn sentence(error: AwsError) -> TaskError {
    let hint = if error.is_denied() { "; update Bouncer's stack from infra/template.yaml" } else { "" };
    let cause = format!("Contents that nothing needs were not removed: {}{hint}.", reason(&error));
    TaskError { cause, ..TaskError::from(error) }
}
