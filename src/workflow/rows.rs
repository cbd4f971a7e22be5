//! Reads and writes executions: a row with its snapshot understood, and the step from one row to the next.

use super::asl::{Clock, Definition, Event, Execution, IllegalEvent, Refusal, advance};
use super::local::{LocalEngine, lock};
use crate::domain::error::chain;
use crate::domain::retry;
use crate::domain::time::Time;
use crate::requests::engine::ExecutionStatus;
use crate::storage::executions::{ExecutionRow, RUNNING};
use crate::storage::{StoreError, Table};
use backon::Retryable as _;
use std::sync::Arc;
use std::time::Duration;

/// A row with its snapshot understood.
pub(super) struct Loaded {
    row: ExecutionRow,
    pub(super) execution: Execution,
    definition: Arc<Definition>,
}

/// Why an event was not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LocalEngine {
    pub(super) fn definition(&self, text: &str) -> Result<Arc<Definition>, Refusal> {
        let mut parsed = lock(&self.parsed);
        if let Some(definition) = parsed.get(text) {
            return Ok(definition.clone());
        }
        let definition = Arc::new(Definition::parse(text)?);
        parsed.insert(text.to_owned(), definition.clone());
        Ok(definition)
    }

    pub(super) async fn load(&self, name: &str) -> Result<Option<Loaded>, StoreError> {
        let Some(row) = self.store.execution(name).await? else { return Ok(None) };
        let table = self.store.table(Table::Executions);
        let execution = serde_json::from_str(&row.snapshot).map_err(|error| StoreError::unreadable(&table, error))?;
        let definition = self.definition(&row.definition).map_err(|refusal| StoreError::unreadable(&table, refusal))?;
        Ok(Some(Loaded { row, execution, definition }))
    }

    /// Stores what becomes of an execution when the event happens to it.
    pub(super) async fn apply(&self, loaded: &Loaded, event: Event) -> Result<Loaded, ApplyError> {
        let moment = Clock { now: Time::now().timestamp(), nonce: nonce() };
        let execution = advance(&loaded.definition, &loaded.execution, event, &moment)?;
        let snapshot = encode(&execution)?;
        let row = loaded.row.followed_by(status_text(execution.status()), snapshot, moment.now);
        self.store.update_execution(&row).await?;
        tracing::debug!(execution = row.name, revision = row.revision, status = row.status, "stored");
        Ok(Loaded { row, execution, definition: loaded.definition.clone() })
    }

    /// [`LocalEngine::load`] for drivers: an outage is waited out, a row that cannot be read is given up.
    pub(super) async fn load_persistently(&self, name: &str) -> Option<Loaded> {
        match self.persistently("read an execution", || self.load(name)).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(error = chain(&error), execution = name, "the execution cannot continue");
                None
            }
        }
    }

    /// Stores an event of a driver, whatever it takes. `None` when the execution is gone or cannot be read.
    ///
    /// When somebody else changed the row, the event is tried on what they left, as long as it is still about the
    /// same attempt of the same visit; otherwise, and when it does not fit any more, it is dropped. That also
    /// covers a write of our own whose answer was lost.
    pub(super) async fn apply_persistently(&self, mut loaded: Loaded, event: Event) -> Option<Loaded> {
        let attempt = loaded.execution.attempt();
        let name = loaded.row.name.clone();
        loop {
            let stored = self.persistently("store an execution's step", || async {
                match self.apply(&loaded, event.clone()).await {
                    Ok(stored) => Ok(Some(stored)),
                    Err(ApplyError::Illegal(_) | ApplyError::Store(StoreError::Conflict)) => Ok(None),
                    Err(ApplyError::Store(error)) => Err(error),
                }
            });
            match stored.await {
                Ok(Some(stored)) => return Some(stored),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(error = chain(&error), execution = name, "the execution cannot continue");
                    return None;
                }
            }
            let revision = loaded.row.revision;
            loaded = self.load_persistently(&name).await?;
            if loaded.execution.attempt() != attempt || loaded.row.revision == revision {
                return Some(loaded);
            }
        }
    }

    /// Repeats a call of the store until an outage is over. Any other failure is returned.
    pub(super) async fn persistently<T, F>(&self, what: &str, call: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let attempt = || async {
            let _permit = self.store_permits.acquire().await;
            call().await
        };
        let log = |error: &StoreError, pause: Duration| {
            tracing::warn!(error = chain(error), what, retry_in_ms = pause.as_millis(), "the store is unavailable");
        };
        attempt.retry(retry::OUTAGE).when(StoreError::is_outage).notify(log).await
    }
}

pub(super) fn encode(execution: &Execution) -> Result<String, StoreError> {
    serde_json::to_string(execution).map_err(|error| StoreError::unreadable(Table::Executions.suffix(), error))
}

fn status_text(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Running => RUNNING,
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Failed => "FAILED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Aborted => "ABORTED",
    }
}

/// 128 random bits.
fn nonce() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
