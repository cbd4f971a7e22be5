//! What a deploy changes, in one sentence and file by file.

use super::output::{Render, number, size, visible};
use crate::domain::site::manifest::ChangeCounts;
use anstyle::{AnsiColor, Style};
use serde::Deserialize;
use std::fmt::{self, Write};

/// How many names of a list are shown.
const SHOWN_NAMES: usize = 20;

/// "1 added, 2 changed, 0 removed, 9 unchanged; 3.2 KiB to publish".
pub fn sentence(changes: &ChangeCounts) -> String {
    let ChangeCounts { added, changed, removed, unchanged, .. } = changes;
    let [added, changed, removed, unchanged] = [added, changed, removed, unchanged].map(|files| number(*files));
    let size = size(changes.bytes);
    format!("{added} added, {changed} changed, {removed} removed, {unchanged} unchanged; {size} to publish")
}

/// The names of the files that differ.
#[derive(Debug, Default, Deserialize)]
pub struct Names {
    #[serde(default)]
    added: Vec<String>,
    #[serde(default)]
    changed: Vec<String>,
    #[serde(default)]
    removed: Vec<String>,
}

impl Render for Names {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        for (kind, names) in
            [(Kind::Added, &self.added), (Kind::Changed, &self.changed), (Kind::Removed, &self.removed)]
        {
            for name in names.iter().take(SHOWN_NAMES) {
                writeln!(out, "    {} {}", kind.mark(), visible(name))?;
            }
            if names.len() > SHOWN_NAMES {
                writeln!(out, "    {} … and {} more", kind.mark(), number(names.len() - SHOWN_NAMES))?;
            }
        }
        Ok(())
    }
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// New.
    Added,
    /// Other bytes or headers.
    Changed,
    /// Gone.
    Removed,
}

impl Kind {
    /// One character for it.
    pub fn symbol(self) -> &'static str {
        match self {
            Kind::Added => "+",
            Kind::Changed => "~",
            Kind::Removed => "-",
        }
    }

    /// The character in its colour.
    fn mark(self) -> String {
        let color = match self {
            Kind::Added => AnsiColor::Green,
            Kind::Changed => AnsiColor::Yellow,
            Kind::Removed => AnsiColor::Red,
        };
        let style = Style::new().fg_color(Some(color.into()));
        format!("{style}{}{style:#}", self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    #[test]
    fn long_lists_are_cut_and_counted() {
        let names = Names { added: (0..25).map(|n| format!("a{n}.js")).collect(), ..Names::default() };
        let text = text_of(&names);
        assert_eq!(text.lines().count(), SHOWN_NAMES + 1);
        assert!(text.ends_with("    + … and 5 more\n"), "{text}");
    }
}
