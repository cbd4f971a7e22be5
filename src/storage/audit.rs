//! `bouncer-audit`: one chain of events for the installation.
//!
//! An event is written in the same transaction as the change that it records, so neither exists without the other.

use super::error::{Cancellation, StoreError, cancellations};
use super::items::{Condition, text};
use super::store::Store;
use super::tables::Table;
use crate::domain::audit::{ChainedEvent, Entry, KEPT_SECONDS, Link};
use crate::domain::retry;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use backon::BackoffBuilder as _;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The name of the only chain.
const CHAIN: &str = "bouncer";
/// The number of the row that holds the end of the chain.
const END: u64 = 0;
/// How long to wait for the other writers of this process.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(20);
/// Events in one page.
const PAGE: i32 = 200;

/// An event, and when its row expires.
#[derive(Serialize, Deserialize)]
struct EventRow {
    chain_id: String,
    sequence: u64,
    event: ChainedEvent,
    ttl: i64,
}

/// The end of the chain. This row never expires.
#[derive(Serialize, Deserialize)]
struct EndRow {
    chain_id: String,
    sequence: u64,
    end: Link,
}

/// Why a transaction was not written.
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

/// The number of an event, and the event; `None` when its row cannot be read.
pub type ChainPosition = (u64, Option<ChainedEvent>);

impl Store {
    /// Records an event that changes nothing, such as a press that did not count.
    pub async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        self.write_recorded(&[], entry).await.map_err(StoreError::from)
    }

    /// Writes some parts and the event that records them, all or nothing.
    ///
    /// Writers of one process queue up. Between processes, the first one takes the next number of the chain, and the
    /// others retry with the number after it.
    pub(super) async fn write_recorded(&self, parts: &[TransactWriteItem], entry: Entry) -> Result<(), Unwritten> {
        let contended = || Unwritten::from(StoreError::Contended { table: self.table(Table::Audit) });
        let Ok(mut known) = tokio::time::timeout(QUEUE_TIMEOUT, self.chain_end.lock()).await else {
            return Err(contended());
        };
        let seen = known.clone();
        let mut pauses = retry::CONTENTION.build();
        loop {
            let end = match known.take() {
                Some(end) => Some(end),
                None => self.end_after(seen.as_ref()).await?,
            };
            if let Some(link) = self.append(parts, entry.clone(), end.as_ref()).await? {
                *known = Some(link);
                return Ok(());
            }
            let Some(pause) = pauses.next() else { return Err(contended()) };
            tokio::time::sleep(pause).await;
        }
    }

    /// Appends an event behind `end`, and returns the new end; `None` when another process was first.
    async fn append(
        &self,
        parts: &[TransactWriteItem],
        entry: Entry,
        end: Option<&Link>,
    ) -> Result<Option<Link>, Unwritten> {
        let name = self.table(Table::Audit);
        let event = ChainedEvent::after(end, entry).map_err(|error| StoreError::invalid_request(&name, error))?;
        let link = event.link();
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(parts.to_vec()))
            .transact_items(self.event_part(event)?)
            .transact_items(self.end_part(end, link.clone())?);
        let Err(error) = request.send().await else { return Ok(Some(link)) };
        let reasons = cancellations(&name, error)?;
        if let Some(part) = reasons.iter().take(parts.len()).position(|&reason| reason == Cancellation::FailedCondition)
        {
            return Err(Unwritten::Part(part));
        }
        // Without parts, an attempt whose answer was lost is recognized by its event.
        let is_written = parts.is_empty() && self.is_in_chain(&link).await?;
        Ok(is_written.then_some(link))
    }

    /// Reads the end of the chain. It only grows, so an end before the one that this process has seen means that events
    /// were lost.
    async fn end_after(&self, seen: Option<&Link>) -> Result<Option<Link>, StoreError> {
        let end = self.audit_end().await?;
        let (now, before) = (end.as_ref().map_or(END, |end| end.number), seen.map_or(END, |seen| seen.number));
        if now < before {
            tracing::error!(before, now, "the end of the audit chain moved back: events were lost");
        }
        Ok(end)
    }

    async fn is_in_chain(&self, link: &Link) -> Result<bool, StoreError> {
        let page = self.audit_page(Some(link.number - 1), false, 1).await?;
        Ok(page.first().and_then(|(_, event)| event.as_ref()).is_some_and(|event| event.hash == link.hash))
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

    /// Reads the end of the chain; `None` while it has no event.
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
            .map_err(|error| StoreError::of_read(&name, error))?;
        answer.item.map(|item| self.decode::<EndRow>(Table::Audit, item).map(|row| row.end)).transpose()
    }

    /// Returns the events behind a number, or from the start, which is the end when the newest come first; at most one
    /// page.
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
            .map_err(|error| StoreError::of_read(&name, error))?;
        let rows = answer.items.unwrap_or_default();
        Ok(rows
            .into_iter()
            .filter_map(|item| {
                let number = item.get("sequence").and_then(|value| value.as_n().ok())?.parse().ok()?;
                Some((number, self.decode::<EventRow>(Table::Audit, item).ok().map(|row| row.event)))
            })
            .collect())
    }
}
