//! The visitors of a site, who never pause, and what they may expect.

use std::sync::Arc;

use bouncer::domain::digest::Sha256;
use bouncer::domain::site::invalidation::Untrue;
use bouncer::domain::site::manifest::{Entry, Manifest};
use bouncer::domain::site::paths::SitePath;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::crawler::{Broken, Visitor, Way};
use super::origin::{Cdn, Origin};
use super::site::Release;
use super::truth::Truth;

/// One visitor who comes directly, and one who comes through a CDN.
pub struct Audience<O> {
    pub truth: Arc<Truth>,
    direct: Arc<Visitor<O>>,
    cdn: Arc<Cdn<O>>,
    cached: Arc<Visitor<Cdn<O>>>,
    visits: JoinHandle<Result<(), Broken>>,
    stop: CancellationToken,
}

impl<O: Origin> Audience<O> {
    /// Lets them in. The site must be there.
    pub fn comes(truth: Arc<Truth>, direct: O, behind_cdn: O) -> Self {
        let (direct, cdn) = (Arc::new(direct), Arc::new(Cdn::before(behind_cdn)));
        let direct = Visitor::new(direct, truth.clone(), Way::Direct);
        let cached = Visitor::new(cdn.clone(), truth.clone(), Way::Cached);
        let stop = CancellationToken::new();
        let visits = tokio::spawn(visits(direct.clone(), cached.clone(), stop.clone()));
        Self { truth, direct, cdn, cached, visits, stop }
    }

    /// The publication is live: the CDN is told what changed, and from now on both see all of it and nothing else. Tabs
    /// with the last few releases still find what they load later.
    pub async fn is_live(&mut self, publication: usize, invalidation: &[String]) {
        self.truth.live(publication);
        self.cdn.invalidate(invalidation);
        self.assert_content().await;
        let mut once_live = self.truth.once_live();
        let tabs = once_live.split_off(once_live.len().saturating_sub(TABS));
        for inspection in [self.direct.inspect(&tabs).await, self.cached.inspect(&tabs).await] {
            inspection.unwrap_or_else(|broken| panic!("{broken}"));
        }
    }

    /// Checks that no visitor has met anything broken so far.
    pub async fn assert_content(&mut self) {
        if self.visits.is_finished() {
            let broken = (&mut self.visits).await.expect("a visitor does not panic");
            panic!("a visitor met something broken: {}", broken.expect_err("a visit does not end by itself"));
        }
    }

    /// Sends them home; how many times each has loaded the whole site.
    pub async fn leave(mut self) -> [u64; 2] {
        self.assert_content().await;
        self.stop.cancel();
        self.visits.await.expect("a visitor does not panic").unwrap_or_else(|broken| panic!("{broken}"));
        assert!(self.cdn.hits() > 0, "the cache was never of use");
        [self.direct.loads(), self.cached.loads()]
    }
}

/// Loads the site again and again without a pause, both ways in turn, until `stop` or until something is broken.
async fn visits<O: Origin>(
    direct: Arc<Visitor<O>>,
    cached: Arc<Visitor<Cdn<O>>>,
    stop: CancellationToken,
) -> Result<(), Broken> {
    while !stop.is_cancelled() {
        direct.load().await?;
        cached.load().await?;
    }
    Ok(())
}

/// Releases whose open tabs are looked after, the live one among them.
pub const TABS: usize = 4;

/// What a deploy is to invalidate that replaces one release by another, after those that were begun before.
pub fn invalidation(truth: &Truth, earlier: &Release, later: &Release) -> Vec<String> {
    let (earlier, later) = (manifest(earlier), manifest(later));
    let mut untrue = Untrue::between(&earlier, &later);
    truth.all().iter().for_each(|older| untrue.remember(&manifest(older)));
    untrue.into_paths()
}

fn manifest(release: &Release) -> Manifest {
    let entries = release.files.iter().map(|(path, file)| Entry {
        path: SitePath::parse(path.as_str()).expect("a path"),
        size: file.bytes.len() as u64,
        sha256: Sha256::of(&file.bytes),
        content_type: file.content_type.clone(),
        cache_control: file.cache_control.clone(),
    });
    Manifest::new(entries.collect()).expect("a manifest")
}
