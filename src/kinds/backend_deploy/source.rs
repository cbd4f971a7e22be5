//! The task `deploy.fetch_source`: copies the archive of exactly the approved commit to the artifacts bucket. The token that
//! reads it stays here; the build never sees it.

use crate::domain::ids::RequestId;
use crate::kinds::stack::run::BackendStep;
use crate::kinds::stack::task::{DeployTask, StepAnswer};
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::stack_services::place;
use futures::StreamExt;
use serde::Serialize;
use tokio::io::AsyncWriteExt;

/// The largest archive that is built. A function's own disk holds as much.
const MAX_ARCHIVE: u64 = 400 << 20;

/// What came of fetching.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FetchOutcome {
    Fetched,
}

/// Copies the archive, unless it is there.
pub(crate) async fn fetch_source(app: &App, id: &RequestId) -> Result<StepAnswer<FetchOutcome>, TaskError> {
    let mut task = DeployTask::load(app, id).await?;
    task.note(|run, now| run.reach(BackendStep::FetchingSource, now)).await?;
    let key = place::source(&task.deploy_id);
    if !task.backend.artifacts.has(&key).await? {
        let archive = download(&task).await?;
        task.backend.artifacts.put_file(&key, archive.path()).await?;
    }
    Ok(task.answer(FetchOutcome::Fetched))
}

/// Downloads the archive into a file that is removed when it is dropped: an archive may be larger than the memory.
async fn download(task: &DeployTask<'_>) -> Result<tempfile::NamedTempFile, TaskError> {
    let (github, repo) = task.github().await?;
    let mut chunks = github.download_archive(&repo, &task.plan.commit).await?;
    let archive = tempfile::NamedTempFile::new().map_err(|error| local(&error))?;
    let mut file = tokio::fs::File::from_std(archive.reopen().map_err(|error| local(&error))?);
    let mut size = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        size += chunk.len() as u64;
        if size > MAX_ARCHIVE {
            return Err(TaskError::refused(format!("The archive of {repo} has more than {} MB", MAX_ARCHIVE >> 20)));
        }
        file.write_all(&chunk).await.map_err(|error| local(&error))?;
    }
    file.flush().await.map_err(|error| local(&error))?;
    Ok(archive)
}

fn local(error: &std::io::Error) -> TaskError {
    tracing::error!(%error, "the archive cannot be written to a temporary file");
    TaskError::unavailable("The server has no room for the commit's archive.")
}
