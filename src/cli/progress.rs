//! How work is shown while it goes on: bars on a terminal, one line per change elsewhere. Always on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;

/// Shows what a command is doing.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    terminal: bool,
}

impl Progress {
    /// As stderr allows.
    pub fn on_stderr() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    /// Says a line, whatever stderr is.
    pub fn note(&self, text: &str) {
        anstream::eprintln!("{text}");
    }

    /// Says a line where no bar shows it.
    pub fn line(&self, text: &str) {
        if !self.terminal {
            self.note(text);
        }
    }

    /// A bar over some bytes; invisible without a terminal.
    pub fn bytes(&self, what: &'static str, total: u64) -> ProgressBar {
        self.bar(Some(total), "{msg:>12} {wide_bar:.cyan/dim} {bytes}/{total_bytes} {eta}").with_message(what)
    }

    /// A bar over some files with a sentence; invisible without a terminal.
    pub fn files(&self, total: u64) -> ProgressBar {
        self.bar(Some(total), "{spinner:.cyan} {msg} {wide_bar:.cyan/dim} {pos}/{len}")
    }

    fn bar(&self, total: Option<u64>, template: &str) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        // The templates are constants of this file; were one wrong, the default style would still be right.
        bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}
