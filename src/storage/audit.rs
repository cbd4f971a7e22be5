//! `bouncer-audit`: one chain of events for the installation. An event is written in the same transaction as the change
//! that it records, so neither is there without the other.

use super::items::{Condition, text};
use super::{Store, StoreError, Table};
use crate::domain::audit::{ChainedEvent, Entry, KEPT_SECONDS, Link};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The chain's name: there is one.
const CHAIN: &str = "bouncer";
/// The place of the row that tells the chain's end.
const END: u64 = 0;
/// How often a place in the chain is tried for, against other processes.
const ATTEMPTS: u32 = 40;
/// How long to wait for the other writers of this process.
const PATIENCE: Duration = Duration::from_secs(20);
/// Events in one page.
const PAGE: i32 = 200;

/// A row: an event, and when it may go.
#[derive(Serialize, Deserialize)]
struct EventRow {
    chain_id: String,
    sequence: u64,
    event: ChainedEvent,
    ttl: i64,
}

/// The row of the chain's end, which never goes.
#[derive(Serialize, Deserialize)]
struct EndRow {
    chain_id: String,
    sequence: u64,
    end: Link,
}

/// The end of the chain as this process saw it last; whoever holds it writes.
pub(super) type End = tokio::sync::Mutex<Option<Link>>;

/// Why nothing of a transaction was written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// The condition of the part with this number did not hold.
    Part(usize),
    /// Anything else.
    Store(StoreError),
}

impl From<Unwritten> for StoreError {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::Part(_) => StoreError::Conflict,
            Unwritten::Store(error) => error,
        }
    }
}

impl From<StoreError> for Unwritten {
    fn from(error: StoreError) -> Self {
        Unwritten::Store(error)
    }
}

/// A place of the chain, and what is there; nothing when it cannot be read.
pub type ChainPosition = (u64, Option<ChainedEvent>);

impl Store {
    /// Records what changed nothing: a press that did not count.
    pub async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        self.write_recorded(&[], entry).await.map_err(StoreError::from)
    }

    /// Writes some parts and the event that records them, all or nothing. Writers of one process queue up; between
    /// processes whoever is first has the place, and the others try for the next one.
    pub(super) async fn write_recorded(&self, parts: &[TransactWriteItem], entry: Entry) -> Result<(), Unwritten> {
        let name = self.table(Table::Audit);
        let crowded = |code: &str| StoreError::Unavailable {
            table: name.clone(),
            code: code.to_owned(),
            message: "the audit chain is written by too many at once".to_owned(),
        };
        let Ok(mut known) = tokio::time::timeout(PATIENCE, self.end.lock()).await else {
            return Err(crowded("Queue").into());
        };
        let seen = known.clone();
        for attempt in 0..ATTEMPTS {
            let end = match known.take() {
                Some(end) => Some(end),
                None => self.end_after(seen.as_ref()).await?,
            };
            let event = ChainedEvent::after(end.as_ref(), entry.clone())
                .map_err(|error| StoreError::unreadable(&name, error))?;
            let link = event.link();
            let request = self
                .client
                .transact_write_items()
                .set_transact_items(Some(parts.to_vec()))
                .transact_items(self.event_part(event)?)
                .transact_items(self.end_part(end.as_ref(), link.clone())?);
            let codes = match request.send().await {
                Ok(_) => {
                    *known = Some(link);
                    return Ok(());
                }
                Err(error) => cancelled(&name, error)?,
            };
            if let Some(part) = codes.iter().take(parts.len()).position(|code| code == FAILED) {
                return Err(Unwritten::Part(part));
            }
            if parts.is_empty() && self.is_at_its_place(&link).await? {
                // The answer to the first try was lost.
                *known = Some(link);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(rand::random_range(1..=10 * u64::from(attempt + 1)))).await;
        }
        Err(crowded("Contention").into())
    }

    /// The end as it is stored. It only ever grows, so one before what this process has seen means that events are gone.
    async fn end_after(&self, seen: Option<&Link>) -> Result<Option<Link>, StoreError> {
        let end = self.audit_end().await?;
        let (now, before) = (end.as_ref().map_or(END, |end| end.number), seen.map_or(END, |seen| seen.number));
        if now < before {
            tracing::error!(before, now, "the audit chain's end has moved back: events are gone");
        }
        Ok(end)
    }

    async fn is_at_its_place(&self, link: &Link) -> Result<bool, StoreError> {
        let there = self.audit_page(Some(link.number - 1), false, 1).await?;
        Ok(there.first().and_then(|(_, event)| event.as_ref()).is_some_and(|event| event.hash == link.hash))
    }

    fn event_part(&self, event: ChainedEvent) -> Result<TransactWriteItem, StoreError> {
        let ttl = event.entry.at.plus_seconds(KEPT_SECONDS).epoch_seconds();
        let row = EventRow { chain_id: CHAIN.to_owned(), sequence: event.number, event, ttl };
        self.put_part(Table::Audit, &row, Condition::new("attribute_not_exists(chain_id)"))
    }

    fn end_part(&self, before: Option<&Link>, after: Link) -> Result<TransactWriteItem, StoreError> {
        let row = EndRow { chain_id: CHAIN.to_owned(), sequence: END, end: after };
        let condition = match before {
            None => Condition::new("attribute_not_exists(chain_id)"),
            Some(before) => Condition::new("#end.#hash = :hash")
                .name("#end", "end")
                .name("#hash", "hash")
                .value(":hash", text(before.hash.to_string())),
        };
        self.put_part(Table::Audit, &row, condition)
    }

    /// The end of the chain as the chain itself says it; nothing while it has no event.
    pub async fn audit_end(&self) -> Result<Option<Link>, StoreError> {
        let name = self.table(Table::Audit);
        let answer = self
            .client
            .get_item()
            .table_name(&name)
            .key("chain_id", text(CHAIN))
            .key("sequence", AttributeValue::N(END.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&name, error))?;
        answer.item.map(|item| self.decode::<EndRow>(Table::Audit, item).map(|row| row.end)).transpose()
    }

    /// Events behind a place (or from the start, which is the end when the newest come first), at most one page.
    pub async fn audit_events(
        &self,
        behind: Option<u64>,
        newest_first: bool,
    ) -> Result<Vec<ChainPosition>, StoreError> {
        self.audit_page(behind, newest_first, PAGE).await
    }

    async fn audit_page(
        &self,
        behind: Option<u64>,
        newest_first: bool,
        limit: i32,
    ) -> Result<Vec<ChainPosition>, StoreError> {
        let name = self.table(Table::Audit);
        let (condition, bound) = match (newest_first, behind) {
            (false, behind) => ("#c = :c AND #n > :n", behind.unwrap_or(END)),
            (true, None) => ("#c = :c AND #n > :n", END),
            (true, Some(behind)) => ("#c = :c AND #n BETWEEN :one AND :n", behind.saturating_sub(1)),
        };
        if newest_first && behind.is_some() && bound == END {
            return Ok(vec![]);
        }
        let one = condition.contains(":one").then(|| AttributeValue::N("1".to_owned()));
        let values = [(":c", Some(text(CHAIN))), (":n", Some(AttributeValue::N(bound.to_string()))), (":one", one)];
        let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let answer = self
            .client
            .query()
            .table_name(&name)
            .key_condition_expression(condition)
            .expression_attribute_names("#c", "chain_id")
            .expression_attribute_names("#n", "sequence")
            .set_expression_attribute_values(Some(values))
            .consistent_read(true)
            .scan_index_forward(!newest_first)
            .limit(limit)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&name, error))?;
        let rows = answer.items.unwrap_or_default();
        Ok(rows
            .into_iter()
            .filter_map(|item| {
                let place = item.get("sequence").and_then(|value| value.as_n().ok())?.parse().ok()?;
                Some((place, self.decode::<EventRow>(Table::Audit, item).ok().map(|row| row.event)))
            })
            .collect())
    }
}

const FAILED: &str = "ConditionalCheckFailed";

/// Why each part of a cancelled transaction was refused. Anything else is an error that trying again does not mend.
fn cancelled<R>(table: &str, error: SdkError<TransactWriteItemsError, R>) -> Result<Vec<String>, StoreError>
where
    R: std::fmt::Debug + 'static,
{
    let codes: Vec<String> = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default().to_owned()).collect()
        }
        _ => return Err(StoreError::from_sdk(table, error)),
    };
    let is_passing = |code: &String| matches!(code.as_str(), "" | "None" | FAILED | "TransactionConflict");
    if codes.iter().all(is_passing) { Ok(codes) } else { Err(StoreError::from_sdk(table, error)) }
}
