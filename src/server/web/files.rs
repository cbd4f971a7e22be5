//! What a site's deploy would change: the files, and the lines of texts.

use crate::analysis::text_diff::{Line, Mark};
use crate::domain::prompt::SiteContent;
use crate::domain::site::manifest::Entry;
use crate::domain::site::removal::MassDelete;
use crate::domain::text::{count, number, size};
use crate::requests::page::{FILES_A_PAGE, FileDiffers, SiteLook, TextDiffers};
use maud::{Markup, html};

/// The files of a site that differ.
pub(super) fn site(content: &SiteContent, look: Option<&SiteLook>, path: &str) -> Markup {
    let changes = content.changes;
    html! {
        section aria-labelledby="changes-title" {
            div.row {
                h2 #changes-title { "What would change" }
                a.button href={ (path) "/preview" } target="_blank" rel="noopener" { "Preview the site" }
            }
            ul.counts {
                (counted(changes.added, "added", "good"))
                (counted(changes.changed, "changed", "wait"))
                (counted(changes.removed, "removed", "bad"))
                (counted(changes.unchanged, "unchanged", ""))
                li { strong { (size(changes.bytes)) } " to write" }
            }
            @if let Some(release) = &content.restores {
                p.note { "It goes back to the files of release " span.code { (release) } "." }
            }
            @if content.mass_delete { p.note.grave { (MassDelete::WARNING) } }
            @if let Some(look) = look { (list(look, path)) }
        }
        @if let Some(look) = look { (texts(look)) }
    }
}

fn counted(files: usize, word: &str, tone: &str) -> Markup {
    html! { li.(tone) { strong { (number(files)) } " " (word) } }
}

fn list(look: &SiteLook, path: &str) -> Markup {
    html! {
        @if look.total == 0 {
            p.quiet { "No file would change: the live site is already this one." }
        } @else {
            table.files {
                caption.sr { "Files that differ" }
                thead { tr { th scope="col" { "Change" } th scope="col" { "File" } th.number scope="col" { "Size" } th scope="col" { "Served as" } } }
                tbody { @for file in &look.files { (row(file)) } }
            }
            @if look.pages > 1 { (pager(look, path)) }
        }
    }
}

fn row(file: &FileDiffers) -> Markup {
    let (tone, word) = match (&file.before, &file.after) {
        (None, _) => ("good", "Added"),
        (_, None) => ("bad", "Removed"),
        _ => ("wait", "Changed"),
    };
    html! {
        tr {
            td { span class={ "mark-word " (tone) } { (word) } }
            th.path scope="row" { (file.path()) }
            td.number { (differing(file, |entry| size(entry.size))) }
            td.served {
                span { (differing(file, |entry| entry.cache_control.clone())) }
                span.quiet { (differing(file, |entry| entry.content_type.clone())) }
            }
        }
    }
}

/// A property, as it is and as it would be where that differs.
fn differing(file: &FileDiffers, of: impl Fn(&Entry) -> String) -> Markup {
    match (file.before.as_ref().map(&of), file.after.as_ref().map(&of)) {
        (Some(before), Some(after)) if before != after => html! { del { (before) } " " ins { (after) } },
        (before, after) => html! { (after.or(before).unwrap_or_default()) },
    }
}

fn pager(look: &SiteLook, path: &str) -> Markup {
    let first = (look.page - 1) * FILES_A_PAGE + 1;
    let to = |page: usize| format!("{path}?page={page}");
    html! {
        nav.pager aria-label="Pages of files" {
            @if look.page > 1 { a href=(to(look.page - 1)) rel="prev" { "Previous" } }
            span { (number(first)) " to " (number(first + look.files.len() - 1)) " of " (count(look.total, "file")) }
            @if look.page < look.pages { a href=(to(look.page + 1)) rel="next" { "Next" } }
        }
    }
}

fn texts(look: &SiteLook) -> Markup {
    html! {
        @if !look.texts.is_empty() || (look.page == 1 && look.texts_left_out > 0) {
            section aria-labelledby="texts-title" {
                h2 #texts-title { "Line by line" }
                @for text in &look.texts { (text_of(text)) }
                @if look.texts_left_out > 0 {
                    p.quiet {
                        (count(look.texts_left_out, "more changed text"))
                        " not compared here: over 256 KiB, or beyond the first 20."
                    }
                }
            }
        }
    }
}

fn text_of(text: &TextDiffers) -> Markup {
    let difference = &text.difference;
    html! {
        details.diff open {
            summary {
                span.path { (text.path) }
                span.good { "+" (number(difference.added)) } " " span.bad { "−" (number(difference.removed)) }
            }
            div.scroll tabindex="0" role="region" aria-label={ "Changed lines of " (text.path) } {
                table {
                    caption.sr { "Changed lines of " (text.path) }
                    @for (index, hunk) in difference.hunks.iter().enumerate() {
                        tbody {
                            @if index > 0 { tr.gap { td colspan="4" { "⋯" } } }
                            @for line in hunk { (line_of(line)) }
                        }
                    }
                }
            }
            @if difference.is_cut { p.quiet { "The rest is left out here." } }
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
