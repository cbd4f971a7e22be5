//! How far work on a site is.

use crate::domain::hint::{Extent, Hint};
use crate::domain::phrase::Phrase;
use crate::domain::progress::ProgressView;
use crate::domain::request::Request;
use crate::domain::sealed::Sealable;
use crate::domain::site::manifest::Phase;
use serde::{Deserialize, Serialize};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The phrases below say it.
pub(crate) enum Step {
    Starting,
    Comparing,
    PublishingAssets,
    PublishingPages,
    Adopting,
    Pruning,
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

/// How many steps a publish has.
const PUBLISH_STEPS: u32 = 4;

/// A snapshot of the work, written at most once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteProgress {
    pub step: Step,
    /// Of the step.
    pub files_done: u64,
    pub files_total: u64,
    pub bytes_done: u64,
    pub bytes_total: u64,
}

impl Sealable for SiteProgress {
    const TYPE: &'static str = "site_progress";
    const VERSION: u32 = 1;
}

impl SiteProgress {
    /// Makes the beginning of a step.
    pub fn at(step: Step) -> Self {
        Self { step, files_done: 0, files_total: 0, bytes_done: 0, bytes_total: 0 }
    }

    /// Reads the progress of a request.
    pub fn of(request: &Request) -> Option<Self> {
        request.progress_as()
    }

    /// Says what is being done, and how far it is.
    pub fn hint(&self) -> Hint {
        const STARTING: Phrase = Phrase::new("Starting: the decision is stored", "開始執行：決定已儲存");
        const COMPARING: Phrase =
            Phrase::new("Comparing the bucket with the approved files", "正在比對儲存桶與已核准的檔案");
        const ASSETS: Phrase = Phrase::new("Publishing assets", "正在發佈資源檔案");
        const PAGES: Phrase = Phrase::new("Publishing pages", "正在發佈頁面");
        const LISTING: Phrase = Phrase::new("Listing the bucket", "正在查看儲存桶的內容");
        const READING: Phrase = Phrase::new("Reading the bucket", "正在讀取儲存桶");
        const PRUNING: Phrase = Phrase::new("Removing files that no release needs", "正在移除不再需要的檔案");
        const CLOSING: Phrase = Phrase::new("Live; updating the records", "已上線，正在完成紀錄");
        let files = Extent::Files(self.files_done, self.files_total);
        match self.step {
            Step::Starting => STARTING.into(),
            Step::Comparing => COMPARING.into(),
            Step::PublishingAssets => Hint::new(ASSETS, files),
            Step::PublishingPages => Hint::new(PAGES, files),
            Step::Adopting if self.files_total == 0 => LISTING.into(),
            Step::Adopting => Hint::new(READING, files),
            Step::Pruning => PRUNING.into(),
            Step::Finishing => CLOSING.into(),
        }
    }

    /// Says the same in numbers.
    pub fn view(&self) -> ProgressView {
        let (step, name) = match self.step {
            Step::Starting => (1, "starting"),
            Step::Comparing => (1, "comparing"),
            Step::Adopting => (1, "adopting"),
            Step::Pruning => (1, "pruning"),
            Step::PublishingAssets => (2, "publishing_assets"),
            Step::PublishingPages => (3, "publishing_pages"),
            Step::Finishing => (4, "finishing"),
        };
        let steps = if matches!(self.step, Step::Adopting | Step::Pruning) { 1 } else { PUBLISH_STEPS };
        ProgressView {
            done: self.files_done,
            total: self.files_total,
            files_done: Some(self.files_done),
            files_total: Some(self.files_total),
            bytes_done: Some(self.bytes_done),
            bytes_total: Some(self.bytes_total),
            ..ProgressView::of_step(step, steps, name)
        }
    }
}
