//! A card as lines of a message: its facts, and the changes, what is lost first.

use super::render::{NAME, PATH, Renderer, SENTENCE};
use super::text::Text;
use super::words::fill;
use crate::domain::card::{Card, FactValue, FileChange, FileLine, Files, Row, Section, Table, Weight};
use crate::domain::phrase::Phrase;
use crate::domain::text::{absolute, number, size};

/// Items of a list that are shown.
const SHOWN: usize = 10;

/// A list under its label.
pub(super) struct List {
    label: String,
    after_label: String,
    items: Vec<Text>,
    total: usize,
}

impl List {
    fn of(label: &str, items: impl Iterator<Item = Text>, total: usize) -> Self {
        let label = label.to_owned();
        Self { label, after_label: String::new(), items: items.take(SHOWN).collect(), total }
    }

    /// Returns the lines, each beginning with its new line; none when the list is empty.
    pub(super) fn lines(self, renderer: &Renderer) -> Vec<Text> {
        if self.total == 0 && self.after_label.is_empty() {
            return vec![];
        }
        let mut label = self.after_label;
        if label.is_empty() {
            label = number(self.total);
        }
        let more = self.total.saturating_sub(self.items.len());
        let mut lines = vec![renderer.line(&self.label).plain(&label)];
        lines.extend(self.items.into_iter().map(|item| Text::default().plain("\n").and(item)));
        if more > 0 {
            lines.push(Text::default().plain("\n").plain(&fill(renderer.words.more, &[&number(more)])));
        }
        lines
    }
}

/// Renders what has to be said before anything else.
pub(super) fn warning(renderer: &Renderer, card: &Card) -> Text {
    match &card.warning {
        Some(warning) => Text::default().plain("\n").bold(&format!("⚠️ {}", renderer.phrase(warning))),
        None => Text::default(),
    }
}

/// Renders the facts, which are always shown.
pub(super) fn facts(renderer: &Renderer, card: &Card) -> Text {
    let lines = card.facts.iter().map(|fact| {
        let label = renderer.phrase(&fact.label);
        match &fact.value {
            FactValue::Text(text) | FactValue::Link(text) => renderer.field(label, text, SENTENCE),
            // An ARN tells by its end whose it is.
            FactValue::Code(code) if code.chars().count() > NAME => renderer.field(label, code, SENTENCE),
            FactValue::Code(code) => renderer.field(label, code, NAME),
            FactValue::Phrase(phrase) => renderer.line(label).plain(renderer.phrase(phrase)),
            FactValue::Bytes(bytes) => renderer.line(label).plain(&size(*bytes)),
            FactValue::Count(count) => renderer.line(label).plain(&number(*count)),
            FactValue::Time(time) => renderer.line(label).plain(&absolute(*time)),
        }
    });
    lines.fold(Text::default(), Text::and)
}

/// Renders the risks and the sections as lists, in their order.
pub(super) fn lists(renderer: &Renderer, card: &Card) -> Vec<List> {
    let risks =
        card.risks.iter().map(|risk| renderer.quoted(Text::default().plain("🔴 "), renderer.phrase(risk), SENTENCE));
    let risks = List::of(renderer.words.risks, risks, card.risks.len());
    let sections = card.sections.iter().flat_map(|section| lists_of(renderer, section));
    std::iter::once(risks).chain(sections).collect()
}

fn lists_of(renderer: &Renderer, section: &Section) -> Vec<List> {
    match section {
        Section::Files(files) => file_lists(renderer, files),
        Section::Table(table) => vec![table_list(renderer, table)],
        Section::Notes { title, notes } => vec![sentences(renderer, title, notes)],
        Section::Steps { title, steps } => vec![sentences(renderer, title, steps)],
        Section::Code { title, text } => {
            let lines = text.lines().map(|line| Text::default().plain("│ ").foreign(line, SENTENCE));
            vec![List::of(renderer.phrase(title), lines, text.lines().count())]
        }
        // Lines of texts are for a page.
        Section::Diff { .. } => vec![],
    }
}

fn file_lists(renderer: &Renderer, files: &Files) -> Vec<List> {
    let words = renderer.words;
    let numbers = [files.added, files.changed, files.removed, files.unchanged].map(number);
    let bytes = size(files.bytes);
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).chain([bytes.as_str()]).collect();
    let counts = List {
        label: words.changes.to_owned(),
        after_label: fill(words.counts, &numbers),
        items: files.note.iter().map(|note| Text::default().plain(renderer.phrase(note))).collect(),
        total: 0,
    };
    let is_removed = |file: &&FileLine| file.change == FileChange::Removed;
    let removed = files.files.iter().filter(is_removed);
    let removed = removed.map(|file| Text::default().plain("− ").foreign_name(&file.path, PATH));
    let written = files.files.iter().filter(|file| !is_removed(file)).map(file_line);
    let total = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    vec![
        counts,
        List::of(words.removed, removed, total(files.removed)),
        List::of(words.files, written, total(files.added + files.changed)),
    ]
}

fn file_line(file: &FileLine) -> Text {
    let sign = if file.change == FileChange::Added { "+ " } else { "~ " };
    let text =
        Text::default().plain(sign).foreign_name(&file.path, PATH).plain(&format!(" {} ", size(file.served.size)));
    text.foreign(&file.served.cache_control, 80)
}

fn table_list(renderer: &Renderer, table: &Table) -> List {
    List::of(renderer.phrase(&table.title), table.rows.iter().map(|row| table_row(renderer, row)), table.total)
}

fn table_row(renderer: &Renderer, row: &Row) -> Text {
    let mark = match row.weight {
        Weight::Plain => "• ",
        Weight::Notable => "🟡 ",
        Weight::High => "🔴 ",
    };
    let cells = row.cells.iter().enumerate().fold(Text::default().plain(mark), |text, (at, cell)| {
        let text = if at == 0 { text } else { text.plain(" ") };
        if cell.is_empty() { text } else { text.foreign_name(cell, PATH) }
    });
    row.details.iter().take(1).fold(cells, |text, why| renderer.quoted(text.plain(" "), why, SENTENCE))
}

fn sentences(renderer: &Renderer, title: &Phrase, sentences: &[Phrase]) -> List {
    let items =
        sentences.iter().map(|one| renderer.quoted(Text::default().plain("• "), renderer.phrase(one), SENTENCE));
    List::of(renderer.phrase(title), items, sentences.len())
}
