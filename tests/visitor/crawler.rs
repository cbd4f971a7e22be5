//! A visitor: loads the entry page, everything it refers to and every page it leads to, and says what is broken.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::links::{Reference, references};
use super::origin::{Got, Origin};
use super::site::Release;
use super::truth::Truth;
use crate::support::Stored;

/// What a visitor must never see.
#[derive(Debug)]
pub struct Broken {
    /// The path of its address.
    pub path: String,
    /// The page or file that led there.
    pub from: String,
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (from {}): {}", self.path, self.from, self.why)
    }
}

/// How a visitor reaches the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Direct,
    /// Through a cache, which may keep what its rule says until it is told; then a name without a hash may mean older
    /// bytes than its page does.
    Cached,
}

pub struct Visitor<O> {
    origin: Arc<O>,
    truth: Arc<Truth>,
    way: Way,
    loads: AtomicU64,
}

/// A step of a load.
struct Step {
    path: String,
    from: String,
    kind: Kind,
    /// The publication that what led here is of: nothing it leads to may be older.
    floor: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Page,
    Part,
}

impl<O: Origin> Visitor<O> {
    pub fn new(origin: Arc<O>, truth: Arc<Truth>, way: Way) -> Arc<Self> {
        Arc::new(Self { origin, truth, way, loads: AtomicU64::new(0) })
    }

    /// How often the whole site was loaded.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// Loads the site once.
    pub async fn load(&self) -> Result<(), Broken> {
        let entry = if self.loads.load(Ordering::Relaxed).is_multiple_of(2) { "/" } else { "/index.html" };
        let step = Step { path: entry.into(), from: "nowhere".into(), kind: Kind::Page, floor: 0 };
        let mut steps = VecDeque::from([step]);
        let mut seen = HashSet::new();
        while let Some(step) = steps.pop_front() {
            if seen.insert(step.path.clone()) {
                steps.extend(self.step(&step).await?);
            }
        }
        self.loads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Gets one file and checks it; what it leads to.
    async fn step(&self, step: &Step) -> Result<Vec<Step>, Broken> {
        let before = self.truth.before();
        let got = self.origin.get(&step.path).await;
        let key = key_of(&step.path);
        let possible = self.truth.possible(&before, &key);
        let broken = |why: String| Err(Broken { path: step.path.clone(), from: step.from.clone(), why });
        if got.status != 200 {
            // A page may be gone from a site that has moved on since the one that led there.
            let may_be_gone = step.kind == Kind::Page && self.truth.may_be_gone(&before, &key, step.floor);
            let why = format!("HTTP {}, and publication {} led there", got.status, step.floor);
            return if may_be_gone { Ok(vec![]) } else { broken(why) };
        }
        if Release::is_false_name(&key, &got.bytes) {
            return broken("the bytes are not those of the hash in its name".into());
        }
        let Some(of) = self.publication_of(step, &key, &got, &possible) else {
            return broken(format!(
                "what came is of none of the publications it may be of: from {} on, {:?} may be seen: {}",
                step.floor,
                possible.iter().map(|(number, release)| (*number, release.number)).collect::<Vec<_>>(),
                shown(&got)
            ));
        };
        let floor = if step.kind == Kind::Page { of } else { step.floor };
        let text = String::from_utf8_lossy(&got.bytes);
        let next = references(&step.path, &got.content_type, &text).into_iter().map(|reference| {
            let (path, kind) = match reference {
                Reference::Link(path) if path.ends_with(".html") => (path, Kind::Page),
                Reference::Link(path) | Reference::Part(path) | Reference::Lazy(path) => (path, Kind::Part),
            };
            Step { path, from: step.path.clone(), kind, floor }
        });
        Ok(next.collect())
    }

    /// The publication that an answer is of, if it is of one that may be seen.
    fn publication_of(&self, step: &Step, key: &str, got: &Got, possible: &[(usize, Arc<Release>)]) -> Option<usize> {
        let is_of = |release: &Release| release.files.get(key).is_some_and(|file| is(got, file));
        // A name with a hash means the same in every release, and stays for those who came earlier.
        if Release::promises_bytes(key) {
            return self.truth.all().iter().any(|it| is_of(it)).then_some(step.floor);
        }
        let mut of = possible.iter().filter(|(_, release)| is_of(release)).map(|(number, _)| *number);
        match (step.kind, self.way) {
            (Kind::Part, Way::Cached) => of.next().or_else(|| self.truth.all().iter().any(|it| is_of(it)).then_some(0)),
            _ => of.find(|number| *number >= step.floor),
        }
    }

    /// Checks that this is exactly the release that is live now, every file of it, and that what tabs of earlier ones may
    /// still want is there.
    pub async fn inspect(&self, tabs: &[Arc<Release>]) -> Result<(), Broken> {
        let (number, release) = self.truth.now();
        for (key, file) in &release.files {
            let path = path_of(key);
            let got = self.origin.get(&path).await;
            if !is(&got, file) {
                let why = format!(
                    "not as the live release {} (publication {number}) has it: {}",
                    release.number,
                    shown(&got)
                );
                return Err(Broken { path, from: "the inspection".into(), why });
            }
        }
        let lazy: BTreeMap<&String, &Arc<Release>> =
            tabs.iter().flat_map(|tab| tab.lazy.iter().map(move |key| (key, tab))).collect();
        for (key, tab) in lazy {
            let path = path_of(key);
            let got = self.origin.get(&path).await;
            if !is(&got, &tab.files[key]) {
                let why = format!("gone: {}", shown(&got));
                return Err(Broken { path, from: format!("an open tab of release {}", tab.number), why });
            }
        }
        Ok(())
    }
}

fn is(got: &Got, file: &Stored) -> bool {
    got.status == 200
        && got.bytes == file.bytes
        && got.content_type == file.content_type
        && got.cache_control == file.cache_control
}

fn shown(got: &Got) -> String {
    let text = String::from_utf8_lossy(&got.bytes[..got.bytes.len().min(200)]);
    format!("HTTP {}, {:?}, {:?}, {text}", got.status, got.content_type, got.cache_control)
}

/// The key that a path of an address names.
fn key_of(path: &str) -> String {
    let key = percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
    if key.is_empty() || key.ends_with('/') { format!("{key}index.html") } else { key }
}

/// The path of the address of a key.
pub fn path_of(key: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    format!("/{}", percent_encoding::utf8_percent_encode(key, KEPT))
}
