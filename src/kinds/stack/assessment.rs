//! The assessment of a deploy's change set, kept in the artifacts bucket: a row has no room for every change.

use super::task::DeployTask;
use crate::analysis::changeset::Assessment;
use crate::domain::canonical;
use crate::domain::digest::Sha256;
use crate::requests::engine::TaskError;
use crate::requests::stack_services::place;

/// Stores an assessment and returns its hash.
///
/// # Errors
/// Fails when it cannot be stored.
pub(crate) async fn store(task: &DeployTask<'_>, assessment: &Assessment) -> Result<Sha256, TaskError> {
    let text = canonical::to_string(assessment)?;
    let hash = Sha256::of(text.as_bytes());
    task.backend.artifacts.put(&place::assessment(&task.deploy_id), text.into()).await?;
    Ok(hash)
}

/// Reads the assessment that was recorded.
///
/// # Errors
/// Refuses what has another hash than the recorded one.
pub(crate) async fn read(task: &DeployTask<'_>) -> Result<Assessment, TaskError> {
    const MAX: u64 = 16 << 20;
    let bytes = task.backend.artifacts.read(&place::assessment(&task.deploy_id), MAX).await?;
    let expected = task.run.change_set.as_ref().and_then(|set| set.changes);
    if Some(Sha256::of(&bytes)) != expected {
        return Err(TaskError::refused("The stored assessment of the change set is not the recorded one"));
    }
    Ok(serde_json::from_slice(&bytes)?)
}
