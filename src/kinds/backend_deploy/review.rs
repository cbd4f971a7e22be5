//! What an approver is shown of a commit: what changed since the last deployed one, and what in the template to look at.

use super::preflight::Source;
use crate::analysis::template_diff::{TemplateDiff, diff_texts};
use crate::domain::backend::target::{BackendTarget, DeployMode, Deployed, Gate};
use crate::domain::review::{BoundedList, Review};

/// Looks at a commit against the last deployed one. What cannot be compared is said, and then a human is asked.
pub(crate) async fn review(
    target: &BackendTarget,
    source: &Source,
    base: Option<&Deployed>,
    context: Option<String>,
    open_secrets: &[String],
) -> (Review, Gate) {
    let mut notes: Vec<String> = open_secrets
        .iter()
        .map(|id| format!("The secret '{id}' is known only once the stack runs, so it was not checked."))
        .collect();
    let mut url = source.commit.url.clone();
    let mut files = BoundedList::default();
    let mut diff = None;
    match base {
        None => {
            notes.push("Nothing has been deployed to this stack before, so there is nothing to compare with.".into())
        }
        Some(base) => {
            match source.github.compare(&source.repo, &base.commit, &source.commit.sha).await {
                Ok(comparison) => {
                    files = BoundedList::of(comparison.files);
                    url = comparison.url.or(url);
                }
                Err(error) => {
                    tracing::warn!(%error, "commits cannot be compared");
                    notes.push(format!("The commits since {} cannot be listed.", base.commit.short()));
                }
            }
            match source.github.get_file(&source.repo, &target.sam_template_path, &base.commit).await {
                Ok(old) => {
                    let new = (source.template_text.as_str(), &source.parameters);
                    diff = Some(diff_texts((&old, &base.parameters), new));
                }
                Err(error) => {
                    tracing::warn!(%error, "the deployed template cannot be read");
                    notes.push(format!(
                        "The template at {} cannot be read, so it was not compared.",
                        base.commit.short()
                    ));
                }
            }
        }
    }
    let gate = gate(target.deploy_mode, diff.as_ref());
    let (resources, findings) = diff.map(|diff| (diff.changes, diff.findings)).unwrap_or_default();
    let review = Review {
        author: source.commit.author.clone(),
        url,
        context,
        parameters: source.parameters.redacted(&source.template),
        notes,
        files,
        resources: BoundedList::of(resources),
        findings: BoundedList::of(findings),
        changes: BoundedList::default(),
    };
    (review, gate)
}

/// Whether a human is asked. No comparison, no certainty.
fn gate(mode: DeployMode, diff: Option<&TemplateDiff>) -> Gate {
    match (mode, diff) {
        (DeployMode::AutoAll, _) => Gate::AutoAll,
        (DeployMode::AutoCode, Some(diff)) if diff.unchanged || diff.findings.is_empty() => Gate::AutoCode,
        _ => Gate::Ask,
    }
}
