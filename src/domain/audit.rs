//! The audit chain: what happened to requests, who did it, and for each event the hash of the one before. Whoever takes
//! an event out or alters one breaks what follows it.

use super::approver::Approver;
use super::caller::Caller;
use super::canonical;
use super::channel::ChannelName;
use super::digest::Sha256;
use super::ids::{ProjectId, RequestId};
use super::kind::KindName;
use super::request::{Event, Request, Status, Verdict};
use super::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long an event is kept: 90 days.
pub const KEPT_SECONDS: u64 = 90 * 24 * 3600;
/// The longest summary, in characters.
pub const SUMMARY_CHARS: usize = 2000;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It was asked.
    Created,
    /// Its files have arrived, and a decision is asked for.
    Submitted,
    /// One of two approvers said yes.
    FirstApproval,
    /// It was approved.
    Approved,
    /// It was denied.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// It was taken back before a decision.
    Withdrawn,
    /// The work began.
    Started,
    /// It ended: done.
    Completed,
    /// It ended: not done, or not wholly.
    Failed,
    /// It was stopped.
    Cancelled,
    /// It took the lease on its project from a deploy that had ended.
    LeaseTakenOver,
    /// A press did not count.
    Refused,
}

impl EventKind {
    /// The word in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Created => "created",
            EventKind::Submitted => "submitted",
            EventKind::FirstApproval => "first_approval",
            EventKind::Approved => "approved",
            EventKind::Denied => "denied",
            EventKind::Expired => "expired",
            EventKind::Withdrawn => "withdrawn",
            EventKind::Started => "started",
            EventKind::Completed => "completed",
            EventKind::Failed => "failed",
            EventKind::Cancelled => "cancelled",
            EventKind::LeaseTakenOver => "lease_taken_over",
            EventKind::Refused => "refused",
        }
    }
}

impl From<Event> for EventKind {
    fn from(event: Event) -> Self {
        match event {
            Event::Submit => EventKind::Submitted,
            Event::FirstApproval => EventKind::FirstApproval,
            Event::Approve => EventKind::Approved,
            Event::Deny => EventKind::Denied,
            Event::Expire => EventKind::Expired,
            Event::Withdraw => EventKind::Withdrawn,
            Event::Start => EventKind::Started,
            Event::Complete => EventKind::Completed,
            Event::Fail => EventKind::Failed,
            Event::Cancel => EventKind::Cancelled,
        }
    }
}

/// Who did it, and how it was verified that it was them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// A key's id, a channel's user, or "bouncer".
    pub id: String,
    /// Their name at the time.
    pub name: String,
    /// By what they were known: "key", the channel of a decision such as "http" or "telegram", or "engine".
    pub verified_by: String,
}

impl Actor {
    /// Bouncer itself, carrying on.
    pub fn bouncer() -> Self {
        Self { id: "bouncer".to_owned(), name: "Bouncer".to_owned(), verified_by: "engine".to_owned() }
    }

    /// Somebody who decides.
    pub fn approver(approver: &Approver, channel: ChannelName) -> Self {
        Self { id: approver.id.to_string(), name: approver.name.clone(), verified_by: channel.to_string() }
    }

    /// Whoever wanted a deploy stopped, or Bouncer.
    pub fn canceller(request: &Request) -> Self {
        let wish = request.cancellation.as_ref();
        wish.map_or_else(Self::bouncer, |wish| Self {
            id: wish.by.to_string(),
            name: wish.by_name.clone(),
            verified_by: "key".to_owned(),
        })
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self { id: caller.id.to_string(), name: caller.name.clone(), verified_by: "key".to_owned() }
    }
}

/// What is recorded, before it has its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub by: Actor,
    /// To which request.
    pub request_id: RequestId,
    /// What it asks for.
    pub action: KindName,
    /// Its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// What an approval is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub plan_hash: Option<Sha256>,
    /// What it is about and why, at most 2000 characters.
    pub summary: String,
    /// The decision, as far as there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Verdict>,
    /// Where the request stands after this.
    pub status: Status,
    /// Why a press did not count, how a deploy ended, or from whom a lease was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Entry {
    /// What happened to a request, which is given as it stands after it.
    pub fn new(kind: EventKind, by: Actor, request: &Request) -> Self {
        let summary = match &request.reason {
            Some(reason) => format!("{}. Reason: {reason}", request.summary),
            None => request.summary.clone(),
        };
        let detail = request.outcome.as_ref().and_then(|outcome| outcome.sentence.as_ref());
        Self {
            at: Time::now(),
            kind,
            by,
            request_id: request.request_id.clone(),
            action: request.action.clone(),
            project: request.project.clone(),
            plan_hash: request.plan_hash,
            summary: summary.chars().take(SUMMARY_CHARS).collect(),
            decision: request.decision.as_ref().map(|decision| decision.verdict),
            status: request.status,
            detail: detail.map(|text| text.chars().take(SUMMARY_CHARS).collect()),
        }
    }

    /// The same with a word on why.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The last event's number; the first has 1.
    pub number: u64,
    /// Its hash.
    pub hash: Sha256,
    /// Its time.
    pub at: Time,
}

/// An event in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainedEvent {
    /// Its place in the chain.
    pub number: u64,
    /// The hash of the event before; the first has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Sha256>,
    /// The time of the event before, from which it is known whether it may be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_at: Option<Time>,
    /// What happened.
    pub entry: Entry,
    /// The hash of all of this.
    pub hash: Sha256,
}

impl ChainedEvent {
    /// The event that follows the chain's end.
    pub fn after(end: Option<&Link>, entry: Entry) -> Result<Self, serde_json::Error> {
        let number = end.map_or(0, |end| end.number) + 1;
        let (previous, previous_at) = (end.map(|end| end.hash), end.map(|end| end.at));
        let hash = hash(number, previous, previous_at, &entry)?;
        Ok(Self { number, previous, previous_at, entry, hash })
    }

    /// The chain's end after this event.
    pub fn link(&self) -> Link {
        Link { number: self.number, hash: self.hash, at: self.entry.at }
    }

    fn is_as_hashed(&self) -> bool {
        hash(self.number, self.previous, self.previous_at, &self.entry).is_ok_and(|hash| hash == self.hash)
    }
}

fn hash(
    number: u64,
    previous: Option<Sha256>,
    previous_at: Option<Time>,
    entry: &Entry,
) -> Result<Sha256, serde_json::Error> {
    canonical::hash(&(number, previous, previous_at, entry))
}

/// What is wrong at a place of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An event that should be there is gone.
    Missing,
    /// An event is not what was written.
    Altered,
    /// An event is in another one's place.
    Reordered,
    /// What the chain says of its end is not so.
    Head,
}

/// Where the chain breaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Break {
    /// The place.
    pub number: u64,
    /// What is wrong there.
    pub fault: Fault,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.fault {
            Fault::Missing => write!(f, "Event {number} is missing."),
            Fault::Altered => write!(f, "Event {number} is not what was written."),
            Fault::Reordered => write!(f, "Another event is in the place of event {number}."),
            Fault::Head => write!(f, "The chain's end is not event {number}, as the chain says."),
        }
    }
}

/// Goes along the chain, from the oldest event to the end.
#[derive(Debug, Default)]
pub struct Walk {
    /// The first event that was seen without a gap to the end.
    pub first: Option<Link>,
    /// The last event that was seen.
    pub last: Option<Link>,
    /// Events that were seen.
    pub events: u64,
}

impl Walk {
    /// The next event in the order of places: its place, and what is there, if it can be read. Events that are past
    /// their time may be gone, or not yet.
    pub fn step(&mut self, place: u64, event: Option<&ChainedEvent>, now: Time) -> Result<(), Break> {
        let fault = |number, fault| Err(Break { number, fault });
        let Some(event) = event else { return fault(place, Fault::Altered) };
        if event.number != place {
            return fault(place, Fault::Reordered);
        }
        if !event.is_as_hashed() {
            return fault(place, Fault::Altered);
        }
        let next = self.last.as_ref().map_or(1, |last| last.number + 1);
        if place != next {
            let may_be_gone = event.previous_at.is_some_and(|at| now >= at.plus_seconds(KEPT_SECONDS));
            if !may_be_gone {
                return fault(next, Fault::Missing);
            }
            self.first = None;
        } else if self.last.as_ref().map(|last| last.hash) != event.previous {
            // Each is right for itself, so the one before was written anew.
            return fault(if place > 1 { place - 1 } else { place }, Fault::Altered);
        }
        let link = event.link();
        self.first.get_or_insert_with(|| link.clone());
        self.last = Some(link);
        self.events += 1;
        Ok(())
    }

    /// The end, as the chain says it is.
    pub fn finish(&self, end: Option<&Link>, now: Time) -> Result<(), Break> {
        let fault = |number, fault| Err(Break { number, fault });
        match (&self.last, end) {
            (None, None) => Ok(()),
            (Some(last), Some(end)) if last == end => Ok(()),
            (last, Some(end)) if last.as_ref().is_none_or(|last| last.number < end.number) => {
                // Of a chain to which nothing was added for long, all may be gone.
                let may_be_gone = now >= end.at.plus_seconds(KEPT_SECONDS);
                let next = last.as_ref().map_or(1, |last| last.number + 1);
                if may_be_gone { Ok(()) } else { fault(next, Fault::Missing) }
            }
            (_, Some(end)) => fault(end.number, Fault::Head),
            (Some(last), None) => fault(last.number, Fault::Head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(text: &str, at: Time) -> Entry {
        Entry {
            at,
            kind: EventKind::Created,
            by: Actor::bouncer(),
            request_id: RequestId::parse("req-0000000000000001").unwrap(),
            action: KindName::new("frontend_deploy"),
            project: None,
            plan_hash: None,
            summary: text.to_owned(),
            decision: None,
            status: Status::PendingApproval,
            detail: None,
        }
    }

    fn chain(length: u64, from: Time) -> Vec<ChainedEvent> {
        let mut events: Vec<ChainedEvent> = vec![];
        for number in 0..length {
            let end = events.last().map(ChainedEvent::link);
            let entry = entry(&format!("event {number}"), from.plus_seconds(number));
            events.push(ChainedEvent::after(end.as_ref(), entry).unwrap());
        }
        events
    }

    fn verify(rows: &[(u64, ChainedEvent)], end: Option<&Link>, now: Time) -> Result<Walk, Break> {
        let mut walk = Walk::default();
        for (place, event) in rows {
            walk.step(*place, Some(event), now)?;
        }
        walk.finish(end, now)?;
        Ok(walk)
    }

    fn placed(events: &[ChainedEvent]) -> Vec<(u64, ChainedEvent)> {
        events.iter().map(|event| (event.number, event.clone())).collect()
    }

    #[test]
    fn an_untouched_chain_holds_and_starts_where_older_events_are_past_their_time() {
        let now = Time::now();
        let events = chain(10, now);
        let end = events.last().map(ChainedEvent::link);
        let walk = verify(&placed(&events), end.as_ref(), now).unwrap();
        assert_eq!((walk.events, walk.first.unwrap().number), (10, 1));

        let later = now.plus_seconds(KEPT_SECONDS + 4);
        let mut rows = placed(&events);
        rows.drain(0..2);
        // One that should be gone before others still is there.
        rows.remove(1);
        let walk = verify(&rows, end.as_ref(), later).unwrap();
        assert_eq!(walk.first.unwrap().number, 5);
        assert_eq!(verify(&[], end.as_ref(), later.plus_seconds(60)).unwrap().events, 0);
        assert!(verify(&[], None, now).is_ok());
    }

    #[test]
    fn each_break_has_its_name() {
        let now = Time::now();
        let events = chain(6, now);
        let end = events.last().map(ChainedEvent::link);
        let broken = |rows: Vec<(u64, ChainedEvent)>, end: Option<&Link>| verify(&rows, end, now).unwrap_err();
        let at = |number, fault| Break { number, fault };

        let mut rows = placed(&events);
        rows.remove(0);
        assert_eq!(broken(rows, end.as_ref()), at(1, Fault::Missing));

        let mut rows = placed(&events);
        rows[2].1.entry.summary = "nothing to see".to_owned();
        assert_eq!(broken(rows, end.as_ref()), at(3, Fault::Altered));

        // Written anew with a hash that fits it.
        let mut rows = placed(&events);
        let before = rows[1].1.link();
        rows[2].1 = ChainedEvent::after(Some(&before), entry("nothing to see", now)).unwrap();
        assert_eq!(broken(rows, end.as_ref()), at(3, Fault::Altered));

        let mut rows = placed(&events);
        let (a, b) = (rows[2].1.clone(), rows[3].1.clone());
        (rows[2].1, rows[3].1) = (b, a);
        assert_eq!(broken(rows, end.as_ref()), at(3, Fault::Reordered));

        assert_eq!(broken(placed(&events), None), at(6, Fault::Head));
        assert_eq!(broken(placed(&events), Some(&events[4].link())), at(5, Fault::Head));
        let mut rows = placed(&events);
        rows.pop();
        assert_eq!(broken(rows, end.as_ref()), at(6, Fault::Missing));
    }

    proptest! {
        /// Whatever is taken out of a young chain, put elsewhere or changed in it is found, and not after its place.
        #[test]
        fn no_change_goes_unseen(length in 2u64..12, which in any::<prop::sample::Index>(), how in 0..4u8) {
            let now = Time::now();
            let events = chain(length, now);
            let end = events.last().map(ChainedEvent::link);
            let mut rows = placed(&events);
            let index = which.index(rows.len());
            match how {
                0 => { rows.remove(index); }
                1 => rows[index].1.entry.summary.push('!'),
                2 => {
                    let other = (index + 1) % rows.len();
                    let (a, b) = (rows[index].1.clone(), rows[other].1.clone());
                    (rows[index].1, rows[other].1) = (b, a);
                }
                _ => rows[index].1.previous = Some(Sha256::of(b"other")),
            }
            let broken = verify(&rows, end.as_ref(), now).unwrap_err();
            prop_assert!(broken.number <= index as u64 + 1);
        }
    }
}
