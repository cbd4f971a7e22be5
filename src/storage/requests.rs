//! `bouncer-requests`: every change of state is one conditional write on the state before it.

use super::audit::Unwritten;
use super::coordination::{self, CoordinationKey};
use super::error::StoreError;
use super::items::{Condition, difference, text};
use super::store::Store;
use super::tables::Table;
use crate::domain::audit::{Actor, Entry, EventKind};
use crate::domain::ids::{KeyId, RequestId};
use crate::domain::prompt::Delivery;
use crate::domain::quota::CallerQuota;
use crate::domain::request::{Cancellation, Event, IllegalTransition, Request, Status};
use crate::domain::sealed::{Sealable, Sealed};
use crate::domain::time::Time;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

const KEY: &str = "request_id";
const STATUS_INDEX: &str = "status-index";
const TASK_TOKEN: &str = "task_token";

/// Why a request did not change its state.
#[derive(Debug, thiserror::Error)]
pub enum TransitionError {
    /// The event cannot happen in the state the request is in.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The write failed; `StoreError::Conflict` when the request had moved on.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The quota of a caller, before and after one more request.
#[derive(Debug, Clone)]
pub struct QuotaUpdate {
    /// Whose quota it is.
    pub caller: KeyId,
    /// As it was read; `None` when there was no row.
    pub before: Option<CallerQuota>,
    /// With the request.
    pub after: CallerQuota,
}

/// The row of a quota.
#[derive(serde::Serialize)]
struct QuotaRow<'a> {
    project_id: &'a str,
    #[serde(flatten)]
    quota: &'a CallerQuota,
}

/// Distinguishes the condition on the request itself, a conflict, from the one on its caller's quota.
fn conflict_of(unwritten: Unwritten) -> StoreError {
    match unwritten {
        Unwritten::Part(0) => StoreError::Conflict,
        Unwritten::Part(_) => StoreError::Overtaken,
        Unwritten::Store(error) => error,
    }
}

impl Store {
    /// Stores a new request with its audit event, and what its caller has asked. A conflict means that the id is taken,
    /// `Overtaken` that the caller asked for something else meanwhile.
    pub async fn create_request(
        &self,
        request: &Request,
        by: Actor,
        quota: Option<&QuotaUpdate>,
    ) -> Result<(), StoreError> {
        let is_new = Condition::new("attribute_not_exists(request_id)");
        let mut parts = vec![self.put_part(Table::Requests, request, is_new)?];
        parts.extend(quota.map(|change| self.quota_part(change)).transpose()?);
        let entry = Entry::new(EventKind::Created, by, request);
        self.write_recorded(&parts, entry).await.map_err(conflict_of)
    }

    /// Reads the quota of a caller, consistently; `None` when it has requested nothing lately.
    pub async fn caller_quota(&self, caller: &KeyId) -> Result<Option<CallerQuota>, StoreError> {
        let key = CoordinationKey::CallerQuota(caller).to_string();
        self.get(Table::Coordination, (coordination::KEY, &key)).await
    }

    pub(super) fn quota_part(&self, change: &QuotaUpdate) -> Result<TransactWriteItem, StoreError> {
        let unchanged = match &change.before {
            None => Condition::new("attribute_not_exists(project_id)"),
            Some(before) => Condition::new("#revision = :before")
                .name("#revision", "revision")
                .value(":before", AttributeValue::N(before.revision.to_string())),
        };
        let key = CoordinationKey::CallerQuota(&change.caller).to_string();
        self.put_part(Table::Coordination, &QuotaRow { project_id: &key, quota: &change.after }, unchanged)
    }

    /// Reads a request as it is now.
    pub async fn request(&self, id: &RequestId) -> Result<Option<Request>, StoreError> {
        self.get(Table::Requests, (KEY, id.as_str())).await
    }

    /// Moves a request on, if it is still in the state it was read in, and writes what `edit` changes with it.
    pub async fn transition(
        &self,
        request: &Request,
        event: Event,
        by: Actor,
        edit: impl FnOnce(&mut Request),
    ) -> Result<Request, TransitionError> {
        let mut after = request.clone();
        edit(&mut after);
        after.status = request.status.after(event)?;
        self.move_on(request, event, by, &after, None).await?;
        Ok(after)
    }

    /// Asks for a decision about a request whose files have arrived, and counts it among what its caller has asked.
    pub async fn submit(
        &self,
        ready: &Request,
        request: &Request,
        by: Actor,
        quota: Option<&QuotaUpdate>,
    ) -> Result<Request, TransitionError> {
        let after = Request { status: ready.status.after(Event::Submit)?, ..request.clone() };
        self.move_on(ready, Event::Submit, by, &after, quota).await?;
        Ok(after)
    }

    async fn move_on(
        &self,
        request: &Request,
        event: Event,
        by: Actor,
        after: &Request,
        quota: Option<&QuotaUpdate>,
    ) -> Result<(), StoreError> {
        let unchanged = "#from = :from";
        let condition = match event {
            // A decision must still be in time when it is written, however long ago the press was checked. Times are
            // stored so that their texts compare as they do.
            Event::Approve | Event::Deny => Condition::new(format!("{unchanged} AND expires_at > :now"))
                .value(":now", text(Time::now().to_string())),
            // Of two who are the first at the same moment, one is the second.
            Event::FirstApproval => {
                Condition::new(format!("{unchanged} AND expires_at > :now AND attribute_not_exists(first_approval)"))
                    .value(":now", text(Time::now().to_string()))
            }
            _ => Condition::new(unchanged),
        };
        let condition = condition.name("#from", "status").value(":from", text(request.status.as_str()));
        let (before, now) = (self.encode(Table::Requests, request)?, self.encode(Table::Requests, after)?);
        let changed = difference(&before, &now);
        let mut parts =
            vec![self.set_part(Table::Requests, (KEY, request.request_id.as_str()), &changed, condition)?];
        parts.extend(quota.map(|change| self.quota_part(change)).transpose()?);
        self.write_recorded(&parts, Entry::new(event.into(), by, after)).await.map_err(conflict_of)
    }

    /// Writes how far a running request is. A conflict means that it no longer runs.
    pub async fn set_progress<P: Sealable>(&self, id: &RequestId, progress: &P) -> Result<(), StoreError> {
        self.set_document(id, "progress", progress, while_running()).await
    }

    /// Writes what a running request's tasks have done. A conflict means that it no longer runs.
    pub async fn set_checkpoint<C: Sealable>(&self, id: &RequestId, checkpoint: &C) -> Result<(), StoreError> {
        self.set_document(id, "checkpoint", checkpoint, while_running()).await
    }

    /// Writes what a running request's tasks have done, over the revision before. A conflict means that it no longer runs
    /// or is to be stopped, or that another attempt of the same task was first. The document holds `revision`, a number
    /// that counts its writes.
    pub async fn advance_checkpoint<C: Sealable>(
        &self,
        id: &RequestId,
        checkpoint: &C,
        revision: u64,
    ) -> Result<(), StoreError> {
        let before = AttributeValue::N(revision.saturating_sub(1).to_string());
        let mine =
            Condition::new("#s = :running AND #checkpoint.#revision = :before AND attribute_not_exists(cancellation)")
                .name("#s", "status")
                .name("#checkpoint", "checkpoint")
                .name("#revision", "revision")
                .value(":running", text(Status::Running.as_str()))
                .value(":before", before);
        self.set_document(id, "checkpoint", checkpoint, mine).await
    }

    async fn set_document<D: Sealable>(
        &self,
        id: &RequestId,
        attribute: &str,
        document: &D,
        condition: Condition,
    ) -> Result<(), StoreError> {
        let unwritable = |error: serde_json::Error| StoreError::unreadable(&self.table(Table::Requests), error);
        let value = self.attribute(&Sealed::of(document).map_err(unwritable)?)?;
        self.set(Table::Requests, (KEY, id.as_str()), &[(&attribute.to_owned(), Some(&value))], condition).await
    }

    /// Stores that somebody wants a request stopped, before anything is stopped; the first one counts. A conflict means
    /// that there is one, that the request does not run, or that its checkpoint says `cannot_stop`.
    pub async fn set_cancellation(&self, id: &RequestId, wish: &Cancellation) -> Result<(), StoreError> {
        let value = self.attribute(wish)?;
        let open = "#s IN (:approved, :running) AND attribute_not_exists(cancellation) \
                    AND attribute_not_exists(#checkpoint.#cannot_stop)";
        let open = Condition::new(open)
            .name("#s", "status")
            .name("#checkpoint", "checkpoint")
            .name("#cannot_stop", "cannot_stop")
            .value(":approved", text(Status::Approved.as_str()))
            .value(":running", text(Status::Running.as_str()));
        self.set(Table::Requests, (KEY, id.as_str()), &[(&"cancellation".to_owned(), Some(&value))], open).await
    }

    /// Keeps where approvers were asked.
    pub async fn set_deliveries(&self, id: &RequestId, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let value = self.attribute(&deliveries)?;
        let exists = Condition::new("attribute_exists(request_id)");
        self.set(Table::Requests, (KEY, id.as_str()), &[(&"deliveries".to_owned(), Some(&value))], exists).await
    }

    /// Takes it upon the caller to remind of a request; a conflict means that somebody did, or that it was decided.
    pub async fn set_reminded(&self, id: &RequestId, at: Time) -> Result<(), StoreError> {
        let value = self.attribute(&at)?;
        let first = Condition::new("#s = :pending AND attribute_not_exists(reminded_at)")
            .name("#s", "status")
            .value(":pending", text(Status::PendingApproval.as_str()));
        self.set(Table::Requests, (KEY, id.as_str()), &[(&"reminded_at".to_owned(), Some(&value))], first).await
    }

    /// Sets a mark of a running request, which is never cleared. A conflict means that it no longer runs.
    pub async fn set_mark(&self, id: &RequestId, mark: &str) -> Result<(), StoreError> {
        let name = self.table(Table::Requests);
        self.client
            .update_item()
            .table_name(&name)
            .key(KEY, text(id.as_str()))
            .update_expression("ADD marks :mark")
            .condition_expression("#s = :running")
            .expression_attribute_names("#s", "status")
            .expression_attribute_values(":mark", AttributeValue::Ss(vec![mark.to_owned()]))
            .expression_attribute_values(":running", text(Status::Running.as_str()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of_write(&name, error))
    }

    /// Lets one more key look at a request: one that asked for the same. A conflict means that too many did.
    pub async fn add_follower(&self, id: &RequestId, key: &KeyId) -> Result<(), StoreError> {
        let name = self.table(Table::Requests);
        self.client
            .update_item()
            .table_name(&name)
            .key(KEY, text(id.as_str()))
            .update_expression("ADD followers :key")
            .condition_expression(
                "attribute_exists(request_id) AND (attribute_not_exists(followers) OR size(followers) < :most)",
            )
            .expression_attribute_values(":key", AttributeValue::Ss(vec![key.to_string()]))
            .expression_attribute_values(":most", AttributeValue::N(Request::MOST_FOLLOWERS.to_string()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of_write(&name, error))
    }

    /// Keeps the token of the task that waits for the decision. A later token replaces an earlier one: the engine
    /// asks anew after a failed attempt.
    pub async fn set_task_token(&self, id: &RequestId, token: &str) -> Result<(), StoreError> {
        let value = text(token);
        let exists = Condition::new("attribute_exists(request_id)");
        self.set(Table::Requests, (KEY, id.as_str()), &[(&TASK_TOKEN.to_owned(), Some(&value))], exists).await
    }

    /// The token of the task that waits for the decision. It is in no answer and no log.
    pub async fn task_token(&self, id: &RequestId) -> Result<Option<String>, StoreError> {
        let item = self.get_part(Table::Requests, (KEY, id.as_str()), TASK_TOKEN, None).await?;
        Ok(item.and_then(|mut item| match item.remove(TASK_TOKEN) {
            Some(AttributeValue::S(token)) => Some(token),
            _ => None,
        }))
    }

    /// Requests in a state, oldest first, at most `limit`.
    pub async fn requests_in(&self, status: Status, limit: usize) -> Result<Vec<Request>, StoreError> {
        self.query_index(Table::Requests, STATUS_INDEX, ("status", status.as_str()), false, limit).await
    }

    /// Requests in a state that were asked within a span, newest first, at most `limit`.
    pub async fn requests_between(
        &self,
        status: Status,
        from: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<Request>, StoreError> {
        let span = ("created_at", from.to_string(), until.to_string());
        self.query_span(Table::Requests, STATUS_INDEX, ("status", status.as_str()), span, limit).await
    }

    fn attribute<T: serde::Serialize>(&self, value: &T) -> Result<AttributeValue, StoreError> {
        serde_dynamo::to_attribute_value(value)
            .map_err(|error| StoreError::invalid_request(&self.table(Table::Requests), error))
    }
}

fn while_running() -> Condition {
    Condition::new("#s = :running").name("#s", "status").value(":running", text(Status::Running.as_str()))
}
