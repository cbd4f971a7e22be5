//! What a command prints: one type with a rendering for people and one for programs; chosen here alone.

use super::error::CliError;
pub use crate::domain::text::{absolute, ago, count, duration, number, remaining, size, visible};
use crate::domain::time::Time;
use anstyle::Style;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Write};
use std::io::{self, Write as _};

/// The rendering for people. May hold ANSI styles; they are removed where nobody can see them.
pub trait Render {
    /// Writes whole lines.
    fn render(&self, out: &mut dyn Write) -> fmt::Result;
}

/// Prints answers to stdout and notes to stderr.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    /// Whether answers are JSON.
    pub json: bool,
}

impl Printer {
    /// Prints a command's answer.
    pub fn show<T: Render + Serialize>(&self, answer: &T) -> Result<(), CliError> {
        let text = self.text(answer)?;
        self.write(&text).map(|_| ())
    }

    /// Prints a part of an answer that comes bit by bit. `false`: nobody reads it any more.
    pub fn write(&self, text: &str) -> Result<bool, CliError> {
        let mut stdout = anstream::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            // A reader that has seen enough, such as `head`, is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(CliError::failed(format!("The answer could not be written: {error}."))),
            Ok(()) => Ok(true),
        }
    }

    /// Prints the error that ends the program: for people on stderr, for programs on stdout.
    pub fn fail(&self, error: &CliError) {
        if self.json {
            // Nowhere is left to report a failure of this write.
            let _ = self.show(error);
        } else {
            let mut text = String::new();
            let _ = error.render(&mut text);
            anstream::eprint!("{text}");
        }
    }

    fn text<T: Render + Serialize>(&self, answer: &T) -> Result<String, CliError> {
        let mut text = String::new();
        if self.json {
            text = serde_json::to_string_pretty(answer)
                .map_err(|error| CliError::failed(format!("The answer could not be written as JSON: {error}.")))?;
            text.push('\n');
        } else {
            let _ = answer.render(&mut text);
        }
        Ok(text)
    }
}

/// An answer of the server: whole for programs, as far as this version knows it for people.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// What the server sent.
    pub raw: Value,
    /// The members this version reads.
    pub view: T,
}

impl<T> Serialize for Answer<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl<T: Render> Render for Answer<T> {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        self.view.render(out)
    }
}

/// A rendering without styles.
pub fn text_of(answer: &impl Render) -> String {
    let mut text = String::new();
    // A String takes everything.
    let _ = answer.render(&mut text);
    anstream::adapter::strip_str(&text).to_string()
}

/// The width in characters below which wrapping makes a table worse.
const NARROWEST_TERMINAL: u16 = 60;

/// A table without lines, so that it reads well and cuts well.
pub fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Only a terminal has a width to keep to; a file gets whole lines, and so does a terminal too narrow for columns.
    if table.is_tty() && table.width().is_some_and(|width| width >= NARROWEST_TERMINAL) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table
}

/// Writes a table flush left, without trailing blanks.
pub fn write_table(out: &mut dyn Write, table: &Table) -> fmt::Result {
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// A `name  value` line of a description; `None` writes nothing.
pub fn write_field(out: &mut dyn Write, name: &str, value: Option<&str>) -> fmt::Result {
    let dim = Style::new().dimmed();
    match value {
        Some(value) => writeln!(out, "  {dim}{name:<10}{dim:#}  {}", visible(value)),
        None => Ok(()),
    }
}

/// A point in time of an answer; one that this version cannot read is shown as it came.
pub fn time(text: &str) -> String {
    Time::try_from(text.to_owned()).map_or_else(|_| visible(text), absolute)
}

/// The first characters of a text, with an ellipsis where something is missing.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
    }

    #[test]
    fn tables_are_flush_left() {
        let mut rows = table(&["NAME", "ROLE"]);
        rows.add_row(["first", "agent"]);
        rows.add_row(["a-longer-one", ""]);
        let mut text = String::new();
        write_table(&mut text, &rows).unwrap();
        assert_eq!(text, "NAME          ROLE\nfirst         agent\na-longer-one\n");
    }
}
