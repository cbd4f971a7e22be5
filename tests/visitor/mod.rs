//! The promise of publishing, as visitors see it: at every instant, whatever dies, the whole old site or the whole new one.
//!
//! `VISITOR_ROUNDS` sets the number of deploys (200), `VISITOR_SEED` repeats a run. CONTRIBUTING.md says how to let it run
//! for long.

mod audience;
mod crawler;
mod faulty;
mod foreign;
mod killed;
mod links;
mod odd;
mod origin;
mod site;
mod truth;

/// How many of `VISITOR_ROUNDS` deploys belong to a test that has `share` of 200.
fn rounds(share: usize) -> usize {
    let all = std::env::var("VISITOR_ROUNDS").map_or(200, |text| text.parse().expect("VISITOR_ROUNDS is a number"));
    (share * all).div_ceil(200)
}

/// The same in every run unless told otherwise; each test has its own.
fn seed(test: u64) -> u64 {
    let seed: u64 = std::env::var("VISITOR_SEED").map_or(6, |text| text.parse().expect("VISITOR_SEED is a number"));
    println!("VISITOR_SEED={seed}");
    seed * 1000 + test
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sees_whole_sites_while_servers_are_killed() {
    killed::rounds(rounds(50), seed(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sees_whole_sites_while_servers_are_killed_again() {
    killed::rounds(rounds(50), seed(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sees_whole_sites_while_storage_fails() {
    faulty::rounds(rounds(50), seed(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sees_whole_sites_while_storage_fails_again() {
    faulty::rounds(rounds(50), seed(4)).await;
}
