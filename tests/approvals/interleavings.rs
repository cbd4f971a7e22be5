//! Presses of several approvers, the end of the window, a crash and a restart, in an order that differs each time.

use std::time::Duration;

use futures::future::join_all;

use super::{ask, assert_intact, decide_with, kinds, new_key};
use crate::support::{Options, Server, Site, wait_until};

/// Rounds, each with other moments.
const ROUNDS: u64 = 3;
/// Requests in a round.
const REQUESTS: u64 = 5;

/// A number below `bound` that follows from a seed: the same in every run.
fn drawn(seed: u64, bound: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)) % bound
}

#[tokio::test]
async fn whatever_comes_between_there_is_one_outcome_one_run_and_one_event_a_step() {
    let options = Options { arguments: &["--approval-window", "3"], ..Options::default() };
    let mut server = Server::start_with(options).await;
    server.add_project("shop").await;
    let mut keys = vec![];
    for name in ["anna", "ben", "cleo"] {
        keys.push(new_key(&server, name, "approver").await.1);
    }
    for round in 0..ROUNDS {
        let mut ids = vec![];
        for number in 0..REQUESTS {
            ids.push(ask(&server, &Site::new(280 + round * REQUESTS + number, 1, 1)).await);
        }
        let presses = ids.iter().enumerate().flat_map(|(request, id)| {
            // The last request of a round is nobody's, so it expires.
            let pressed = request as u64 + 1 < REQUESTS;
            keys.iter().enumerate().filter(move |_| pressed).map(move |(person, key)| {
                let seed = round * 100 + request as u64 * 10 + person as u64;
                (id, key, seed)
            })
        });
        let presses = presses.map(|(id, key, seed)| {
            let server = &server;
            async move {
                tokio::time::sleep(Duration::from_millis(drawn(seed, 400))).await;
                let decision = if drawn(seed + 7, 3) == 0 { "deny" } else { "approve" };
                decide_with_luck(server, key, id, decision).await
            }
        });
        let presses = join_all(presses);
        let killed = drawn(round + 3, 500);
        // The server dies in the middle of it.
        let counted = tokio::time::timeout(Duration::from_millis(killed), presses).await;
        server.kill9();
        server.restart().await;
        for id in &ids {
            // Those whose presses were cut off.
            if counted.is_err() {
                let _ = decide_with(&server, &keys[0], id, "approve").await;
            }
        }
        for id in &ids {
            let ended = server.ended(id).await;
            // What the clock says has expired is written down a moment later.
            let kinds = wait_until("the outcome to be recorded", Duration::from_secs(20), async || {
                let kinds = kinds(&server, id).await;
                kinds.iter().any(|kind| ["approved", "denied", "expired"].contains(&kind.as_str())).then_some(kinds)
            })
            .await;
            let times = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
            let outcomes = times("approved") + times("denied") + times("expired");
            assert_eq!(outcomes, 1, "{id}: {kinds:?} {ended:#}");
            assert_eq!(times("started"), times("approved"), "{id}: {kinds:?} {ended:#}");
            assert_eq!(times("completed") + times("failed"), times("started"), "{id}: {kinds:?} {ended:#}");
            assert_eq!(times("created"), 1, "{id}: {kinds:?}");
        }
        assert_intact(&server).await;
    }
}

/// A press whose answer may be lost with the server.
async fn decide_with_luck(server: &Server, key: &str, id: &str, decision: &str) {
    let request = server.request(reqwest::Method::POST, &format!("/v1/requests/{id}/decision"));
    let request = request.bearer_auth(key).json(&serde_json::json!({ "decision": decision }));
    let _ = request.send().await;
}
