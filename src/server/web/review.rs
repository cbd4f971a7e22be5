//! What a backend's deploy would change: the commit, what to look at first, and the change set.

use crate::analysis::changeset::{AssessedChange, Risk};
use crate::analysis::template_diff::Change;
use crate::domain::prompt::{BackendContent, InfrastructureContent};
use crate::domain::review::{BoundedList, Review};
use crate::domain::text::{count, number};
use maud::{Markup, html};

/// Which commit would become which stack.
pub(super) fn backend(content: &BackendContent) -> Markup {
    let review = &content.review;
    html! {
        section aria-labelledby="commit-title" {
            h2 #commit-title { "The commit" }
            div.commit {
                p.lead { (content.commit_message) }
                p.meta {
                    span.code { (content.commit.short()) }
                    span { (content.git_repo) " · " (content.branch) }
                    @if let Some(author) = &review.author { span { "by " (author) } }
                    @if let Some(url) = review.url.as_deref().filter(|url| url.starts_with("https://")) {
                        a href=(url) rel="noopener noreferrer" target="_blank" { "Compare on GitHub" }
                    }
                }
                p.quiet {
                    @match &content.deployed {
                        Some(commit) => { "Deployed last: " span.code { (commit.short()) } }
                        None => "Nothing was deployed before.",
                    }
                }
                @if let Some(context) = &review.context { blockquote.reason { (context) } }
            }
        }
        (notes(review))
        (findings(review))
        (resources(review))
        (changed_files(review))
        (parameters(review))
    }
}

/// Which change set would be executed.
pub(super) fn infrastructure(content: &InfrastructureContent) -> Markup {
    let listed = &content.review.changes;
    // What is lost stands first; the list itself has the gravest first.
    let mut changes: Vec<&AssessedChange> = listed.items.iter().collect();
    changes.sort_by_key(|change| !change.loses());
    let several = changes.iter().any(|change| Some(&change.stack) != changes.first().map(|first| &first.stack));
    html! {
        (notes(&content.review))
        section aria-labelledby="changes-title" {
            h2 #changes-title { "What the change set does" }
            p.quiet { "Made of commit " span.code { (content.commit.short()) } ". " (headline(listed)) }
            ul.resource-changes {
                @for change in changes { (change_row(change, several)) }
            }
            (more(listed, "the change set in the account has all of them"))
        }
    }
}

fn headline(listed: &BoundedList<AssessedChange>) -> String {
    let lost = listed.items.iter().filter(|change| change.loses()).count();
    let grave = listed.items.iter().filter(|change| change.risk == Risk::High).count();
    let mut text = count(listed.total, "change");
    if lost > 0 {
        text.push_str(&format!(
            ", {}",
            if lost == 1 {
                "1 replacement or removal".to_owned()
            } else {
                format!("{} replacements or removals", number(lost))
            }
        ));
    }
    if grave > 0 {
        text.push_str(&format!(", {} with high risk", number(grave)));
    }
    text
}

fn change_row(change: &AssessedChange, several: bool) -> Markup {
    let tone = if change.loses() || change.risk == Risk::High { "grave" } else { "" };
    let (risk, word) = match change.risk {
        Risk::High => ("bad", "High risk"),
        Risk::Review => ("wait", "To be looked at"),
        Risk::Low => ("quiet", "Low risk"),
    };
    html! {
        li class={ "resource-change " (tone) } {
            p.what {
                strong { (change.logical_id) } " " (change.happening())
                span class={ "pill " (risk) } { (word) }
            }
            p.meta { span.code { (change.resource_type) } @if several { span { (change.stack) } } }
            p { (change.why) }
            @if !change.properties.is_empty() { p.quiet { "Changes: " (change.properties.join(", ")) } }
            @if let Some(id) = &change.physical_id { p.quiet.code { (id) } }
        }
    }
}

fn notes(review: &Review) -> Markup {
    html! { @for note in &review.notes { p.note { (note) } } }
}

fn findings(review: &Review) -> Markup {
    let listed = &review.findings;
    html! {
        @if !listed.items.is_empty() {
            section.findings aria-labelledby="findings-title" {
                h2 #findings-title { (count(listed.total, "thing")) " to look at first" }
                ul {
                    @for finding in &listed.items {
                        li {
                            p { strong { (finding.sentence) } }
                            p.meta {
                                @if let Some(id) = &finding.logical_id { span.code { (id) } }
                                span.code { (finding.path) }
                            }
                        }
                    }
                }
                (more(listed, ""))
            }
        }
    }
}

fn resources(review: &Review) -> Markup {
    let listed = &review.resources;
    html! {
        @if !listed.items.is_empty() {
            section aria-labelledby="resources-title" {
                h2 #resources-title { "Resources of the template that differ" }
                table.files {
                    caption.sr { "Resources that differ" }
                    thead { tr { th scope="col" { "Change" } th scope="col" { "Resource" } th scope="col" { "Type and what" } } }
                    tbody {
                        @for resource in &listed.items {
                            @let (tone, word) = match resource.change {
                                Change::Added => ("good", "Added"),
                                Change::Removed => ("bad", "Removed"),
                                Change::Changed => ("wait", "Changed"),
                            };
                            tr {
                                td { span class={ "mark-word " (tone) } { (word) } }
                                th.path scope="row" { (resource.logical_id) }
                                td.served { span { (resource.kind) } span.quiet { (resource.properties.join(", ")) } }
                            }
                        }
                    }
                }
                (more(listed, ""))
            }
        }
    }
}

fn changed_files(review: &Review) -> Markup {
    let listed = &review.files;
    html! {
        @if !listed.items.is_empty() {
            section aria-labelledby="files-title" {
                h2 #files-title { "Files changed since the last deploy" }
                table.files {
                    caption.sr { "Changed files" }
                    thead { tr { th scope="col" { "Change" } th scope="col" { "File" } th.number scope="col" { "Lines" } } }
                    tbody {
                        @for file in &listed.items {
                            @let tone = match file.status.as_str() {
                                "added" => "good",
                                "removed" => "bad",
                                _ => "wait",
                            };
                            tr {
                                td { span class={ "mark-word " (tone) } { (file.status) } }
                                th.path scope="row" { (file.filename) }
                                td.number { "+" (number(file.additions)) " −" (number(file.deletions)) }
                            }
                        }
                    }
                }
                (more(listed, ""))
            }
        }
    }
}

fn parameters(review: &Review) -> Markup {
    html! {
        @if !review.parameters.is_empty() {
            section aria-labelledby="parameters-title" {
                h2 #parameters-title { "Parameters" }
                dl.facts.wide { @for (name, value) in &review.parameters { dt.code { (name) } dd.code { (value) } } }
            }
        }
    }
}

fn more<T>(listed: &BoundedList<T>, where_else: &str) -> Markup {
    let more = listed.total.saturating_sub(listed.items.len());
    html! {
        @if more > 0 {
            p.quiet { "… and " (number(more)) " more" @if !where_else.is_empty() { "; " (where_else) } "." }
        }
    }
}
