//! The task `deploy.fetch_source`: the archive of exactly the approved commit goes to the artifacts bucket. The token
//! that reads it stays here; the build never sees it.

use super::services::place;
use super::work::{DeployTask, refused};
use crate::domain::backend::run::BackendStep;
use crate::domain::ids::RequestId;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use futures::StreamExt;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

/// The largest archive that is built. A function's own disk holds as much.
const MAX_ARCHIVE: u64 = 400 << 20;

/// Fetches the source unless it is there.
pub async fn fetch_source(app: &App, id: &RequestId) -> Result<Value, TaskError> {
    let mut work = DeployTask::load(app, id).await?;
    work.note(|run, now| run.reach(BackendStep::FetchingSource, now)).await?;
    let key = place::source(&work.deploy_id);
    if !work.backend.artifacts.has(&key).await? {
        let archive = download(&work).await?;
        work.backend.artifacts.put_file(&key, archive.path()).await?;
    }
    Ok(work.answer("fetched"))
}

/// The archive in a file that goes when it is dropped: an archive may be larger than the memory.
async fn download(work: &DeployTask<'_>) -> Result<tempfile::NamedTempFile, TaskError> {
    let (github, repo) = work.github().await?;
    let mut chunks = github.download_archive(&repo, &work.plan.commit).await?;
    let archive = tempfile::NamedTempFile::new().map_err(|error| local(&error))?;
    let mut file = tokio::fs::File::from_std(archive.reopen().map_err(|error| local(&error))?);
    let mut size = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        size += chunk.len() as u64;
        if size > MAX_ARCHIVE {
            return Err(refused(&format!("The archive of {repo} has more than {} MB", MAX_ARCHIVE >> 20)));
        }
        file.write_all(&chunk).await.map_err(|error| local(&error))?;
    }
    file.flush().await.map_err(|error| local(&error))?;
    Ok(archive)
}

fn local(error: &std::io::Error) -> TaskError {
    tracing::error!(%error, "the archive cannot be kept on the way");
    TaskError {
        name: crate::requests::errors::UNAVAILABLE,
        cause: "There is no room for the commit's archive on the server.".to_owned(),
    }
}
