//! Whatever comes between: one outcome, one run, and one event for each step that was taken.
//!
//! The product's own flow, from asking to the end of the deploy, in two processes over the embedded records. Every call
//! that leaves a process stops at a gate, and a schedule says which one goes on next, which one is lost on its way, whose
//! answer is lost, when a process dies, when the window ends, and who presses meanwhile. What disturbs is shrunk away
//! until only that is left which makes a case fail.
//!
//! `PROPTEST_CASES` sets how many cases are tried, `FUZZ_SEED` which ones.

mod board;
mod gate;
mod people;
mod run;
mod truth;
mod workflows;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use bouncer::domain::request::Verdict;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio_util::sync::CancellationToken;

use crate::fuzz::{cases, seed};
use people::Who;
use run::{Case, Run, STAGING, Storage};

fn case() -> impl Strategy<Value = Case> {
    let verdict = prop_oneof![4 => Just(Verdict::Approve), 1 => Just(Verdict::Deny)];
    // Most of those who press may.
    let who = prop_oneof![
        3 => prop::sample::select(vec![Who::Anna, Who::Ben, Who::Cleo]),
        1 => prop::sample::select(Who::ALL.to_vec()),
    ];
    let presses = prop::collection::vec((who, verdict), 0..7);
    let choices = prop::collection::vec(any::<u16>(), 0..200);
    (any::<bool>(), any::<bool>(), presses, choices).prop_map(|(two, named, presses, choices)| Case {
        two,
        named,
        presses,
        choices,
    })
}

#[test]
fn whatever_comes_between_there_is_one_outcome_one_run_and_one_event_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let (outside, stop) = (tokio::runtime::Runtime::new().unwrap(), CancellationToken::new());
    let started = embedded_aws::start(folder.path(), IpAddr::V4(Ipv4Addr::LOCALHOST), stop.clone());
    let endpoints = outside.block_on(started).unwrap();
    let credentials = endpoints.credentials.clone();
    let storage = Storage { records: endpoints.records, objects: endpoints.objects, credentials };

    // One thread, so that everybody has stopped whenever the schedule goes on.
    let inside = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shared = storage.connect();
    inside.block_on(shared.objects.create_bucket(STAGING)).unwrap();
    let tried = AtomicUsize::new(0);

    let config = Config { cases: cases(60), failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let result = runner.run(&case(), |case| {
        let prefix = format!("case-{}-", tried.fetch_add(1, Ordering::Relaxed));
        inside.block_on(async {
            let run = Run::new(&case, &storage, &shared, prefix).await;
            let bucket = run.bucket();
            let outcome = run.finish().await;
            truth::holds(&case, &bucket, &outcome).await
        })
    });
    stop.cancel();
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
