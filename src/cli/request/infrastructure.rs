//! The changes of a change set, as an approver is shown them: replacements and removals first, each with its risk.

use crate::cli::output::{count, number, shorten, table, visible, write_table};
use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color};
use serde::Deserialize;
use std::fmt::{self, Write};

/// How many characters of a text are shown.
const LENGTH: usize = 300;

/// One change, as the tools tell of it.
#[derive(Debug, Deserialize)]
pub struct ChangeView {
    #[serde(default)]
    stack: String,
    logical_id: String,
    #[serde(default)]
    resource_type: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    replacement: String,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    risk: String,
    #[serde(default)]
    why: String,
}

impl ChangeView {
    /// Whether it may lose data, widen rights, or open something to the public. What this version has no word for may.
    pub fn is_grave(&self) -> bool {
        !matches!(self.risk.as_str(), "low" | "review")
    }

    /// Whether the resource goes, perhaps to be made anew.
    fn loses(&self) -> bool {
        self.action == "Remove" || !matches!(self.replacement.as_str(), "" | "none")
    }

    /// What happens to the resource, in a word or two.
    fn action(&self) -> String {
        match (self.action.as_str(), self.replacement.as_str()) {
            ("Remove", _) => "remove".into(),
            (_, "true") => "replace".into(),
            (_, "conditional") => "may replace".into(),
            ("Modify", _) => "change".into(),
            (word, _) => word.to_lowercase(),
        }
    }

    /// The risk in a sentence.
    pub fn sentence(&self) -> String {
        let what = match self.action().as_str() {
            "replace" => "is replaced".to_owned(),
            "may replace" => "may be replaced".to_owned(),
            "remove" => "is removed".to_owned(),
            "change" => "changes".to_owned(),
            "add" => "is new".to_owned(),
            word => format!("({word})"),
        };
        format!("{} ({}) {what}: {}", self.logical_id, self.resource_type, self.why)
    }

    fn risk_cell(&self) -> Cell {
        let cell = Cell::new(visible(&self.risk));
        match self.risk.as_str() {
            "low" => cell.fg(Color::Green),
            "review" => cell.fg(Color::Yellow),
            _ => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        }
    }

    fn what_changes(&self) -> String {
        let names = shorten(&visible(&self.properties.join(", ")), LENGTH);
        let why = shorten(&visible(&self.why), LENGTH);
        if names.is_empty() { why } else { format!("{why} ({names})") }
    }
}

/// Writes the changes; `total` may be more than are shown.
pub fn render(changes: &[ChangeView], total: usize, out: &mut dyn Write) -> fmt::Result {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", headline(changes, total))?;
    let first = changes.first().map(|change| change.stack.as_str()).unwrap_or_default();
    let several = changes.iter().any(|change| change.stack != first);
    let mut columns = vec!["RISK", "ACTION", "RESOURCE", "TYPE", "WHY"];
    if several {
        columns.insert(2, "STACK");
    }
    let mut rows = table(&columns);
    for change in changes {
        let action = Cell::new(visible(&change.action()));
        let action = if change.loses() { action.add_attribute(Attribute::Bold) } else { action };
        let texts = [&change.logical_id, &change.resource_type].map(|text| Cell::new(shorten(&visible(text), LENGTH)));
        let mut cells = vec![change.risk_cell(), action];
        cells.extend(several.then(|| Cell::new(shorten(&visible(&change.stack), LENGTH))));
        cells.extend(texts);
        cells.push(Cell::new(change.what_changes()));
        rows.add_row(cells);
    }
    write_table(out, &rows)?;
    match total.saturating_sub(changes.len()) {
        0 => Ok(()),
        more => writeln!(out, "… and {more} more; the change set in the account has all of them"),
    }
}

fn headline(changes: &[ChangeView], total: usize) -> String {
    let grave = changes.iter().filter(|change| change.is_grave()).count();
    let lost = changes.iter().filter(|change| change.loses()).count();
    let bold = Style::new().bold();
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let mut text = format!("{bold}{}{bold:#}", count(total, "change"));
    // What is not shown comes after what is, as it is less grave; it is not counted here.
    if total > changes.len() {
        text.push_str(&format!("; of the first {}", number(changes.len())));
    }
    if lost > 0 {
        let what = if lost == 1 { "replacement or removal" } else { "replacements or removals" };
        text.push_str(&format!(", {lost} {what}"));
    }
    if grave > 0 {
        text.push_str(&format!(", {red}{grave} with high risk{red:#}"));
    }
    text
}
