//! The server is killed at random moments of a deploy, and started again: visitors get the old site or the new one,
//! the approved site goes live, once, and the records tell the truth.
//!
//! `CRASH_ROUNDS` sets the number of kills (50), `CRASH_SEED` repeats a run: it is printed by one that fails.

mod run;
mod version;
mod wreck;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use run::{Moment, Run};
use wreck::Found;

/// How many of `CRASH_ROUNDS` kills belong to a test that has `share` of 50.
fn rounds(share: usize) -> usize {
    let all = std::env::var("CRASH_ROUNDS").map_or(50, |text| text.parse().expect("CRASH_ROUNDS is a number"));
    (share * all).div_ceil(50)
}

fn seed() -> u64 {
    let seed = std::env::var("CRASH_SEED").map_or_else(|_| rand::random(), |text| text.parse().expect("a number"));
    println!("CRASH_SEED={seed}");
    seed
}

/// Kills once in every round, at a moment that `choose` makes up; what was found each time.
async fn kill(rounds: usize, choose: impl Fn(&mut StdRng) -> Moment) -> Vec<(Moment, Found)> {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let mut run = Run::start(seed).await;
    let mut found = Vec::new();
    for round in 1..=rounds {
        let moment = choose(&mut random);
        println!("round {round}: {moment:?}");
        let state = run.round(moment).await;
        println!("round {round}: found {state:?}");
        found.push((moment, state));
    }
    run.finish().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_decision() {
    let found = kill(rounds(14), |random| {
        let after = random.random_range(0.0..1.1);
        match random.random_range(0..4) {
            0 => Moment::Asking(after),
            1 => Moment::Uploading(after),
            2 => Moment::Confirming(after),
            _ => Moment::Waiting,
        }
    })
    .await;
    assert!(found.iter().all(|(_, state)| *state == Found::Old), "nothing goes live without a decision: {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_from_the_decision_on() {
    kill(rounds(18), |random| match random.random_range(0..4) {
        0 => Moment::Deciding(random.random_range(0.0..1.1)),
        _ => Moment::Publishing(random.random_range(0.0..1.2)),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_and_at_the_end() {
    let found = kill(rounds(18), |random| match random.random_range(0..5) {
        0 | 1 => Moment::SeenAsset(random.random()),
        2 => Moment::SeenPage(random.random()),
        3 => Moment::SeenIndex,
        _ => Moment::Ended,
    })
    .await;
    // A file that is seen was written, so none of these kills came before the work.
    assert!(found.iter().all(|(_, state)| *state > Found::Old), "{found:?}");
}
