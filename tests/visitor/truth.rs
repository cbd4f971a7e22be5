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

    /// The publications that an answer may be of which came after `before` was taken, with their numbers.
    pub fn possible(&self, before: &Before) -> Vec<(usize, Arc<Release>)> {
        let all = self.lock().iter().map(|it| it.release.clone()).enumerate().collect::<Vec<_>>();
        all.into_iter().filter(|(number, _)| *number >= before.live && !before.withdrawn.contains(number)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Publication>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn live(all: &[Publication]) -> usize {
    all.iter().rposition(|it| it.standing == Standing::Live).unwrap_or(0)
}
