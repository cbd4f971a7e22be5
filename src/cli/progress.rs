//! How work is shown while it goes on: bars on a terminal, one line per change elsewhere. Always on stderr.

use super::output::{duration, size, visible};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::Value;
use std::fmt::Write;
use std::io::IsTerminal as _;
use std::time::Duration;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

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

    /// Says what the server warns of in an answer.
    pub fn warnings(&self, answer: &Value) {
        for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.note(&format!("warning: {}", visible(warning)));
        }
    }

    /// Says a line above a bar, or where no bar shows it: something that stays to be read.
    pub fn above(&self, bar: &ProgressBar, text: &str) {
        if self.terminal { bar.println(self.styled(text)) } else { self.note(text) }
    }

    /// A text with its styles, or without them where they are not wanted. For bars, which print what they are given.
    pub fn styled(&self, text: &str) -> String {
        match anstream::AutoStream::choice(&std::io::stderr()) {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
            _ => text.to_owned(),
        }
    }

    /// A bar over some bytes; invisible without a terminal.
    pub fn bytes(&self, what: &'static str, total: u64) -> ProgressBar {
        self.bar(Some(total), "{msg:>12} {wide_bar:.cyan/dim} {done} of {size}, {left} left").with_message(what)
    }

    /// A sentence that changes, with a bar as soon as there are files to count; invisible without a terminal.
    pub fn sentence(&self) -> ProgressBar {
        let bar = self.bar(None, "{spinner:.cyan} {msg}");
        if self.terminal {
            bar.enable_steady_tick(TICK);
        }
        bar
    }

    /// Shows how many of a sentence's files are done.
    pub fn count(bar: &ProgressBar, done: u64, total: u64) {
        if bar.length().is_none() && total > 0 {
            bar.set_style(style("{spinner:.cyan} {msg} {wide_bar:.cyan/dim}"));
        }
        if total > 0 {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    fn bar(&self, total: Option<u64>, template: &str) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        total.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style(template))
    }
}

/// The templates are constants of this file; were one wrong, the default style would still be right.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // indicatif's own units would differ from those of every other line.
    style
        .with_key("done", |state: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&size(state.pos()));
        })
        .with_key("size", |state: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&size(state.len().unwrap_or_default()));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&duration(state.eta().as_secs()));
        })
}
