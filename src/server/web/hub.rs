//! What open pages listen to: however many look at the same thing, its record is read once a second.

use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::request::Request;
use crate::policy::decision::Context;
use crate::requests::app::App;
use crate::requests::page;
use crate::requests::status::waiting;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Pages that can listen at once; others ask now and then.
const LISTENERS: usize = 512;
/// How long a page listens before it must come again, with its session.
const TURN: Duration = Duration::from_secs(60);
/// How often a page is written anew although nothing was stored: windows end by themselves.
const TICK: Duration = Duration::from_secs(2);

/// What can be listened to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    /// All that waits for a decision.
    Waiting,
    /// One request.
    Request(RequestId),
    /// One deploy by its request, and the question about its infrastructure.
    Deploy(RequestId),
}

/// What is read of a topic.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    /// All that waits; or the request; or the deploy, and the question behind it.
    pub requests: Arc<Vec<Request>>,
    /// Of one request: what a decision about it depends on beside.
    pub context: Context,
}

impl Topic {
    /// Between two looks.
    fn pause(&self) -> Duration {
        Duration::from_secs(match self {
            Topic::Waiting => 2,
            Topic::Request(_) | Topic::Deploy(_) => 1,
        })
    }

    async fn read(&self, app: &App) -> Result<Arc<Rows>, UserError> {
        let mut context = Context::default();
        let requests = match self {
            Topic::Waiting => waiting(app).await?,
            Topic::Request(id) => {
                let request = page::request(app, id).await?;
                if let Some(request) = &request {
                    context = page::context_of(app, request).await?;
                }
                Arc::new(request.into_iter().collect())
            }
            Topic::Deploy(id) => Arc::new(page::deploy_and_question(app, id).await?),
        };
        Ok(Arc::new(Rows { requests, context }))
    }
}

/// The rows of a topic as they were read last; nothing before they were read.
type Seen = Option<Arc<Rows>>;
type Topics = Arc<Mutex<HashMap<Topic, watch::Sender<Seen>>>>;

/// Reads what is listened to, and nothing else.
pub(super) struct Hub {
    app: Arc<App>,
    stop: Option<CancellationToken>,
    topics: Topics,
    places: Arc<Semaphore>,
}

impl Hub {
    pub(super) fn new(app: Arc<App>, stop: Option<CancellationToken>) -> Self {
        Self { app, stop, topics: Topics::default(), places: Arc::new(Semaphore::new(LISTENERS)) }
    }

    /// Whether pages can listen at all.
    pub(super) fn is_open(&self) -> bool {
        self.stop.is_some()
    }

    /// Begins to listen; `None` when pages cannot, or too many do.
    pub(super) fn listen(&self, topic: Topic) -> Option<Listener> {
        let stop = self.stop.clone().filter(|stop| !stop.is_cancelled())?;
        let place = self.places.clone().try_acquire_owned().ok()?;
        let mut topics = lock(&self.topics);
        let seen = match topics.get(&topic) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, seen) = watch::channel(None);
                topics.insert(topic.clone(), sender.clone());
                tokio::spawn(keep_reading(self.app.clone(), topic, sender, self.topics.clone(), stop.clone()));
                seen
            }
        };
        Some(Listener { seen, stop, end: Instant::now() + TURN, is_new: true, _place: place })
    }
}

/// Reads a topic until nobody listens any more.
async fn keep_reading(
    app: Arc<App>,
    topic: Topic,
    sender: watch::Sender<Seen>,
    topics: Topics,
    stop: CancellationToken,
) {
    loop {
        // What cannot be read has been logged; the next look may succeed.
        if let Ok(rows) = topic.read(&app).await {
            sender.send_if_modified(|seen| {
                let differs = seen.as_ref() != Some(&rows);
                if differs {
                    *seen = Some(rows);
                }
                differs
            });
        }
        tokio::select! {
            () = sleep(topic.pause()) => {}
            () = stop.cancelled() => return,
        }
        // Under the lock, so that nobody begins to listen to what is being given up.
        let mut topics = lock(&topics);
        if sender.receiver_count() == 0 {
            topics.remove(&topic);
            return;
        }
    }
}

fn lock(topics: &Topics) -> MutexGuard<'_, HashMap<Topic, watch::Sender<Seen>>> {
    topics.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One page that listens.
pub(super) struct Listener {
    seen: watch::Receiver<Seen>,
    stop: CancellationToken,
    end: Instant,
    is_new: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// The rows as they are now: at once at first, then whenever they changed and every other second. `None` when its
    /// turn or the server has ended.
    pub(super) async fn next(&mut self) -> Option<Arc<Rows>> {
        loop {
            if !std::mem::take(&mut self.is_new) {
                let changed = tokio::select! {
                    changed = timeout(TICK, self.seen.changed()) => changed,
                    () = self.stop.cancelled() => return None,
                };
                // A sender that is gone sends no more; the page comes again.
                if matches!(changed, Ok(Err(_))) || Instant::now() >= self.end {
                    return None;
                }
            }
            let rows = self.seen.borrow_and_update().clone();
            if rows.is_some() {
                return rows;
            }
        }
    }
}
