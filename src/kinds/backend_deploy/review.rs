//! What an approver is shown of a commit: what changed since the deployed one, and what to look at in the template.

use super::preflight::Source;
use crate::analysis::template_diff::{TemplateDiff, diff_texts};
use crate::domain::backend::target::{BackendTarget, Deployed};
use crate::kinds::stack::review::{BackendReview, BoundedList, Note};
use crate::policy::rules::Findings;

/// Compares a commit with the deployed one. A note says what could not be compared; without a comparison of the templates
/// the findings are unknown.
pub(crate) async fn review(
    target: &BackendTarget,
    source: &Source,
    base: Option<&Deployed>,
    context: Option<String>,
    open_secrets: Vec<String>,
) -> (BackendReview, Findings) {
    let mut notes: Vec<Note> = open_secrets.into_iter().map(|secret| Note::SecretNotChecked { secret }).collect();
    let mut url = source.commit.url.clone();
    let mut files = BoundedList::default();
    let mut diff = None;
    match base {
        None => notes.push(Note::FirstDeploy),
        Some(base) => {
            let short = || base.commit.short().to_owned();
            match source.github.compare(&source.repo, &base.commit, &source.commit.sha).await {
                Ok(comparison) => {
                    files = BoundedList::of(comparison.files);
                    url = comparison.url.or(url);
                }
                Err(error) => {
                    tracing::warn!(%error, "commits cannot be compared");
                    notes.push(Note::CommitsUnlisted { base: short() });
                }
            }
            match source.github.get_file(&source.repo, &target.sam_template_path, &base.commit).await {
                Ok(old) => {
                    let new = (source.template_text.as_str(), &source.parameters);
                    diff = Some(diff_texts((&old, &base.parameters), new));
                }
                Err(error) => {
                    tracing::warn!(%error, "the deployed template cannot be read");
                    notes.push(Note::TemplateNotCompared { base: short() });
                }
            }
        }
    }
    let findings = findings_of(diff.as_ref());
    let (resources, found) = diff.map(|diff| (diff.changes, diff.findings)).unwrap_or_default();
    let review = BackendReview {
        author: source.commit.author.clone(),
        url,
        context,
        parameters: source.template.redacted(&source.parameters),
        notes,
        files,
        resources: BoundedList::of(resources),
        findings: BoundedList::of(found),
        changes: BoundedList::default(),
    };
    (review, findings)
}

/// Counts what an approver must see; nothing is known without a comparison.
fn findings_of(diff: Option<&TemplateDiff>) -> Findings {
    match diff {
        None => Findings::Unknown,
        Some(diff) if diff.unchanged => Findings::Count(0),
        Some(diff) => Findings::Count(diff.findings.len()),
    }
}
