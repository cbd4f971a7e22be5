//! `bouncer deploy history`: what was deployed.

use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Render, duration, shorten, table, time, visible, write_table};
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};

/// Runs the command.
pub async fn run(context: &Context, client: &Client, project: &str, limit: u32) -> Result<Exit, CliError> {
    let arguments = json!({ "project": project, "limit": limit });
    context.printer.show(&client.call::<History>("bouncer_deploy_history", &arguments).await?)?;
    Ok(Exit::Done)
}

#[derive(Debug, Deserialize)]
struct History {
    #[serde(alias = "history")]
    deploys: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    deploy_id: String,
    status: String,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    duration_seconds: Option<u64>,
    #[serde(default, alias = "source")]
    triggered_by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    commit_sha: Option<String>,
    #[serde(default)]
    commit_message: Option<String>,
    #[serde(default)]
    branch: Option<String>,
}

impl Row {
    fn kind(&self) -> &'static str {
        if self.commit_sha.is_some() { "backend" } else { "frontend" }
    }

    /// The commit's first digits and its title.
    fn commit(&self) -> String {
        let Some(sha) = &self.commit_sha else { return "-".into() };
        let short: String = sha.chars().take(7).collect();
        let title = self.commit_message.as_deref().unwrap_or_default();
        shorten(visible(&format!("{short} {title}")).trim_end(), COMMIT_LENGTH)
    }
}

/// How much of a commit fits beside the rest of a row.
const COMMIT_LENGTH: usize = 40;
/// How much of a branch's name does.
const BRANCH_LENGTH: usize = 24;

/// How much of a reason fits beside the rest of a row.
const REASON_LENGTH: usize = 48;

impl Render for History {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.deploys.is_empty() {
            return writeln!(out, "No deploys yet.");
        }
        // Only a project with a backend has commits.
        let with_commits = self.deploys.iter().any(|row| row.commit_sha.is_some());
        let mut columns = vec!["DEPLOY", "STATUS", "STARTED", "TOOK", "BY", "REASON"];
        if with_commits {
            columns.splice(1..1, ["KIND", "COMMIT", "BRANCH"]);
        }
        let mut rows = table(&columns);
        for row in &self.deploys {
            let cell = |value: &Option<String>| visible(value.as_deref().unwrap_or("-"));
            let mut cells = vec![
                visible(&row.deploy_id),
                visible(&row.status),
                row.started_at.as_deref().map_or_else(|| "-".into(), time),
                row.duration_seconds.map_or_else(|| "-".into(), duration),
                cell(&row.triggered_by),
                shorten(&cell(&row.reason), REASON_LENGTH),
            ];
            if with_commits {
                cells.splice(1..1, [row.kind().into(), row.commit(), shorten(&cell(&row.branch), BRANCH_LENGTH)]);
            }
            rows.add_row(cells);
        }
        write_table(out, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::text_of;

    #[test]
    fn a_site() {
        let history: History = serde_json::from_value(json!({"project": "shop", "count": 2, "deploys": [
            {"deploy_id": "frontend-0123456789abcdef", "status": "SUCCESS", "started_at": "2026-01-02T03:04:05Z",
             "duration_seconds": 75, "triggered_by": "ci", "reason": "A reason that goes on for rather longer than a row has room for"},
            {"deploy_id": "frontend-fedcba9876543210", "status": "RUNNING", "started_at": "2026-01-02T04:04:05Z"},
        ]}))
        .unwrap();
        insta::assert_snapshot!(text_of(&history));
    }

    #[test]
    fn a_backend() {
        let history: History = serde_json::from_value(json!({"project": "shop", "count": 2, "deploys": [
            {"deploy_id": "deploy-0123456789abcdef", "status": "FAILED", "started_at": "2026-01-02T03:04:05Z",
             "duration_seconds": 200, "triggered_by": "ci", "reason": "Orders by post", "branch": "main\u{1b}[2J",
             "commit_sha": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
             "commit_message": "Take orders by post, and tell the customers of it"},
            {"deploy_id": "frontend-fedcba9876543210", "status": "RUNNING", "started_at": "2026-01-02T04:04:05Z"},
        ]}))
        .unwrap();
        insta::assert_snapshot!(text_of(&history));
    }
}
