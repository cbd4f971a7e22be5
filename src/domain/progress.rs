//! How far a running deploy is, in numbers and in one sentence that reads the same everywhere.

use super::activity::{Activity, Extent, Hint};
use super::site::manifest::Phase;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a deploy is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The decision is stored, the work has not begun.
    Starting,
    /// Comparing the bucket with the manifest.
    Comparing,
    /// Files that pages refer to.
    PublishingAssets,
    /// Pages.
    PublishingPages,
    /// Reading what a bucket holds.
    Adopting,
    /// Removing what nothing needs any more.
    Pruning,
    /// Everything is live; the records are being closed.
    Finishing,
}

impl From<Phase> for Step {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Assets | Phase::Replacements => Step::PublishingAssets,
            Phase::NewPages | Phase::Pages | Phase::Index => Step::PublishingPages,
        }
    }
}

/// How many steps a frontend deploy has.
const FRONTEND_STEPS: u32 = 4;

/// A snapshot of the work, written to the request at most once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// What is going on.
    pub step: Step,
    /// Files written so far in this deploy.
    pub files_done: u64,
    /// Files to write in this deploy.
    pub files_total: u64,
    /// Bytes written so far.
    pub bytes_done: u64,
    /// Bytes to write.
    pub bytes_total: u64,
}

impl Progress {
    /// Work that has not begun.
    pub fn starting() -> Self {
        Self::at(Step::Starting)
    }

    /// The beginning of a step.
    pub fn at(step: Step) -> Self {
        Self { step, files_done: 0, files_total: 0, bytes_done: 0, bytes_total: 0 }
    }

    /// How many steps there are.
    pub fn steps(&self) -> u32 {
        match self.step {
            Step::Adopting | Step::Pruning => 1,
            _ => FRONTEND_STEPS,
        }
    }

    /// The step's number, counted from 1.
    pub fn step_number(&self) -> u32 {
        match self.step {
            Step::Starting | Step::Comparing | Step::Adopting | Step::Pruning => 1,
            Step::PublishingAssets => 2,
            Step::PublishingPages => 3,
            Step::Finishing => 4,
        }
    }

    /// The sentence of `progress_hint`.
    pub fn hint(&self) -> Hint {
        let files = Extent::Files(self.files_done, self.files_total);
        match self.step {
            Step::Starting => Activity::Starting.into(),
            Step::Comparing => Activity::ComparingBucket.into(),
            Step::PublishingAssets => Activity::PublishingAssets.at(files),
            Step::PublishingPages => Activity::PublishingPages.at(files),
            Step::Adopting if self.files_total == 0 => Activity::LookingAtBucket.into(),
            Step::Adopting => Activity::ReadingBucket.at(files),
            Step::Pruning => Activity::Pruning.into(),
            Step::Finishing => Activity::ClosingRecords.into(),
        }
    }
}
