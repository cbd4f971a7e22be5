//! Somebody who may write the tables takes events out, alters, moves or adds them, under a server that runs.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::{ask, shop};
use crate::support::{Cli, Item, Role, Server, Site};
use crate::tools::accepted;

/// The chain's rows by their places; at 0 is its end.
struct Chain {
    records: Client,
}

impl Chain {
    async fn row(&self, place: u64) -> Option<Item> {
        let read = self.records.get_item().table_name("bouncer-audit").set_key(Some(key(place)));
        read.send().await.unwrap().item
    }

    async fn put(&self, place: u64, mut row: Item) {
        row.extend(key(place));
        self.records.put_item().table_name("bouncer-audit").set_item(Some(row)).send().await.unwrap();
    }

    async fn remove(&self, place: u64) {
        self.records.delete_item().table_name("bouncer-audit").set_key(Some(key(place))).send().await.unwrap();
    }

    /// All rows, for putting them back.
    async fn all(&self) -> Vec<Item> {
        let read = self.records.scan().table_name("bouncer-audit").send().await.unwrap();
        read.items.unwrap_or_default()
    }

    async fn restore(&self, rows: &[Item]) {
        for row in self.all().await {
            let AttributeValue::N(place) = &row["sequence"] else { panic!("a place is a number") };
            self.remove(place.parse().unwrap()).await;
        }
        for row in rows {
            let put = self.records.put_item().table_name("bouncer-audit").set_item(Some(row.clone()));
            put.send().await.unwrap();
        }
    }
}

fn key(place: u64) -> Item {
    let chain = ("chain_id".to_owned(), AttributeValue::S("bouncer".to_owned()));
    [chain, ("sequence".to_owned(), AttributeValue::N(place.to_string()))].into()
}

/// What of a row stands at a path.
fn at<'a>(row: &'a mut Item, path: &[&str]) -> &'a mut AttributeValue {
    let (first, rest) = path.split_first().unwrap();
    rest.iter().fold(row.get_mut(*first).unwrap(), |value, name| match value {
        AttributeValue::M(members) => members.get_mut(*name).unwrap(),
        other => panic!("{name} of {other:?}"),
    })
}

/// What `bouncer audit verify` says, and how it ends.
async fn verified(server: &Server) -> (Option<i32>, String) {
    let verified = Cli::on(server, &["audit", "verify"]).run().await;
    (verified.code, verified.stdout)
}

#[tokio::test]
async fn whatever_is_done_to_the_chain_its_first_break_is_named() {
    let server = shop().await;
    for (seed, decision) in [(301, "approve"), (302, "deny"), (303, "approve")] {
        let id = ask(&server, &Site::new(seed, 0, 1)).await;
        accepted(server.decide(Role::Approver, &id, decision).await);
        server.ended(&id).await;
    }
    let chain = Chain { records: server.records().await };
    let (untouched, last) = (chain.all().await, 10);
    assert_eq!(untouched.len(), last as usize + 1, "four events, two, four, and the end");
    let whole = verified(&server).await;
    assert!(whole.0 == Some(0) && whole.1.contains("intact: 10 events, from 1 to 10"), "{whole:?}");

    let named = async |what: &str, sentence: &str| {
        let (code, said) = verified(&server).await;
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains(&format!("The audit chain is broken: {sentence}")), "{what}: {said}");
        chain.restore(&untouched).await;
        assert_eq!(verified(&server).await, whole, "{what}, put back");
    };

    let mut row = chain.row(3).await.unwrap();
    *at(&mut row, &["event", "entry", "summary"]) = AttributeValue::S("Nothing to see".to_owned());
    chain.put(3, row).await;
    named("an altered event", "Event 3 is not what was written.").await;

    let mut row = chain.row(3).await.unwrap();
    *at(&mut row, &["event", "entry", "by", "name"]) = AttributeValue::S("Somebody else".to_owned());
    *at(&mut row, &["event", "hash"]) = AttributeValue::S("0".repeat(64));
    chain.put(3, row).await;
    named("an altered event with another hash", "Event 3 is not what was written.").await;

    let mut row = chain.row(7).await.unwrap();
    row.insert("event".to_owned(), AttributeValue::S("{ not what it was".to_owned()));
    chain.put(7, row).await;
    named("an event that cannot be read", "Event 7 is not what was written.").await;

    for place in [1, 4] {
        chain.remove(place).await;
        named("a missing event", &format!("Event {place} is missing.")).await;
    }

    let (fifth, sixth) = (chain.row(5).await.unwrap(), chain.row(6).await.unwrap());
    chain.put(5, sixth).await;
    chain.put(6, fifth).await;
    named("two events that changed places", "Another event is in the place of event 5.").await;

    let copy = chain.row(2).await.unwrap();
    chain.put(8, copy).await;
    named("an event over another one", "Another event is in the place of event 8.").await;

    let copy = chain.row(last).await.unwrap();
    chain.put(last + 1, copy).await;
    named("an event behind the end", "The chain's end is not event 10, as the chain says.").await;

    chain.remove(last).await;
    chain.remove(last - 1).await;
    named("a tail that was cut off", "Event 9 is missing.").await;

    chain.remove(0).await;
    named("an end that is gone", "The chain's end is not event 10, as the chain says.").await;

    for place in 1..=last {
        chain.remove(place).await;
    }
    named("all events", "Event 1 is missing.").await;
}

/// What the documents say that nobody can notice by the chain alone, and by what it is noticed.
#[tokio::test]
async fn a_tail_cut_off_together_with_the_end_is_noticed_by_the_end_that_was_kept() {
    let server = shop().await;
    let id = ask(&server, &Site::new(304, 0, 1)).await;
    accepted(server.decide(Role::Approver, &id, "deny").await);
    ask(&server, &Site::new(305, 0, 1)).await;
    let kept = accepted(server.tool(Role::Approver, "bouncer_audit_verify", json!({})).await);
    assert_eq!((&kept["to_event"], &kept["status"]), (&json!(3), &json!("intact")), "{kept:#}");

    let chain = Chain { records: server.records().await };
    let (mut end, mut second) = (chain.row(0).await.unwrap(), chain.row(2).await.unwrap());
    for (of_end, of_event) in [
        (["end", "number"].as_slice(), ["event", "number"].as_slice()),
        (&["end", "hash"], &["event", "hash"]),
        (&["end", "at"], &["event", "entry", "at"]),
    ] {
        *at(&mut end, of_end) = at(&mut second, of_event).clone();
    }
    chain.remove(3).await;
    chain.put(0, end).await;
    let cut = accepted(server.tool(Role::Approver, "bouncer_audit_verify", json!({})).await);
    assert_eq!((&cut["to_event"], &cut["status"]), (&json!(2), &json!("intact")), "{cut:#}");
    assert_ne!(cut["to_hash"], kept["to_hash"]);
    // What the server records next follows what is left, so the event that was kept stays gone.
    ask(&server, &Site::new(306, 0, 1)).await;
    let grown = accepted(server.tool(Role::Approver, "bouncer_audit_verify", json!({})).await);
    assert_eq!((&grown["to_event"], &grown["status"]), (&json!(3), &json!("intact")), "{grown:#}");
    assert_ne!(grown["to_hash"], kept["to_hash"]);
    let log = server.stderr();
    assert!(log.contains("the end of the audit chain moved back"), "whoever wrote it notices:\n{log}");
}
