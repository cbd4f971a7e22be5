//! What the handlers of the page share.

use super::hub::Hub;
use super::manifests::Manifests;
use super::preview_hosts::PreviewHosts;
use super::throttle::Throttle;
use crate::requests::app::App;
use crate::server::guard::Keys;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Pages that read whole sites or long lists, at once; more wait.
const LARGE_PAGES_AT_ONCE: usize = 4;

/// How the page is served, by what serves it.
#[derive(Clone)]
pub(in crate::server) struct PageSetup {
    /// Hosts that show staged sites.
    pub previews: PreviewHosts,
    /// Whether published sites are answered under the same names: those of numbers are then theirs alone.
    pub beside_sites: bool,
    /// Ends the streams that open pages listen to. `None` where an answer cannot be a stream.
    pub streams: Option<CancellationToken>,
}

/// What the handlers share.
#[derive(Clone)]
pub(in crate::server) struct Web(Arc<Shared>);

/// What [`Web`] leads to.
pub(in crate::server) struct Shared {
    pub(super) app: Arc<App>,
    pub(super) keys: Keys,
    pub(super) place: PageSetup,
    pub(super) hub: Hub,
    pub(super) throttle: Throttle,
    pub(super) manifests: Manifests,
    pub(super) large_pages: Semaphore,
}

impl std::ops::Deref for Web {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Web {
    pub(in crate::server) fn new(app: Arc<App>, keys: Keys, place: PageSetup) -> Self {
        Self(Arc::new(Shared {
            hub: Hub::new(app.clone(), place.streams.clone()),
            app,
            keys,
            place,
            throttle: Throttle::default(),
            manifests: Manifests::default(),
            large_pages: Semaphore::new(LARGE_PAGES_AT_ONCE),
        }))
    }
}
