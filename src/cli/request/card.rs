//! Renders a card, the parts that every surface shows of a request.

use crate::cli::changes::{Kind, sentence};
use crate::cli::output::{Render, number, size, table, visible, write_field, write_table};
use crate::domain::card::{Card, Fact, FactValue, FileChange, Files, Row, Section, Table, Weight};
use crate::domain::phrase::Phrase;
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::text::absolute;
use crate::domain::text_diff::{Difference, Mark};
use anstyle::{AnsiColor, Style};
use std::fmt::{self, Write};

const RED: Style = AnsiColor::Red.on_default().bold();

impl Render for Card {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        self.facts.iter().try_for_each(|fact| render_fact(fact, out))?;
        for risk in &self.risks {
            writeln!(out, "  {RED}! {}{RED:#}", shown(risk))?;
        }
        self.sections.iter().try_for_each(|section| render_section(section, out))
    }
}

fn shown(phrase: &Phrase) -> String {
    visible(&phrase.to_string())
}

fn render_fact(fact: &Fact, out: &mut dyn Write) -> fmt::Result {
    let value = match &fact.value {
        FactValue::Text(text) | FactValue::Code(text) | FactValue::Link(text) => text.clone(),
        FactValue::Phrase(phrase) => phrase.to_string(),
        FactValue::Bytes(bytes) => size(*bytes),
        FactValue::Count(count) => number(*count),
        FactValue::Time(time) => absolute(*time),
    };
    write_field(out, &shown(&fact.label).to_lowercase(), Some(&value))
}

fn render_section(section: &Section, out: &mut dyn Write) -> fmt::Result {
    match section {
        Section::Files(files) => render_files(files, out),
        Section::Table(rows) => render_table(rows, out),
        Section::Diff { path, difference } => render_diff(path, difference, out),
        Section::Code { title, text } => {
            write_title(out, title)?;
            text.lines().try_for_each(|line| writeln!(out, "  │ {}", visible(line)))
        }
        Section::Steps { title, steps } => {
            write_title(out, title)?;
            steps.iter().zip(1..).try_for_each(|(step, place)| writeln!(out, "  {place}. {}", shown(step)))
        }
        Section::Notes { title, notes } => {
            write_title(out, title)?;
            notes.iter().try_for_each(|note| writeln!(out, "  - {}", shown(note)))
        }
    }
}

fn write_title(out: &mut dyn Write, title: &Phrase) -> fmt::Result {
    let bold = Style::new().bold();
    writeln!(out, "\n{bold}{}{bold:#}", shown(title))
}

fn render_files(files: &Files, out: &mut dyn Write) -> fmt::Result {
    let count = |files: u64| usize::try_from(files).unwrap_or(usize::MAX);
    let counts = ChangeCounts {
        added: count(files.added),
        changed: count(files.changed),
        removed: count(files.removed),
        unchanged: count(files.unchanged),
        bytes: files.bytes,
    };
    write_field(out, "changes", Some(&sentence(&counts)))?;
    if let Some(note) = &files.note {
        return writeln!(out, "   {}", shown(note));
    }
    if files.files.is_empty() {
        return Ok(());
    }
    let mut rows = table(&["", "FILE", "SIZE", "CONTENT-TYPE", "CACHE-CONTROL"]);
    for file in &files.files {
        let kind = match file.change {
            FileChange::Added => Kind::Added,
            FileChange::Changed => Kind::Changed,
            FileChange::Removed => Kind::Removed,
        };
        rows.add_row([
            kind.symbol().to_owned(),
            visible(&file.path),
            size(file.served.size),
            visible(&file.served.content_type),
            visible(&file.served.cache_control),
        ]);
    }
    writeln!(out)?;
    write_table(out, &rows)?;
    if files.pages > 1 {
        writeln!(out, "   page {} of {}; --page shows another", files.page, files.pages)?;
    }
    Ok(())
}

fn render_table(shown_table: &Table, out: &mut dyn Write) -> fmt::Result {
    write_title(out, &shown_table.title)?;
    let heads: Vec<String> = shown_table.columns.iter().map(|column| shown(column).to_uppercase()).collect();
    let heads: Vec<&str> = std::iter::once("").chain(heads.iter().map(String::as_str)).collect();
    let mut rows = table(&heads);
    for row in &shown_table.rows {
        let cells = row.cells.iter().map(|cell| visible(cell));
        rows.add_row(std::iter::once(mark(row).to_owned()).chain(cells));
        for detail in &row.details {
            rows.add_row([String::new(), format!("  {}", visible(detail))]);
        }
    }
    write_table(out, &rows)?;
    match shown_table.total.saturating_sub(shown_table.rows.len()) {
        0 => Ok(()),
        more => writeln!(out, "   … and {} more", number(more)),
    }
}

fn mark(row: &Row) -> &'static str {
    match row.weight {
        Weight::Plain => " ",
        Weight::Notable => "*",
        Weight::High => "!",
    }
}

fn render_diff(path: &str, difference: &Difference, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "\n{} +{} -{}", visible(path), number(difference.added), number(difference.removed))?;
    for (at, hunk) in difference.hunks.iter().enumerate() {
        if at > 0 {
            writeln!(out, "  ⋯")?;
        }
        for line in hunk {
            let (sign, style) = match line.mark {
                Mark::Added => ("+", AnsiColor::Green.on_default()),
                Mark::Removed => ("-", AnsiColor::Red.on_default()),
                Mark::Same => (" ", Style::new()),
            };
            writeln!(out, "  {style}{sign} {}{style:#}", visible(&line.text))?;
        }
    }
    if difference.is_cut {
        writeln!(out, "  … not shown in full")?;
    }
    Ok(())
}
