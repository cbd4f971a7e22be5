//! Installations whose storage fails in every way at random moments, and that die in between, with visitors on the bucket.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};

use super::audience::{Audience, invalidation};
use super::foreign::Foreign;
use super::origin::Bucket;
use super::site::{DATA_RULE, Release};
use super::truth::Truth;
use crate::faults::world::{BUCKET, SHOP, STAGING, World, publish_settings};
use crate::support::{Fault, FaultProxy};

/// So many deploys, most of them through storage that fails, some of them killed on the way.
pub async fn rounds(rounds: usize, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::new().await;
    let mut bouncer = world.bouncer(publish_settings()).at_work().await;
    bouncer.add_project_with(SHOP, BUCKET, &[("data/**", DATA_RULE)]).await;
    let storage = world.storage();
    let foreign = Foreign::plant(&storage, BUCKET, &mut random).await;
    let truth = Arc::new(Truth::default());
    let first = Arc::new(Release::new(seed, 0));
    let publication = truth.begin(first.clone());
    let id = bouncer.ask_files(first.inline()).await;
    bouncer.approve(&id).await;
    let ended = bouncer.ended(&id).await;
    truth.live(publication);
    // What was live so far, with the ids it has.
    let mut live = vec![(ended.release(), first)];

    let origin = || Bucket { objects: world.objects.clone(), bucket: BUCKET };
    let mut audience = Audience::comes(truth.clone(), origin(), origin());
    let mut seen = Counts::default();
    for round in 1..=rounds {
        let (_, earlier) = truth.now();
        let back = live.get(live.len().wrapping_sub(2)).filter(|_| round.is_multiple_of(5)).cloned();
        let (release, id) = match back {
            Some((to, release)) => (release, bouncer.ask_back(&to).await),
            None => {
                let release = Arc::new(Release::new(seed, round));
                let id = bouncer.ask_files(release.inline()).await;
                (release, id)
            }
        };
        let publication = truth.begin(release.clone());
        let harm = Harm::choose(&mut random);
        println!("round {round}: {harm:?}");
        harm.begin(&world.proxy);
        bouncer.approve(&id).await;
        if let Some(after) = harm.kill {
            tokio::time::sleep(after).await;
            bouncer.kill().await;
            bouncer = world.bouncer(publish_settings()).at_work().await;
            seen.killed += 1;
        }
        let ended = bouncer.ended(&id).await;
        world.proxy.heal();
        match (ended.status(), ended.answer["result"]["deploy_status"].as_str()) {
            ("completed", _) => {
                let repairs = bouncer.app.store.request(&id).await.unwrap().unwrap().is_marked("repairs");
                let paths = if repairs { vec!["/*".to_owned()] } else { invalidation(&truth, &earlier, &release) };
                audience.is_live(publication, &paths).await;
                live.push((ended.release(), release));
                seen.live += 1;
            }
            (_, Some("deploy_failed")) => {
                truth.withdraw(publication);
                seen.failed += 1;
            }
            (_, Some("partial_deploy")) => seen.partial += 1,
            _ => panic!("{:#}", ended.answer),
        }
        audience.assert_content().await;
        foreign.assert_one(&storage, &mut random).await;
    }

    let loads = audience.leave().await;
    foreign.assert_all(&storage).await;
    println!("{rounds} deploys: {seen:?}; loads: {loads:?}");
    assert!(loads.iter().all(|loads| *loads >= rounds as u64), "visitors did not keep up: {loads:?}");
}

/// How the deploys ended.
#[derive(Debug, Default)]
struct Counts {
    live: usize,
    partial: usize,
    failed: usize,
    killed: usize,
}

/// What goes wrong in one round.
#[derive(Debug)]
struct Harm {
    rules: Vec<(Method, &'static str, &'static str, usize, &'static str)>,
    kill: Option<Duration>,
}

impl Harm {
    fn choose(random: &mut StdRng) -> Self {
        let rules = (0..random.random_range(0..4)).map(|_| rule(random)).collect();
        let kill = random.random_bool(0.3).then(|| Duration::from_millis(random.random_range(0..120)));
        Self { rules, kill }
    }

    fn begin(&self, proxy: &FaultProxy) {
        for (method, bucket, key, times, fault) in &self.rules {
            proxy.first(*times, method.clone(), bucket, key, fault_named(fault));
        }
    }
}

fn rule(random: &mut StdRng) -> (Method, &'static str, &'static str, usize, &'static str) {
    let (method, bucket, keys): (_, _, &[&str]) = match random.random_range(0..10) {
        0..5 => (Method::PUT, BUCKET, &["*", "assets/*", "*.html", "index.html", "style.css", "data/*", "docs/*"]),
        5 => (Method::DELETE, BUCKET, &["*", "docs/*"]),
        6 => (Method::HEAD, BUCKET, &["*"]),
        7 | 8 => (Method::GET, STAGING, &["blobs/*", "manifests/*", "releases/*"]),
        _ => (Method::GET, BUCKET, &[""]),
    };
    let faults: &[&str] = match random.random_range(0..10) {
        // Most of what goes wrong passes.
        0..8 => &["error", "before", "after", "cut", "delay", "expired"],
        8 => &["slow down"],
        _ => &["denied", "digest"],
    };
    let key = keys.choose(random).expect("a key");
    let fault = faults.choose(random).expect("a fault");
    // One more than a call is tried sometimes.
    let times = if *fault == "slow down" { 1 } else { random.random_range(1..=6) };
    (method, bucket, key, times, fault)
}

fn fault_named(name: &str) -> Fault {
    match name {
        "error" => Fault::INTERNAL_ERROR,
        "before" => Fault::ResetBefore,
        "after" => Fault::ResetAfter,
        "cut" => Fault::CutAnswer,
        "delay" => Fault::Delay(Duration::from_millis(25)),
        "expired" => Fault::EXPIRED_TOKEN,
        "slow down" => Fault::SLOW_DOWN,
        "denied" => Fault::ACCESS_DENIED,
        "digest" => Fault::BAD_DIGEST,
        other => panic!("no fault is called {other}"),
    }
}
