//! What would be done, as lines of a message: where it goes, and the changes, what is lost first.

use super::render::{NAME, PATH, Renderer, SENTENCE};
use super::text::Text;
use super::words::fill;
use crate::analysis::changeset::{AssessedChange, Replacement, Risk};
use crate::domain::prompt::{BackendContent, Content, FileLine, InfrastructureContent, SiteContent};
use crate::domain::review::{BoundedList, ChangedFile};
use crate::domain::text::{number, size};

/// Items of a list that are shown.
const SHOWN: usize = 10;

/// A list under its label.
pub(super) struct Section {
    label: &'static str,
    after_label: String,
    items: Vec<Text>,
    total: usize,
}

impl Section {
    fn of(label: &'static str, items: impl Iterator<Item = Text>, total: usize) -> Self {
        Self { label, after_label: String::new(), items: items.take(SHOWN).collect(), total }
    }

    /// The lines, each beginning with its new line; none when the list is empty.
    pub(super) fn lines(self, renderer: &Renderer) -> Vec<Text> {
        if self.total == 0 && self.after_label.is_empty() {
            return vec![];
        }
        let mut label = self.after_label;
        if label.is_empty() {
            label = number(self.total);
        }
        let more = self.total.saturating_sub(self.items.len());
        let mut lines = vec![renderer.line(self.label).plain(&label)];
        lines.extend(self.items.into_iter().map(|item| Text::default().plain("\n").and(item)));
        if more > 0 {
            lines.push(Text::default().plain("\n").plain(&fill(renderer.0.more, &[&number(more)])));
        }
        lines
    }
}

/// What has to be said before anything else.
pub(super) fn warning(renderer: &Renderer, content: &Content) -> Text {
    match content {
        Content::Site(site) if site.mass_delete => Text::default().plain("\n").bold(renderer.0.mass_delete),
        _ => Text::default(),
    }
}

/// Where it goes: always shown.
pub(super) fn target(renderer: &Renderer, content: &Content) -> Text {
    let words = renderer.0;
    let mut fields: Vec<(&str, &str, usize)> = vec![];
    match content {
        Content::Site(site) => {
            fields.push((words.bucket, &site.target.bucket, NAME));
            fields.extend(site.target.distribution_id.iter().map(|id| (words.distribution, id.as_str(), NAME)));
            fields.extend(site.target.deploy_role_arn.iter().map(|arn| (words.role, arn.as_str(), SENTENCE)));
            fields.extend(site.restores.iter().map(|release| (words.restores, release.as_str(), NAME)));
        }
        Content::Backend(backend) => {
            fields.push((words.stack, &backend.stack_name, NAME));
            fields.extend(backend.target_role_arn.iter().map(|arn| (words.role, arn.as_str(), SENTENCE)));
            fields.push((words.repository, &backend.git_repo, NAME));
            fields.push((words.branch, &backend.branch, NAME));
            fields.push((words.commit, backend.commit.as_str(), NAME));
            fields.push((words.message, &backend.commit_message, SENTENCE));
            fields.extend(backend.review.author.iter().map(|author| (words.author, author.as_str(), NAME)));
            fields.extend(backend.deployed.iter().map(|commit| (words.deployed, commit.as_str(), NAME)));
            fields.extend(backend.review.context.iter().map(|context| (words.context, context.as_str(), SENTENCE)));
        }
        Content::Infrastructure(change) => {
            fields.push((words.commit, change.commit.as_str(), NAME));
            fields.push((words.change_set, &change.change_set_id, SENTENCE));
        }
        Content::Other(summary) => fields.push((words.summary, summary, SENTENCE)),
    }
    let lines = fields.into_iter().map(|(label, value, most)| renderer.field(label, value, most));
    lines.fold(Text::default(), Text::and)
}

/// The lists of changes, the gravest first.
pub(super) fn sections(renderer: &Renderer, content: &Content) -> Vec<Section> {
    match content {
        Content::Site(site) => site_sections(renderer, site),
        Content::Backend(backend) => backend_sections(renderer, backend),
        Content::Infrastructure(change) => infrastructure_sections(renderer, change),
        Content::Other(_) => vec![],
    }
}

fn site_sections(renderer: &Renderer, site: &SiteContent) -> Vec<Section> {
    let words = renderer.0;
    let counts = &site.changes;
    let numbers = [counts.added, counts.changed, counts.removed, counts.unchanged].map(number);
    let bytes = size(counts.bytes);
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).chain([bytes.as_str()]).collect();
    let changes = Section { label: words.changes, after_label: fill(words.counts, &numbers), items: vec![], total: 0 };
    let removed = site.removed.iter().map(|path| Text::default().plain("− ").foreign_name(path, PATH));
    let files = site.files.iter().map(file_line);
    vec![
        changes,
        Section::of(words.removed, removed, site.removed_total),
        Section::of(words.files, files, site.files_total),
    ]
}

fn file_line(file: &FileLine) -> Text {
    let sign = if file.added { "+ " } else { "~ " };
    let text = Text::default().plain(sign).foreign_name(&file.path, PATH).plain(&format!(" {} ", size(file.size)));
    text.foreign(&file.cache_control, 80)
}

fn backend_sections(renderer: &Renderer, backend: &BackendContent) -> Vec<Section> {
    let (words, review) = (renderer.0, &backend.review);
    let findings = review.findings.items.iter().map(|finding| {
        let resource = finding.logical_id.iter();
        let mark = Text::default().plain("⚠️ ");
        let named = resource.fold(mark, |text, id| text.foreign_name(id, NAME).plain(" "));
        renderer.quoted(named, &finding.sentence, SENTENCE)
    });
    vec![
        Section::of(words.findings, findings, review.findings.total),
        Section::of(words.files, review.files.items.iter().map(changed_file), review.files.total),
        notes(renderer, &review.notes),
    ]
}

fn changed_file(file: &ChangedFile) -> Text {
    let sign = match file.status.as_str() {
        "added" => "+ ",
        "removed" => "− ",
        _ => "~ ",
    };
    let lines = format!(" +{} −{}", number(file.additions), number(file.deletions));
    Text::default().plain(sign).foreign_name(&file.filename, PATH).plain(&lines)
}

fn infrastructure_sections(renderer: &Renderer, change: &InfrastructureContent) -> Vec<Section> {
    let BoundedList { items, total } = &change.review.changes;
    let mut changes: Vec<&AssessedChange> = items.iter().collect();
    changes.sort_by_key(|change| !loses(change));
    let lines = changes.into_iter().map(|change| changed_resource(renderer, change));
    vec![Section::of(renderer.0.changes, lines, *total), notes(renderer, &change.review.notes)]
}

/// Whether the resource goes, perhaps to be made anew.
fn loses(change: &AssessedChange) -> bool {
    change.action == "Remove" || change.replacement != Replacement::None
}

fn changed_resource(renderer: &Renderer, change: &AssessedChange) -> Text {
    let words = renderer.0;
    let what = match (change.action.as_str(), change.replacement) {
        ("Remove", _) => words.remove,
        (_, Replacement::True) => words.replace,
        (_, Replacement::Conditional) => words.may_replace,
        ("Add", _) => words.add,
        ("Import", _) => words.import,
        _ => words.change,
    };
    let mark = match change.risk {
        Risk::Low => "🟢 ",
        Risk::Review => "🟡 ",
        Risk::High => "🔴 ",
    };
    let text = Text::default().plain(mark).plain(what).plain(" ").foreign_name(&change.logical_id, NAME).plain(" ");
    renderer.quoted(text.foreign(&change.resource_type, NAME).plain(" "), &change.why, SENTENCE)
}

fn notes(renderer: &Renderer, notes: &[String]) -> Section {
    let items = notes.iter().map(|note| renderer.quoted(Text::default().plain("• "), note, SENTENCE));
    Section::of(renderer.0.notes, items, notes.len())
}
