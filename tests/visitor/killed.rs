//! A real server that is killed at random moments of its deploys, with visitors on its published site.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::audience::{Audience, TABS, invalidation};
use super::foreign::Foreign;
use super::origin::Served;
use super::site::{DATA_RULE, Release};
use super::truth::Truth;
use crate::support::{Role, Server, text};
use crate::tools::accepted;

const PROJECT: &str = "shop";
const BUCKET: &str = "shop-site";
/// Releases that are kept: as many as there are open tabs.
const KEPT: usize = TABS;

struct Show {
    server: Server,
    url: watch::Sender<String>,
    random: StdRng,
    seed: u64,
    /// Of the last release.
    number: usize,
    truth: Arc<Truth>,
    /// What was live so far, oldest first, with the ids it has in the server.
    live: Vec<(String, Arc<Release>)>,
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
        let (release, id) = if round.is_multiple_of(5) { show.ask_back().await } else { show.ask_next().await };
        let publication = show.truth.begin(release.clone());
        show.publish(&release, &id, kill).await;
        audience.is_live(publication, &invalidation(&show.truth, &earlier, &release)).await;
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
        // So few that every deploy removes what the one before the last few has left.
        let arguments = json!({
            "project": PROJECT, "bucket": BUCKET, "cache_rules": rules, "retain_releases": KEPT, "asset_grace_hours": 0,
        });
        accepted(server.tool(Role::Admin, "bouncer_project_add", arguments).await);
        let (url, _) = watch::channel(server.url().to_owned());
        let random = StdRng::seed_from_u64(seed);
        Self { server, url, random, seed, number: 0, truth: Arc::default(), live: vec![], usual: Duration::ZERO }
    }

    async fn publish_first(&mut self) {
        let (release, id) = self.ask_next().await;
        let publication = self.truth.begin(release.clone());
        let start = Instant::now();
        self.publish(&release, &id, None).await;
        self.usual = start.elapsed();
        self.truth.live(publication);
    }

    /// Asks for a deploy of the next release; it and the request's id.
    async fn ask_next(&mut self) -> (Arc<Release>, String) {
        let release = Arc::new(Release::new(self.seed, self.number));
        self.number += 1;
        let arguments = json!({
            "project": PROJECT, "files": release.inline(), "reason": "a test", "source": "tests", "trust_scope": "tests",
        });
        (release, self.ask("bouncer_deploy_frontend", arguments).await)
    }

    /// Asks to go back to one of the releases that are kept.
    async fn ask_back(&mut self) -> (Arc<Release>, String) {
        let kept = &self.live[self.live.len().saturating_sub(KEPT)..self.live.len() - 1];
        let (to, release) = kept[self.random.random_range(0..kept.len())].clone();
        let arguments = json!({ "project": PROJECT, "release": to, "reason": "a test" });
        (release, self.ask("bouncer_frontend_rollback", arguments).await)
    }

    async fn ask(&self, tool: &str, arguments: Value) -> String {
        let pending = accepted(self.server.tool(Role::Agent, tool, arguments).await);
        text(&pending["request_id"]).to_owned()
    }

    /// Approves what was asked for, kills the server so long afterwards, and sees it through to its end.
    async fn publish(&mut self, release: &Arc<Release>, id: &str, kill: Option<Duration>) {
        let start = Instant::now();
        accepted(self.server.decide(Role::Approver, id, "approve").await);
        if let Some(after) = kill {
            tokio::time::sleep(after.saturating_sub(start.elapsed())).await;
            self.server.kill9();
            self.server.restart().await;
            self.url.send_replace(self.server.url().to_owned());
        }
        let ended = self.server.ended(id).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        if kill.is_none() && !self.usual.is_zero() {
            self.usual = start.elapsed();
        }
        self.live.push((text(&ended["result"]["release_id"]).to_owned(), release.clone()));
    }
}
