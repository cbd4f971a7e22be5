//! How a deploy ended, as its request keeps it.

use crate::cli::output::{Render, count, number, size, write_field};
use serde::Deserialize;
use serde_json::Value;
use std::fmt::{self, Write};

/// `result` of a deploy's request.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ResultView {
    pub deploy_status: Option<String>,
    #[serde(default)]
    pub changed_resources: u64,
    #[serde(default)]
    deployed_count: u64,
    #[serde(default)]
    unchanged_count: u64,
    removed_count: Option<u64>,
    #[serde(default)]
    failed_files: Vec<FailedFile>,
    adopted_count: Option<u64>,
    #[serde(default)]
    adopted_bytes: u64,
    #[serde(default)]
    not_adopted_count: u64,
    #[serde(default)]
    not_adopted: Vec<FailedFile>,
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    not_removed_count: u64,
    #[serde(default)]
    not_removed: Vec<FailedFile>,
    prune_error: Option<String>,
    release_id: Option<String>,
    pub error_summary: Option<String>,
    cf_invalidation_error: Option<String>,
    #[serde(default)]
    pub urls: Value,
}

#[derive(Debug, Clone, Deserialize)]
struct FailedFile {
    filename: String,
    #[serde(default)]
    reason: String,
}

impl Render for ResultView {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.deploy_status.is_some() {
            let (deployed, removed) = (self.deployed_count, self.removed_count.unwrap_or_default());
            let text = format!(
                "{} published, {} unchanged, {} removed",
                number(deployed),
                number(self.unchanged_count),
                number(removed)
            );
            write_field(out, "files", Some(&text))?;
        }
        if self.error_summary.is_none() {
            self.render_adoption(out)?;
        }
        write_field(out, "release", self.release_id.as_deref())?;
        write_field(out, "why", self.error_summary.as_deref())?;
        write_field(out, "CDN", self.cf_invalidation_error.as_deref())?;
        for failed in &self.failed_files {
            write_field(out, "failed", Some(&format!("{}: {}", failed.filename, failed.reason)))?;
        }
        self.render_removal(out)
    }
}

impl ResultView {
    /// What of a bucket became a release.
    fn render_adoption(&self, out: &mut dyn Write) -> fmt::Result {
        let Some(adopted) = self.adopted_count else { return Ok(()) };
        let files = format!("{}, {}", count(adopted, "file"), size(self.adopted_bytes));
        write_field(out, "files", Some(&files))?;
        write_rest(out, "left out", self.not_adopted_count, &self.not_adopted)
    }

    /// What was removed, and what should have been.
    fn render_removal(&self, out: &mut dyn Write) -> fmt::Result {
        let is_all = self.deploy_status.is_none() && self.adopted_count.is_none();
        let removed = self.removed_count.map(|removed| format!("{} removed", count(removed, "file")));
        write_field(out, "files", removed.filter(|_| is_all).as_deref())?;
        write_rest(out, "stayed", self.not_removed_count, &self.not_removed)?;
        write_field(out, "prune", self.prune_error.as_deref())
    }
}

/// Files with their reasons, and how many there are when not all are named.
fn write_rest(out: &mut dyn Write, what: &str, all: u64, named: &[FailedFile]) -> fmt::Result {
    for file in named {
        write_field(out, what, Some(&format!("{}: {}", file.filename, file.reason)))?;
    }
    let more = all.saturating_sub(named.len() as u64);
    write_field(out, what, (more > 0).then(|| format!("… and {} more", number(more))).as_deref())
}
