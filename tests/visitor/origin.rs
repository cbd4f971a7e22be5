//! Where a visitor's requests go: the published site of a running server, a bucket, and the cache of a CDN before either.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bouncer::aws::objects::Objects;
use tokio::sync::watch;

/// How long a site may be away, as it is between a death and the next start.
const AWAY: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(3);

/// What a visitor gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub status: u16,
    pub content_type: String,
    pub cache_control: String,
    pub bytes: Vec<u8>,
}

/// Something that answers `GET` of the path of an address.
pub trait Origin: Send + Sync + 'static {
    fn get(&self, path: &str) -> impl Future<Output = Got> + Send;
}

/// `/sites/PROJECT/…` of a server that may die and come back at another address.
pub struct Served {
    client: reqwest::Client,
    project: &'static str,
    url: watch::Receiver<String>,
}

impl Served {
    pub fn new(project: &'static str, url: watch::Receiver<String>) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { client, project, url }
    }

    /// One attempt; `None` when the server was not there, or went while it answered.
    async fn try_get(&self, path: &str) -> Option<Got> {
        let url = format!("{}/sites/{}{path}", *self.url.borrow(), self.project);
        let response = self.client.get(url).send().await.ok()?;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (content_type, cache_control) = (header("content-type"), header("cache-control"));
        Some(Got {
            status: response.status().as_u16(),
            content_type: content_type.unwrap_or_default(),
            cache_control: cache_control.unwrap_or_default(),
            bytes: response.bytes().await.ok()?.into(),
        })
    }
}

impl Origin for Served {
    async fn get(&self, path: &str) -> Got {
        let start = Instant::now();
        loop {
            if let Some(got) = self.try_get(path).await {
                return got;
            }
            assert!(start.elapsed() < AWAY, "the site is away for too long");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A bucket, read as a CDN reads it. Its index pages answer for their folders.
pub struct Bucket {
    pub objects: Objects,
    pub bucket: &'static str,
}

impl Origin for Bucket {
    async fn get(&self, path: &str) -> Got {
        let key = percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
        let key = if key.is_empty() || key.ends_with('/') { format!("{key}index.html") } else { key };
        match self.objects.open(self.bucket, &key).await {
            Ok(opened) => Got {
                status: 200,
                content_type: opened.headers.content_type.clone().unwrap_or_default(),
                cache_control: opened.headers.cache_control.clone().unwrap_or_default(),
                bytes: opened.collect().await.expect("an object arrives whole").to_vec(),
            },
            Err(error) if error.is_not_found() => {
                Got { status: 404, content_type: String::new(), cache_control: "no-store".into(), bytes: vec![] }
            }
            Err(error) => panic!("{key}: {error}"),
        }
    }
}

/// A cache as a CDN has it: it keeps what `Cache-Control` allows until that time is over, or until it is told.
pub struct Cdn<O> {
    origin: O,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: HashMap<String, (Instant, Got)>,
    /// How often it was told to forget something.
    told: u64,
    hits: u64,
}

impl<O: Origin> Cdn<O> {
    pub fn before(origin: O) -> Self {
        Self { origin, state: Mutex::default() }
    }

    /// Forgets every answer that one of the paths of an invalidation names.
    pub fn invalidate(&self, paths: &[String]) {
        let plain = |path: &str| percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
        let mut state = self.lock();
        state.told += 1;
        for path in paths {
            match path.strip_suffix('*') {
                Some(start) => state.kept.retain(|kept, _| !plain(kept).starts_with(&plain(start))),
                None => state.kept.retain(|kept, _| plain(kept) != plain(path)),
            }
        }
    }

    /// Answers that did not need the origin.
    pub fn hits(&self) -> u64 {
        self.lock().hits
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: Origin> Origin for Cdn<O> {
    async fn get(&self, path: &str) -> Got {
        let told = {
            let mut state = self.lock();
            let fresh = state.kept.get(path).filter(|(until, _)| Instant::now() < *until);
            if let Some(got) = fresh.map(|(_, got)| got.clone()) {
                state.hits += 1;
                return got;
            }
            state.told
        };
        let got = self.origin.get(path).await;
        let mut state = self.lock();
        // What was asked for before it was told to forget may be what it was told to forget.
        if let (200, Some(keep), true) = (got.status, kept_for(&got.cache_control), state.told == told) {
            state.kept.insert(path.to_owned(), (Instant::now() + keep, got.clone()));
        }
        got
    }
}

/// How long an answer is given again without a question; `None` for not at all.
fn kept_for(cache_control: &str) -> Option<Duration> {
    let directives: Vec<String> = cache_control.split(',').map(|it| it.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|it| it == "no-store" || it == "no-cache") {
        return None;
    }
    let seconds = directives.iter().find_map(|it| it.strip_prefix("max-age=")?.parse().ok());
    // CloudFront's own default is a day.
    Some(Duration::from_secs(seconds.unwrap_or(86_400)))
}
