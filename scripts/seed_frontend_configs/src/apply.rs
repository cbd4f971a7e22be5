//! Writing one project's difference.

use crate::diff::{self, Change, Stored};
use crate::file::Wanted;
use crate::report::Outcome;
use crate::target::{Failure, Target};
use bouncer::storage::StoreError;
use bouncer::storage::bucket_locks::BucketLock;
use bouncer::storage::projects::ProjectRow;
use serde_json::Value;

/// Writes a change if the fields that the file decides on are still those that were read, and if the turn is still this
/// program's.
///
/// # Errors
/// When the table (or the local object storage) cannot be used.
pub async fn apply(
    target: &Target,
    wanted: &Wanted,
    row: Option<&ProjectRow>,
    change: &Change,
    turn: &BucketLock,
) -> Result<Outcome, Failure> {
    if change.fields().iter().any(|change| change.field == "frontend_bucket") {
        target.make_bucket(wanted).await?;
    }
    let outcome = match row {
        None => target.store.create_project(&wanted.project, turn).await,
        Some(row) => {
            let changes: Vec<(&str, Option<Value>)> =
                change.fields().iter().map(|change| (change.field, change.new.clone())).collect();
            let decided: Vec<&str> = wanted.fields.keys().copied().collect();
            target.store.change_project_row(row, &changes, &decided, turn).await
        }
    };
    match outcome {
        Ok(()) => Ok(Outcome::Written),
        // A repeated attempt of a write whose answer was lost looks like someone else's.
        Err(StoreError::Conflict | StoreError::Overtaken) if is_there(target, wanted).await? => Ok(Outcome::Written),
        Err(StoreError::Conflict | StoreError::Overtaken) => Ok(Outcome::Conflict),
        Err(error) => Err(target.failure("written", &error)),
    }
}

async fn is_there(target: &Target, wanted: &Wanted) -> Result<bool, Failure> {
    let row = target.store.project_row(&wanted.project.project_id).await;
    let row = row.map_err(|error| target.failure("read", &error))?;
    Ok(row.is_some_and(|row| diff::diff(wanted, Some(&Stored::of(&row))).is_none()))
}
