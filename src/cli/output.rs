//! What a command prints: one type with a rendering for people and one for programs; chosen here alone.

use super::error::CliError;
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
        Some(value) => writeln!(out, "  {dim}{name:<10}{dim:#}  {}", plain(value)),
        None => Ok(()),
    }
}

/// Text that someone else wrote, safe to print: control characters and those that turn the direction of text around
/// are shown as escapes, because what an approver reads must be what is there.
pub fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        let turns =
            matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
        safe
    })
}

/// The first characters of a text, with an ellipsis where something is missing.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// "1 file", "2 files".
pub fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Bytes in a unit that people read.
pub fn bytes(number: u64) -> String {
    indicatif::HumanBytes(number).to_string()
}

/// Seconds as people say them: "45 s", "9 min 30 s", "2 h 5 min".
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_keeps_words_and_shows_tricks() {
        assert_eq!(plain("Grüße, 日本語 — ok"), "Grüße, 日本語 — ok");
        assert_eq!(plain("a\u{1b}[31mb\r\n\t"), r"a\u{1b}[31mb\r\n\t");
        assert_eq!(plain("x\u{202e}y"), r"x\u{202e}y");
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
    }

    #[test]
    fn durations() {
        let read: Vec<String> = [0, 59, 60, 61, 600, 3599, 3600, 7500].into_iter().map(duration).collect();
        assert_eq!(read, ["0 s", "59 s", "1 min", "1 min 1 s", "10 min", "59 min 59 s", "1 h 0 min", "2 h 5 min"]);
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
