//! A message as text and entities. Our own words stay apart from those of others: a foreign text is one line, marked as
//! a whole, and nothing in it can start a line, hide, or turn the direction of what follows.

use crate::domain::text::{Class, classify, visible};
use teloxide_core::types::MessageEntity;

/// The longest message, in UTF-16 code units, in which Telegram counts.
pub const MAX_UNITS: usize = 4096;

/// What stands for a new line in a foreign text.
const NEW_LINE: char = '⏎';
/// A text under construction, with its length and entities in UTF-16 code units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    units: usize,
    entities: Vec<MessageEntity>,
}

impl Text {
    /// Its length in UTF-16 code units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// The text and its entities, as Telegram takes them.
    pub fn into_parts(self) -> (String, Vec<MessageEntity>) {
        (self.text, self.entities)
    }

    /// Adds words of our own.
    #[must_use]
    pub fn plain(mut self, words: &str) -> Self {
        self.text.push_str(words);
        self.units += words.encode_utf16().count();
        self
    }

    /// Adds words of our own that stand out.
    #[must_use]
    pub fn bold(self, words: &str) -> Self {
        let offset = self.units;
        let mut text = self.plain(words);
        text.entities.push(MessageEntity::bold(offset, text.units - offset));
        text
    }

    /// Adds what someone else wrote, at most so many units of it: as code, in which Telegram finds no links, mentions or
    /// commands.
    #[must_use]
    pub fn foreign(self, text: &str, most: usize) -> Self {
        let shown = cut(&one_line(text), most, Keep::Start);
        self.code(&shown)
    }

    /// As [`Text::foreign`], for paths and names, whose end matters too.
    #[must_use]
    pub fn foreign_name(self, text: &str, most: usize) -> Self {
        let shown = cut(&one_line(text), most, Keep::BothEnds);
        self.code(&shown)
    }

    fn code(self, text: &str) -> Self {
        if text.is_empty() {
            return self.plain("–");
        }
        let offset = self.units;
        let mut whole = self.plain(text);
        whole.entities.push(MessageEntity::code(offset, whole.units - offset));
        whole
    }

    /// Adds another text.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let offset = self.units;
        self.text.push_str(&other.text);
        self.units += other.units;
        self.entities.extend(
            other.entities.into_iter().map(|entity| MessageEntity { offset: entity.offset + offset, ..entity }),
        );
        self
    }
}

/// Whether a foreign text has more than so many units, as it would be shown.
pub fn is_longer(text: &str, most: usize) -> bool {
    one_line(text).encode_utf16().count() > most
}

/// A foreign text as one line that shows all there is: runs of blanks are one, what nobody could see is visible.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut gap = None;
    for c in text.chars() {
        let class = classify(c);
        if matches!(class, Class::Blank | Class::LineBreak) {
            gap = Some(gap == Some(true) || class == Class::LineBreak);
            continue;
        }
        if let Some(breaks) = gap.take().filter(|_| !line.is_empty()) {
            line.push(' ');
            if breaks {
                line.extend([NEW_LINE, ' ']);
            }
        }
        line.push(c);
    }
    visible(&line)
}

/// Which part of a text stays when it is too long.
#[derive(Clone, Copy)]
enum Keep {
    Start,
    BothEnds,
}

/// At most so many units of a text, with an ellipsis where something is missing. No character is split.
fn cut(text: &str, most: usize, keep: Keep) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(1);
    let end = match keep {
        Keep::Start => 0,
        Keep::BothEnds => room / 3,
    };
    let start: String = within(text.chars(), room - end).collect();
    let mut tail: Vec<char> = within(text.chars().rev(), end).collect();
    tail.reverse();
    start.trim_end().chars().chain(['…']).chain(tail).collect::<String>().trim_end().to_owned()
}

fn within(characters: impl Iterator<Item = char>, most: usize) -> impl Iterator<Item = char> {
    characters.scan(0, move |units, c| {
        *units += c.len_utf16();
        (*units <= most).then_some(c)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_is_one_line_and_hides_nothing() {
        let table = [
            ("plain words", "plain words"),
            ("a\nb\r\n\n c", "a ⏎ b ⏎ c"),
            ("  far   apart\t!  ", "far apart !"),
            ("a\u{2028}b\u{85}c", "a ⏎ b ⏎ c"),
            ("x\u{202E}txt.exe", r"x\u{202e}txt.exe"),
            ("a\u{200B}\u{200D}b", r"a\u{200b}\u{200d}b"),
            ("\u{1B}[31mred", r"\u{1b}[31mred"),
            ("Grüße 日本語 👍🏽", "Grüße 日本語 👍🏽"),
            ("z\u{300}\u{301}\u{302}\u{303}!", "z\u{300}\u{301}\\u{302}\\u{303}!"),
            ("\u{3164} \u{2800}", r"\u{3164} \u{2800}"),
            ("\n\n", ""),
        ];
        for (text, line) in table {
            assert_eq!(one_line(text), line, "{text:?}");
        }
    }

    #[test]
    fn cutting_counts_units_and_splits_no_character() {
        assert_eq!(cut("abcdef", 6, Keep::Start), "abcdef");
        assert_eq!(cut("abcdef", 4, Keep::Start), "abc…");
        assert_eq!(cut("😀😀😀", 4, Keep::Start), "😀…");
        assert_eq!(cut("assets/a/very/long/name.js", 13, Keep::BothEnds), "assets/a…e.js");
    }

    #[test]
    fn entities_are_counted_in_units() {
        let text = Text::default().plain("😀 ").bold("Why").and(Text::default().plain(": ").foreign("é😀", 10));
        assert_eq!(text.units(), 11);
        let (text, entities) = text.into_parts();
        assert_eq!(text, "😀 Why: é😀");
        assert_eq!(entities, [MessageEntity::bold(3, 3), MessageEntity::code(8, 3)]);
    }
}
