//! The promise of publishing, as visitors see it: at every instant, whatever dies, the whole old site or the whole new one.
//!
//! `VISITOR_ROUNDS` sets the number of deploys (80), `VISITOR_SEED` repeats a run. CONTRIBUTING.md says how to let it run
//! for long.

mod audience;
mod crawler;
mod faulty;
mod foreign;
mod installed;
mod killed;
mod links;
mod odd;
mod origin;
mod site;
mod truth;

/// How many of `VISITOR_ROUNDS` deploys belong to a test that has `share` of 200.
fn rounds(share: usize) -> usize {
    let all = std::env::var("VISITOR_ROUNDS").map_or(80, |text| text.parse().expect("VISITOR_ROUNDS is a number"));
    (share * all).div_ceil(200)
}

/// The same in every run unless told otherwise; each test has its own.
fn seed(test: u64) -> u64 {
    let seed: u64 = std::env::var("VISITOR_SEED").map_or(6, |text| text.parse().expect("VISITOR_SEED is a number"));
    println!("VISITOR_SEED={seed}");
    seed * 1000 + test
}

macro_rules! sees_whole_sites {
    ($($name:ident: $run:ident, $share:literal, $test:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $run::rounds(rounds($share), seed($test)).await;
            }
        )*
    };
}

sees_whole_sites! {
    sees_whole_sites_while_servers_are_killed_1: killed, 24, 1;
    sees_whole_sites_while_servers_are_killed_2: killed, 24, 2;
    sees_whole_sites_while_servers_are_killed_3: killed, 24, 3;
    sees_whole_sites_while_servers_are_killed_4: killed, 24, 4;
    sees_whole_sites_while_storage_fails_1: faulty, 24, 5;
    sees_whole_sites_while_storage_fails_2: faulty, 24, 6;
    sees_whole_sites_while_storage_fails_3: faulty, 24, 7;
    sees_whole_sites_while_storage_fails_4: faulty, 24, 8;
    sees_whole_sites_before_a_cdn_that_is_told_what_changed: installed, 8, 9;
}
