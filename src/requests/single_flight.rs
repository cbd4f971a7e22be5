//! One look for all who ask for the same thing at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Looks at something large for whoever asks: one look at a time, and one that began after them serves all who waited for
/// it, so however many ask, the thing is read, and held in memory, twice at most. Nobody gets what was read before they
/// asked, and nothing is kept once nobody waits.
pub struct SingleFlight<T> {
    last: Mutex<Option<(Instant, Arc<T>)>>,
    waiting: AtomicUsize,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { last: Mutex::default(), waiting: AtomicUsize::new(0) }
    }
}

impl<T> SingleFlight<T> {
    /// What `look` finds, whoever's look it is.
    pub async fn run<E>(&self, look: impl AsyncFnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let asked = Instant::now();
        let place = WaiterCount::take(&self.waiting);
        let mut last = self.last.lock().await;
        drop(place);
        let found = match last.take().filter(|(began, _)| *began > asked) {
            Some(found) => found,
            None => {
                let began = Instant::now();
                (began, Arc::new(look().await?))
            }
        };
        if self.waiting.load(Ordering::Relaxed) > 0 {
            *last = Some(found.clone());
        }
        Ok(found.1)
    }
}

/// One of those who wait; given back even by those who give up.
struct WaiterCount<'a>(&'a AtomicUsize);

impl<'a> WaiterCount<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for WaiterCount<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tokio::sync::{Notify, Semaphore};

    /// Something whose looks are counted, and end when they are let.
    struct Thing {
        joint: SingleFlight<usize>,
        looks: AtomicUsize,
        began: Notify,
        may_end: Semaphore,
    }

    impl Thing {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                joint: SingleFlight::default(),
                looks: AtomicUsize::new(0),
                began: Notify::new(),
                may_end: Semaphore::new(0),
            })
        }

        async fn look(self: Arc<Self>) -> usize {
            let look = async || {
                let number = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
                self.began.notify_one();
                self.may_end.acquire().await.unwrap().forget();
                Ok::<_, Infallible>(number)
            };
            *self.joint.run(look).await.unwrap()
        }

        async fn until_waiting(&self, count: usize) {
            while self.joint.waiting.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn those_who_ask_meanwhile_share_the_next_look() {
        let thing = Thing::new();
        let first = tokio::spawn(thing.clone().look());
        thing.began.notified().await;
        let later: Vec<_> = (0..50).map(|_| tokio::spawn(thing.clone().look())).collect();
        thing.until_waiting(50).await;
        thing.may_end.add_permits(2);
        assert_eq!(first.await.unwrap(), 1);
        for one in later {
            assert_eq!(one.await.unwrap(), 2, "what was read before they asked is not theirs");
        }
        assert!(thing.joint.last.lock().await.is_none(), "nothing is kept for nobody");
        thing.may_end.add_permits(1);
        assert_eq!(thing.clone().look().await, 3);
    }

    #[tokio::test]
    async fn who_gives_up_holds_nobody_up() {
        let thing = Thing::new();
        let first = tokio::spawn(thing.clone().look());
        thing.began.notified().await;
        let second = tokio::spawn(thing.clone().look());
        thing.until_waiting(1).await;
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!(thing.joint.waiting.load(Ordering::SeqCst), 0);
        thing.may_end.add_permits(1);
        assert_eq!(thing.clone().look().await, 2);
    }
}
