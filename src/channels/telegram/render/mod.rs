//! A prompt as a message. What must be known to decide comes first and last and is kept short; the list of changes stands
//! between and is cut where the message ends, visibly. The buttons belong to the message and stay.

use super::button;
use super::content;
use super::content::List;
use super::text::{MAX_UNITS, Text, is_longer};
use super::words::{Words, fill, words_of};
use crate::domain::language::Language;
use crate::domain::phrase::Phrase;
use crate::domain::prompt::{Outcome, Prompt, Stage};
use crate::domain::request::Verdict;
use crate::domain::text::{absolute, number};
use crate::domain::time::Time;
use teloxide_core::types::{InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity};

/// Units of a short foreign text: a name, a source.
pub(super) const NAME: usize = 120;
/// Units of a path.
pub(super) const PATH: usize = 140;
/// Units of a sentence.
pub(super) const SENTENCE: usize = 240;
/// Units of the reason.
const REASON: usize = 700;

/// A message as Telegram takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The text.
    pub text: String,
    /// What of it stands out.
    pub entities: Vec<MessageEntity>,
    /// Its buttons.
    pub buttons: Option<InlineKeyboardMarkup>,
}

impl Message {
    /// A message without buttons.
    pub fn of(text: Text) -> Self {
        let (text, entities) = text.into_parts();
        Self { text, entities, buttons: None }
    }
}

/// Puts messages together in one language.
#[derive(Clone, Copy)]
pub struct Renderer {
    /// The channel's own words in that language.
    pub words: &'static Words,
    language: Language,
}

impl Renderer {
    /// Makes the renderer of a language.
    pub fn new(language: Language) -> Self {
        Self { words: words_of(language), language }
    }

    /// Returns a phrase in the renderer's language.
    pub fn phrase<'a>(&self, phrase: &'a Phrase) -> &'a str {
        phrase.of(self.language)
    }

    /// The message of a prompt.
    pub fn prompt(&self, prompt: &Prompt) -> Message {
        let head = self.head(prompt);
        let lists = content::lists(self, &prompt.card);
        let tail = self.tail(prompt);
        let notice = self.line_left_out(usize::from(u16::MAX)).units() + 1;
        let room = MAX_UNITS.saturating_sub(head.units() + tail.units() + notice);
        let body = self.fitting(lists, room);
        Message { buttons: self.buttons(prompt), ..Message::of(head.and(body).and(tail)) }
    }

    /// The message that reminds of a prompt.
    pub fn reminder(&self, prompt: &Prompt) -> Message {
        let mut text = self.title(self.words.reminder, prompt);
        if let Some(project) = &prompt.project {
            text = text.and(self.field(self.words.project, project.as_str(), NAME));
        }
        text = text.and(self.field(self.words.request, prompt.request_id.as_str(), NAME));
        Message::of(text.and(self.line(self.words.expires).plain(&absolute(prompt.expires_at))))
    }

    /// A new line that begins with a label.
    pub(super) fn line(&self, label: &str) -> Text {
        Text::default().plain("\n").bold(label).plain(": ")
    }

    /// A new line with a foreign value.
    pub(super) fn field(&self, label: &str, value: &str, most: usize) -> Text {
        self.quoted(self.line(label), value, most)
    }

    /// Adds a foreign text, and says so when it was shortened.
    pub(super) fn quoted(&self, text: Text, value: &str, most: usize) -> Text {
        let text = text.foreign(value, most);
        if is_longer(value, most) { text.plain(self.words.shortened) } else { text }
    }

    /// Until when something can be decided.
    pub fn expiry(&self, time: Time) -> String {
        format!("{}: {}", self.words.expires, absolute(time))
    }

    fn title(&self, words: &str, prompt: &Prompt) -> Text {
        Text::default().bold(&fill(words, &[self.phrase(&prompt.card.title)]))
    }

    fn head(&self, prompt: &Prompt) -> Text {
        let words = self.words;
        let (title, by) = match &prompt.stage {
            Stage::Asking { .. } => (words.asking, None),
            Stage::Running { decided_by, .. } => (words.running, decided_by.as_ref()),
            Stage::Ended { outcome, decided_by, .. } => (self.outcome(*outcome), decided_by.as_ref()),
        };
        let mut text = self.title(title, prompt).and(content::warning(self, &prompt.card));
        if let Some(by) = by {
            text = text.and(self.field(words.decided_by, by, NAME));
        }
        match &prompt.stage {
            Stage::Asking { approved_by, approvals_required, .. } if *approvals_required > 1 => {
                let counted = [approved_by.len().to_string(), approvals_required.to_string()];
                text = text.and(self.line(words.approvals)).plain(&fill(words.so_far, &[&counted[0], &counted[1]]));
                if !approved_by.is_empty() {
                    text = self.quoted(text.plain(" "), &approved_by.join(", "), NAME);
                }
            }
            Stage::Running { hint: Some(hint), .. } => {
                text = text.and(self.field(words.progress, &hint.text(self.language), SENTENCE));
            }
            Stage::Ended { detail: Some(detail), .. } => {
                text = text.and(self.field(words.detail, detail, 2 * SENTENCE));
            }
            _ => {}
        }
        if let Some(project) = &prompt.project {
            text = text.and(self.field(words.project, project.as_str(), NAME));
        }
        text = text.and(self.field(words.caller, &prompt.caller, NAME));
        if let Some(source) = &prompt.source {
            text = text.and(self.field(words.source, source, NAME));
        }
        text.and(content::facts(self, &prompt.card))
    }

    fn outcome(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Completed => self.words.completed,
            Outcome::Failed => self.words.failed,
            Outcome::PartlyDeployed => self.words.partly_deployed,
            Outcome::Denied => self.words.denied,
            Outcome::Expired => self.words.expired,
            Outcome::Cancelled => self.words.cancelled,
        }
    }

    fn tail(&self, prompt: &Prompt) -> Text {
        let words = self.words;
        let mut text = Text::default();
        if let Some(reason) = &prompt.reason {
            text = text.and(self.field(words.reason, reason, REASON));
        }
        text = text.and(self.field(words.request, prompt.request_id.as_str(), NAME));
        if let Some(deploy) = prompt.deploy_id.as_ref().filter(|_| !matches!(prompt.stage, Stage::Asking { .. })) {
            text = text.and(self.field(words.deploy, deploy.as_str(), NAME));
        }
        if matches!(prompt.stage, Stage::Asking { .. }) {
            text = text.and(self.line(words.expires).plain(&absolute(prompt.expires_at)));
        }
        match &prompt.page {
            // The address is ours, so it may be a link.
            Some(page) if page.len() <= 500 => text.and(self.line(words.page).plain(page)),
            _ => text,
        }
    }

    /// Renders the lists as far as there is room; what is left out is said.
    fn fitting(&self, lists: Vec<List>, room: usize) -> Text {
        let lines: Vec<Text> = lists.into_iter().flat_map(|list| list.lines(self)).collect();
        let (mut text, mut left) = (Text::default(), lines.len());
        for line in lines {
            if text.units() + line.units() > room {
                break;
            }
            text = text.and(line);
            left -= 1;
        }
        if left == 0 { text } else { text.and(self.line_left_out(left)) }
    }

    fn line_left_out(&self, lines: usize) -> Text {
        Text::default().plain("\n").bold(&fill(self.words.left_out, &[&number(lines)]))
    }

    fn buttons(&self, prompt: &Prompt) -> Option<InlineKeyboardMarkup> {
        let Stage::Asking { offered, .. } = &prompt.stage else { return None };
        let buttons = offered.iter().map(|verdict| {
            let label = match verdict {
                Verdict::Approve if !prompt.card.risks.is_empty() => self.words.approve_risks,
                Verdict::Approve => self.words.approve,
                Verdict::Deny => self.words.reject,
            };
            InlineKeyboardButton::callback(label, button::data(prompt, *verdict))
        });
        Some(InlineKeyboardMarkup::new([buttons.collect::<Vec<_>>()]))
    }
}

#[cfg(test)]
mod tests;
