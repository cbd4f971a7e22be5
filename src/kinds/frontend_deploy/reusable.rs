//! The stored contents that a new request may rely on.

use crate::aws::error::AwsError;
use crate::domain::digest::Sha256;
use crate::domain::project::Project;
use crate::domain::site::contents::Phase;
use crate::domain::site::manifest::Manifest;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::storage::documents::Blob;
use std::collections::{HashMap, HashSet};

/// Returns the sizes of the contents that a request need not upload again, and the site that it is compared with. Other
/// contents may be about to be deleted; see [`crate::domain::site::contents`].
pub(super) async fn reusable(
    app: &App,
    project: &Project,
    phase: Phase,
) -> Result<(HashMap<Sha256, u64>, Manifest), AwsError> {
    let (blobs, base) = tokio::try_join!(
        app.documents.blobs(&project.project_id),
        app.documents.site(&project.project_id, project.current_release.as_ref())
    )?;
    let (now, ages) = (Time::now(), app.settings.publish.ages);
    let needed: HashSet<Sha256> = base.entries().iter().map(|entry| entry.sha256).collect();
    let lasts = |sha256: &Sha256, blob: &Blob| needed.contains(sha256) || ages.is_fresh(blob.written, phase, now);
    let lasting = blobs.into_iter().filter(|(sha256, blob)| lasts(sha256, blob));
    Ok((lasting.map(|(sha256, blob)| (sha256, blob.size)).collect(), base))
}
