//! A card as HTML: its facts beside the decision, its sections below.

use super::words::time;
use crate::domain::card::{Card, FactValue, FileChange, FileLine, Files, Row, Section, Served, Table, Weight};
use crate::domain::phrase::Phrase;
use crate::domain::text::{count, number, size};
use crate::domain::text_diff::{Difference, Line, Mark};
use maud::{Markup, html};

/// Renders the facts, as rows of a definition list.
pub(super) fn facts(card: &Card) -> Markup {
    html! {
        @for fact in &card.facts {
            dt { (fact.label) }
            @match &fact.value {
                FactValue::Text(text) => { dd { (text) } }
                FactValue::Code(code) => { dd.code { (code) } }
                FactValue::Phrase(phrase) => { dd { (phrase) } }
                FactValue::Bytes(bytes) => { dd { (size(*bytes)) } }
                FactValue::Count(of) => { dd { (number(*of)) } }
                FactValue::Time(at) => { dd { (time(*at)) } }
                FactValue::Link(url) => { dd { (link(url)) } }
            }
        }
    }
}

/// Renders the warning and the sections. `path` is the page's own address.
pub(super) fn sections(card: &Card, path: &str, has_preview: bool) -> Markup {
    let diffs: Vec<(&String, &Difference)> = card
        .sections
        .iter()
        .filter_map(|section| match section {
            Section::Diff { path, difference } => Some((path, difference)),
            _ => None,
        })
        .collect();
    html! {
        @if let Some(warning) = &card.warning { p.note.grave { (warning) } }
        @for (index, section) in card.sections.iter().enumerate() {
            @match section {
                Section::Files(of) => (files(of, path, has_preview)),
                Section::Table(of) => (table(of, index)),
                Section::Diff { .. } => {}
                Section::Code { title, text } => (titled(title, index, &html! { pre.lines tabindex="0" { (text) } })),
                Section::Steps { title, steps } => {
                    (titled(title, index, &html! { ol { @for step in steps { li { (step) } } } }))
                }
                Section::Notes { notes, .. } => { @for note in notes { p.note { (note) } } }
            }
        }
        @if !diffs.is_empty() {
            section aria-labelledby="texts-title" {
                h2 #texts-title { "Line by line" }
                @for (path, difference) in diffs { (diff(path, difference)) }
            }
        }
    }
}

fn titled(title: &Phrase, index: usize, content: &Markup) -> Markup {
    let id = format!("section-{index}");
    html! { section aria-labelledby=(id) { h2 id=(id) { (title) } (content) } }
}

/// Only what a browser opens as a page is a link; anything else would be a program.
fn link(url: &str) -> Markup {
    html! {
        @if url.starts_with("https://") { a href=(url) rel="noopener noreferrer" target="_blank" { (url) } }
        @else { (url) }
    }
}

fn files(files: &Files, path: &str, has_preview: bool) -> Markup {
    html! {
        section aria-labelledby="changes-title" {
            div.row {
                h2 #changes-title { "What would change" }
                @if has_preview { a.button href={ (path) "/preview" } target="_blank" rel="noopener" { "Preview the site" } }
            }
            ul.counts {
                (counted(files.added, "added", "good"))
                (counted(files.changed, "changed", "wait"))
                (counted(files.removed, "removed", "bad"))
                (counted(files.unchanged, "unchanged", ""))
                li { strong { (size(files.bytes)) } " to write" }
            }
            @if let Some(note) = &files.note { p.note { (note) } }
            @else if files.files.is_empty() {
                p.quiet { "No file would change: the live site already matches." }
            } @else {
                table.files {
                    caption.sr { "Files that differ" }
                    thead { tr { th scope="col" { "Change" } th scope="col" { "File" } th.number scope="col" { "Size" } th scope="col" { "Served as" } } }
                    tbody { @for file in &files.files { (file_row(file)) } }
                }
                @if files.pages > 1 { (pager(files, path)) }
            }
        }
    }
}

fn counted(files: u64, word: &str, tone: &str) -> Markup {
    html! { li.(tone) { strong { (number(files)) } " " (word) } }
}

fn file_row(file: &FileLine) -> Markup {
    let (tone, word) = match file.change {
        FileChange::Added => ("good", "Added"),
        FileChange::Removed => ("bad", "Removed"),
        FileChange::Changed => ("wait", "Changed"),
    };
    html! {
        tr {
            td { span class={ "mark-word " (tone) } { (word) } }
            th.path scope="row" { (file.path) }
            td.number { (differing(file, |served| size(served.size))) }
            td.served {
                span { (differing(file, |served| served.cache_control.clone())) }
                span.quiet { (differing(file, |served| served.content_type.clone())) }
            }
        }
    }
}

/// Renders a property, as it is and as it would be where that differs.
fn differing(file: &FileLine, of: impl Fn(&Served) -> String) -> Markup {
    let after = of(&file.served);
    match file.before.as_ref().map(&of).filter(|before| *before != after) {
        Some(before) => html! { del { (before) } " " ins { (after) } },
        None => html! { (after) },
    }
}

fn pager(files: &Files, path: &str) -> Markup {
    let to = |page: usize| format!("{path}?page={page}");
    html! {
        nav.pager aria-label="Pages of files" {
            @if files.page > 1 { a href=(to(files.page - 1)) rel="prev" { "Previous" } }
            span { "Page " (files.page) " of " (files.pages) ", " (count(files.added + files.changed + files.removed, "file")) }
            @if files.page < files.pages { a href=(to(files.page + 1)) rel="next" { "Next" } }
        }
    }
}

fn table(table: &Table, index: usize) -> Markup {
    let id = format!("section-{index}");
    let more = table.total.saturating_sub(table.rows.len());
    html! {
        @if table.total > 0 {
            section aria-labelledby=(id) {
                h2 id=(id) { (table.title) " (" (number(table.total)) ")" }
                table.files {
                    caption.sr { (table.title) }
                    thead { tr { @for column in &table.columns { th scope="col" { (column) } } } }
                    tbody { @for row in &table.rows { (table_row(row)) } }
                }
                @if more > 0 { p.quiet { "… and " (number(more)) " more." } }
            }
        }
    }
}

fn table_row(row: &Row) -> Markup {
    let class = match row.weight {
        Weight::Plain => "",
        Weight::Notable => "notable",
        Weight::High => "grave",
    };
    html! {
        tr.(class) {
            @for (index, cell) in row.cells.iter().enumerate() {
                td.path {
                    (cell)
                    @if index == 0 && row.weight == Weight::High { " " span.pill.bad { "High risk" } }
                    @if index + 1 == row.cells.len() { @for detail in &row.details { p.quiet { (detail) } } }
                }
            }
        }
    }
}

fn diff(path: &str, difference: &Difference) -> Markup {
    html! {
        details.diff open {
            summary {
                span.path { (path) }
                span.good { "+" (number(difference.added)) } " " span.bad { "−" (number(difference.removed)) }
            }
            div.scroll tabindex="0" role="region" aria-label={ "Changed lines of " (path) } {
                table {
                    caption.sr { "Changed lines of " (path) }
                    @for (index, hunk) in difference.hunks.iter().enumerate() {
                        tbody {
                            @if index > 0 { tr.gap { td colspan="4" { "⋯" } } }
                            @for line in hunk { (line_of(line)) }
                        }
                    }
                }
            }
            @if difference.is_cut { p.quiet { "The rest is omitted here." } }
        }
    }
}

fn line_of(line: &Line) -> Markup {
    let (class, sign) = match line.mark {
        Mark::Added => ("added", "+"),
        Mark::Removed => ("removed", "−"),
        Mark::Same => ("same", " "),
    };
    html! {
        tr.(class) {
            td.at { (line.old.map(|at| at.to_string()).unwrap_or_default()) }
            td.at { (line.new.map(|at| at.to_string()).unwrap_or_default()) }
            td.sign { (sign) }
            td.text { (line.text) }
        }
    }
}
