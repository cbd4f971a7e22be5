//! What visitors may get at a moment: the test's own record of what was published when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::site::Release;

/// The publications so far, in their order. One of them is live; those begun after it may be seen as well.
#[derive(Default)]
pub struct Truth(Mutex<Vec<Publication>>);

struct Publication {
    release: Arc<Release>,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Begun, and neither live nor given up. A publication that broke off in the middle stays here.
    Begun,
    Live,
    /// Given up before a visitor could get anything of it.
    Withdrawn,
}

/// What was true when a request was about to be sent.
pub struct Before {
    /// The live publication.
    live: usize,
    withdrawn: Vec<usize>,
}

impl Truth {
    /// Notes that a release is about to be published; the publication's number.
    pub fn begin(&self, release: Arc<Release>) -> usize {
        let mut all = self.lock();
        all.push(Publication { release, standing: Standing::Begun });
        all.len() - 1
    }

    /// Notes that it was said to be live.
    pub fn live(&self, number: usize) {
        self.lock()[number].standing = Standing::Live;
    }

    /// Notes that it was said to have ended before visitors could get anything of it.
    pub fn withdraw(&self, number: usize) {
        self.lock()[number].standing = Standing::Withdrawn;
    }

    /// The release that is live and the number of its publication.
    pub fn now(&self) -> (usize, Arc<Release>) {
        let all = self.lock();
        let live = live(&all);
        (live, all[live].release.clone())
    }

    /// Every release that was begun, oldest first.
    pub fn all(&self) -> Vec<Arc<Release>> {
        self.lock().iter().map(|it| it.release.clone()).collect()
    }

    /// Every release that was live once, oldest first.
    pub fn once_live(&self) -> Vec<Arc<Release>> {
        let all = self.lock();
        all.iter().filter(|it| it.standing == Standing::Live).map(|it| it.release.clone()).collect()
    }

    pub fn before(&self) -> Before {
        let all = self.lock();
        let withdrawn = (0..all.len()).filter(|number| all[*number].standing == Standing::Withdrawn).collect();
        Before { live: live(&all), withdrawn }
    }

    /// The publications whose file of this name an answer may be that came after `before` was taken. What the live one does
    /// not have any more stays for those who came earlier.
    pub fn possible(&self, before: &Before, key: &str) -> Vec<(usize, Arc<Release>)> {
        let all = self.lock();
        let oldest = (0..=before.live).rfind(|number| all[*number].release.files.contains_key(key)).unwrap_or(0);
        let numbers = (oldest..all.len()).filter(|number| !before.withdrawn.contains(number));
        numbers.map(|number| (number, all[number].release.clone())).collect()
    }

    /// Whether a page may have been taken away from a visitor who was led to it by a page of the publication `since`.
    pub fn may_be_gone(&self, before: &Before, key: &str, since: usize) -> bool {
        let all = self.lock();
        let newer = before.live.max(since + 1)..all.len();
        newer
            .into_iter()
            .any(|number| !before.withdrawn.contains(&number) && !all[number].release.files.contains_key(key))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Publication>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn live(all: &[Publication]) -> usize {
    all.iter().rposition(|it| it.standing == Standing::Live).unwrap_or(0)
}
