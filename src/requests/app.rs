//! What every use case works with.

use super::engine::Engine;
use super::kind::Kinds;
use super::prompts::PromptLocks;
use super::single_flight::SingleFlight;
use super::stack_services::Backend;
use crate::aws::objects::Objects;
use crate::aws::sites::Sites;
use crate::channels::Channel;
pub use crate::domain::profile::Profile;
use crate::domain::quota::QuotaLimits;
use crate::domain::request::Request;
use crate::domain::site::contents::Ages;
use crate::storage::{Documents, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The outside world of the use cases.
pub struct App {
    /// Records.
    pub store: Store,
    /// The staging bucket.
    pub documents: Documents,
    /// Objects, with Bouncer's own credentials.
    pub objects: Objects,
    /// The projects' buckets and distributions.
    pub sites: Sites,
    /// What backend deploys need; `None` where they are not set up.
    pub backend: Option<Backend>,
    /// The kinds of requests.
    pub kinds: Kinds,
    /// The state machines.
    pub engine: Arc<dyn Engine>,
    /// Where approvers are asked, beside the web page and the command line, which need no delivery.
    pub channels: Vec<Arc<dyn Channel>>,
    /// Whose turn it is to change a prompt.
    pub turns: PromptLocks,
    /// What waits for a decision, read for many at once.
    pub waiting: SingleFlight<Vec<Request>>,
    /// What the installation is configured to do.
    pub settings: Settings,
    /// Room for file content on its way, in KiB, shared by every publish of this process.
    pub transfer_room: Semaphore,
}

/// The services that an application is assembled from.
pub struct Adapters {
    /// Records.
    pub store: Store,
    /// The staging bucket.
    pub documents: Documents,
    /// Objects, with Bouncer's own credentials.
    pub objects: Objects,
    /// The projects' buckets and distributions.
    pub sites: Sites,
    /// The state machines.
    pub engine: Arc<dyn Engine>,
    /// Where approvers are asked.
    pub channels: Vec<Arc<dyn Channel>>,
    /// The services of backend deploys; `None` where they are not set up.
    pub backend: Option<Backend>,
}

impl App {
    /// Assembles an application. This is the only place that makes one.
    pub fn assemble(kinds: Kinds, adapters: Adapters, settings: Settings) -> Self {
        let Adapters { store, documents, objects, sites, engine, channels, backend } = adapters;
        Self {
            kinds,
            store,
            documents,
            objects,
            sites,
            backend,
            engine,
            channels,
            turns: PromptLocks::default(),
            waiting: SingleFlight::default(),
            settings,
            transfer_room: Semaphore::new(TRANSFER_ROOM_KIB),
        }
    }
}

/// An installation's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where Bouncer runs.
    pub profile: Profile,
    /// The account that Bouncer runs in: 12 digits.
    pub account: String,
    /// How long a frontend deploy waits for a decision unless it asks otherwise, in seconds.
    pub approval_window: u64,
    /// The address under which the local server shows published sites, without a trailing `/`.
    pub public_url: Option<String>,
    /// How much one caller may ask of humans.
    pub asking: QuotaLimits,
    /// The address of the web page, without a trailing `/`, where the installation knows it.
    pub page_url: Option<String>,
    /// Bounds on what is accepted.
    pub limits: Limits,
    /// How a publish works.
    pub publish: PublishSettings,
}

impl Settings {
    /// Returns the settings of an account with every default.
    pub fn new(profile: Profile, account: &str) -> Self {
        Self {
            profile,
            account: account.to_owned(),
            approval_window: 600,
            public_url: None,
            asking: QuotaLimits::default(),
            page_url: None,
            limits: Limits::default(),
            publish: PublishSettings::default(),
        }
    }
}

/// Bounds on what one call may ask for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Files of an inline deploy.
    pub inline_files: usize,
    /// Bytes of one inline file.
    pub inline_file_bytes: u64,
    /// Bytes of all inline files.
    pub inline_total_bytes: u64,
    /// Characters of one file's base64 text, refused before it is decoded.
    pub inline_base64_chars: usize,
    /// Files of a deploy with presigned uploads.
    pub presigned_files: usize,
    /// Bytes of all files of a deploy with presigned uploads.
    pub presigned_total_bytes: u64,
    /// Files of an upload batch, and objects of one confirmation.
    pub batch_files: usize,
    /// Characters of a reason, source or trust scope.
    pub text_chars: usize,
    /// Bytes of upload addresses in one answer, more or less; what does not fit comes with the next one.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inline_files: 200,
            inline_file_bytes: 10_000_000,
            inline_total_bytes: 50_000_000,
            inline_base64_chars: 3_500_000,
            presigned_files: 20_000,
            presigned_total_bytes: 5_000_000_000,
            batch_files: 50,
            text_chars: 2_000,
            answer_bytes: 32 << 20,
        }
    }
}

/// KiB of file content that may be on their way at once, over all publishes of a process.
pub const TRANSFER_ROOM_KIB: usize = 16 << 10;

/// How a publish works.
#[derive(Debug, Clone)]
pub struct PublishSettings {
    /// Files in flight at once.
    pub concurrency: usize,
    /// How long one slice may take before it hands over to the next.
    pub slice: Duration,
    /// Seconds for which a deploy holds its project without a sign of life.
    pub lease_seconds: u64,
    /// Files from this size on are moved part by part, one file after another.
    pub large_bytes: u64,
    /// Bytes of a part: at least 5 MiB, which S3 demands, and a few of them go into [`TRANSFER_ROOM_KIB`].
    pub part_bytes: u64,
    /// How old contents may become that nothing needs.
    pub ages: Ages,
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            slice: Duration::from_secs(60),
            lease_seconds: 60,
            large_bytes: 256 << 20,
            part_bytes: 5 << 20,
            ages: Ages::default(),
        }
    }
}
