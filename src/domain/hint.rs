//! Where a request is right now: one sentence, which says the same in every language.

use super::language::Language;
use super::phrase::Phrase;
use super::text::number;
use std::fmt;

/// What is going on, and how far it is: the sentence of `progress_hint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What is going on.
    pub activity: Phrase,
    /// How far it is.
    pub extent: Extent,
}

/// How far something is, where that can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// It cannot.
    Unsaid,
    /// In a phase, by CodeBuild's name.
    Phase(String),
    /// So many files of so many.
    Files(u64, u64),
    /// So many resources of so many.
    Resources(u64, u64),
}

const SO_FAR: Phrase = Phrase::new("{}: {}", "{}：{}");
const PHASE: Phrase = Phrase::new("{} phase", "{} 階段");
const FILE: Phrase = Phrase::new("{} of {} file", "{} / {} 個檔案");
const FILES: Phrase = Phrase::new("{} of {} files", "{} / {} 個檔案");
const RESOURCE: Phrase = Phrase::new("{} of {} resource", "{} / {} 項資源");
const RESOURCES: Phrase = Phrase::new("{} of {} resources", "{} / {} 項資源");

impl Hint {
    /// Says what is going on, and how far it is.
    pub fn new(activity: Phrase, extent: Extent) -> Self {
        Self { activity, extent }
    }

    /// Writes the sentence in a language.
    pub fn text(&self, language: Language) -> String {
        let activity = self.activity.of(language);
        let extent = match &self.extent {
            Extent::Unsaid => return activity.to_owned(),
            Extent::Phase(phase) => PHASE.fill(&[phase]),
            Extent::Files(done, 1) => FILE.fill(&[&number(*done), "1"]),
            Extent::Files(done, total) => FILES.fill(&[&number(*done), &number(*total)]),
            Extent::Resources(done, total) => {
                let phrase = if *total == 1 { RESOURCE } else { RESOURCES };
                phrase.fill(&[&number(*done), &number(*total)])
            }
        };
        SO_FAR.fill(&[activity, extent.of(language)]).of(language).to_owned()
    }
}

impl From<Phrase> for Hint {
    fn from(activity: Phrase) -> Self {
        Self { activity, extent: Extent::Unsaid }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::English))
    }
}
