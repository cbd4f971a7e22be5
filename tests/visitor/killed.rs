//! A real server that is killed at random moments of its deploys, with visitors on its published site.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::audience::{Audience, invalidation};
use super::foreign::Foreign;
use super::origin::Served;
use super::site::{DATA_RULE, Release};
use super::truth::Truth;
use crate::support::{Role, Server, text};
use crate::tools::accepted;

const PROJECT: &str = "shop";
const BUCKET: &str = "shop-site";

struct Show {
    server: Server,
    url: watch::Sender<String>,
    random: StdRng,
    seed: u64,
    /// Of the last release.
    number: usize,
    truth: Arc<Truth>,
    /// How long a deploy takes that nobody disturbs.
    usual: Duration,
}

/// So many deploys, most of them killed once.
pub async fn rounds(rounds: usize, seed: u64) {
    let mut show = Show::start(seed).await;
    let storage = show.server.storage();
    let foreign = Foreign::plant(&storage, BUCKET, &mut show.random).await;
    show.publish_first().await;
    let origin = || Served::new(PROJECT, show.url.subscribe());
    let mut audience = Audience::comes(show.truth.clone(), origin(), origin());

    let mut kills = 0;
    for round in 1..=rounds {
        let kill = (!round.is_multiple_of(4)).then(|| show.usual.mul_f64(show.random.random_range(0.0..1.1)));
        println!("round {round}: killed after {kill:?}");
        kills += usize::from(kill.is_some());
        let (_, earlier) = show.truth.now();
        let release = show.next();
        let publication = show.truth.begin(release.clone());
        show.publish(&release, kill).await;
        audience.is_live(publication, &invalidation(&earlier, &release)).await;
        foreign.assert_one(&storage, &mut show.random).await;
    }

    let loads = audience.leave().await;
    foreign.assert_all(&storage).await;
    println!("{rounds} deploys, {kills} of them killed; loads: {loads:?}");
    assert!(loads.iter().all(|loads| *loads >= rounds as u64), "visitors did not keep up: {loads:?}");
}

impl Show {
    async fn start(seed: u64) -> Self {
        let server = Server::start().await;
        let rules = json!([{ "pattern": "data/**", "cache_control": DATA_RULE }]);
        let arguments = json!({ "project": PROJECT, "bucket": BUCKET, "cache_rules": rules });
        accepted(server.tool(Role::Admin, "bouncer_project_add", arguments).await);
        let (url, _) = watch::channel(server.url().to_owned());
        let random = StdRng::seed_from_u64(seed);
        Self { server, url, random, seed, number: 0, truth: Arc::default(), usual: Duration::ZERO }
    }

    async fn publish_first(&mut self) {
        let release = Arc::new(Release::new(self.seed, self.number));
        let publication = self.truth.begin(release.clone());
        let start = Instant::now();
        self.publish(&release, None).await;
        self.usual = start.elapsed();
        self.truth.live(publication);
    }

    fn next(&mut self) -> Arc<Release> {
        self.number += 1;
        Arc::new(Release::new(self.seed, self.number))
    }

    /// Publishes a release, and kills the server so long after the approval.
    async fn publish(&mut self, release: &Release, kill: Option<Duration>) {
        let arguments = json!({
            "project": PROJECT, "files": release.inline(), "reason": "a test", "source": "tests", "trust_scope": "tests",
        });
        let pending = accepted(self.server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await);
        let id = text(&pending["request_id"]).to_owned();
        let start = Instant::now();
        accepted(self.server.decide(Role::Approver, &id, "approve").await);
        if let Some(after) = kill {
            tokio::time::sleep(after.saturating_sub(start.elapsed())).await;
            self.server.kill9();
            self.server.restart().await;
            self.url.send_replace(self.server.url().to_owned());
        }
        let ended: Value = self.server.ended(&id).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        if kill.is_none() && !self.usual.is_zero() {
            self.usual = start.elapsed();
        }
    }
}
