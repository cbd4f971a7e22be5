//! `bouncer deploy …`: how deploys go and went.

use super::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Render, duration, plain, table, write_table};
use super::watch;
use crate::model::caller::Role;
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};
use std::time::Duration;

/// What can be asked about deploys.
#[derive(Debug, clap::Subcommand)]
pub enum DeployCommand {
    /// Say where a request or deploy stands
    ///
    /// Without --watch the exit code is 0 whenever the answer could be read. With --watch it tells how the deploy ended.
    #[command(after_help = "\
Examples:
  bouncer deploy status req-0123456789abcdef
  bouncer deploy status frontend-0123456789abcdef --watch --timeout 600")]
    Status {
        /// The request (req-…) or deploy (frontend-…)
        id: String,
        /// Wait until it has ended
        #[arg(long, short)]
        watch: bool,
        /// Give up waiting after this many seconds; the deploy goes on
        #[arg(long, value_name = "SECS", requires = "watch")]
        timeout: Option<u64>,
    },
    /// List a project's deploys, newest first
    #[command(after_help = "Example:\n  bouncer deploy history shop --limit 5")]
    History {
        /// The project
        project: String,
        /// How many
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: DeployCommand) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Agent)?;
    match command {
        DeployCommand::Status { id, watch: false, .. } => {
            context.printer.show(&watch::look(&client, &id).await?)?;
            Ok(Exit::Done)
        }
        DeployCommand::Status { id, timeout, .. } => {
            let timeout = timeout.map(Duration::from_secs);
            let answer = watch::until_ended(&client, &context.progress, &id, timeout).await?;
            context.printer.show(&answer)?;
            Ok(answer.view.exit())
        }
        DeployCommand::History { project, limit } => {
            let arguments = json!({ "project": project, "limit": limit });
            context.printer.show(&client.call::<History>("bouncer_deploy_history", &arguments).await?)?;
            Ok(Exit::Done)
        }
    }
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
}

/// How much of a reason fits beside the rest of a row.
const REASON_LENGTH: usize = 48;

impl Render for History {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.deploys.is_empty() {
            return writeln!(out, "No deploys yet.");
        }
        let mut rows = table(&["DEPLOY", "STATUS", "STARTED", "TOOK", "BY", "REASON"]);
        for row in &self.deploys {
            let cell = |value: &Option<String>| plain(value.as_deref().unwrap_or("-"));
            rows.add_row([
                plain(&row.deploy_id),
                plain(&row.status),
                cell(&row.started_at),
                row.duration_seconds.map_or_else(|| "-".into(), duration),
                cell(&row.triggered_by),
                shorten(&cell(&row.reason), REASON_LENGTH),
            ]);
        }
        write_table(out, &rows)
    }
}

/// The first characters of a text, with an ellipsis where something is missing.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::text_of;

    #[test]
    fn history() {
        let history: History = serde_json::from_value(json!({"project": "shop", "count": 2, "deploys": [
            {"deploy_id": "frontend-0123456789abcdef", "status": "SUCCESS", "started_at": "2026-01-02T03:04:05Z",
             "duration_seconds": 75, "triggered_by": "ci", "reason": "A reason that goes on for rather longer than a row has room for"},
            {"deploy_id": "frontend-fedcba9876543210", "status": "RUNNING", "started_at": "2026-01-02T04:04:05Z"},
        ]}))
        .unwrap();
        insta::assert_snapshot!(text_of(&history));
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
    }
}
