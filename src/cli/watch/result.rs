//! How a deploy ended, as its request keeps it.

use crate::cli::output::{Render, write_field};
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
    #[serde(default)]
    removed_count: u64,
    #[serde(default)]
    failed_files: Vec<FailedFile>,
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
            let (deployed, removed) = (self.deployed_count, self.removed_count);
            let text = format!("{deployed} published, {} unchanged, {removed} removed", self.unchanged_count);
            write_field(out, "files", Some(&text))?;
        }
        write_field(out, "release", self.release_id.as_deref())?;
        write_field(out, "why", self.error_summary.as_deref())?;
        write_field(out, "CDN", self.cf_invalidation_error.as_deref())?;
        for failed in &self.failed_files {
            write_field(out, "failed", Some(&format!("{}: {}", failed.filename, failed.reason)))?;
        }
        Ok(())
    }
}
