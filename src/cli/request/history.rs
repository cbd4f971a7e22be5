//! `bouncer request history`: what was asked, and how it ended.

use crate::cli::audit::hours;
use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{Render, duration, shorten, table, time, visible, write_table};
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// Only requests of this project
    #[arg(long)]
    project: Option<String>,
    /// Only requests that stand so, such as completed, failed, denied or expired
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only requests for this: frontend_deploy, backend_deploy, infrastructure_change, frontend_adopt or frontend_prune
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only requests of this key
    #[arg(long, value_name = "KEY_ID")]
    caller: Option<String>,
    /// Only requests of the last days or hours, such as 7d or 12h
    #[arg(long, value_name = "TIME", value_parser = hours)]
    since: Option<u64>,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Continue behind an earlier answer: its next_cursor
    #[arg(long)]
    cursor: Option<String>,
}

/// Runs the command.
pub async fn run(context: &Context, client: &Client, args: &HistoryArgs) -> Result<(), CliError> {
    let arguments = json!({
        "project": args.project, "status": args.status, "action": args.action, "caller": args.caller,
        "hours": args.since, "limit": args.limit, "cursor": args.cursor,
    });
    context.printer.show(&client.call::<Past>("bouncer_history", &arguments).await?)
}

#[derive(Debug, Deserialize)]
struct Past {
    requests: Vec<Row>,
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    request_id: String,
    status: String,
    summary: String,
    created_at: String,
    caller: String,
    decided_by: Option<String>,
    decision_seconds: Option<u64>,
}

/// How much of a summary fits beside the rest of a row.
const SUMMARY_LENGTH: usize = 60;

impl Render for Past {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.requests.is_empty() {
            return writeln!(out, "No such requests.");
        }
        let mut rows = table(&["REQUEST", "STATUS", "ASKED", "WHAT", "BY", "DECIDED BY", "AFTER"]);
        for row in &self.requests {
            rows.add_row([
                visible(&row.request_id),
                visible(&row.status.replace('_', " ")),
                time(&row.created_at),
                shorten(&visible(&row.summary), SUMMARY_LENGTH),
                visible(&row.caller),
                visible(row.decided_by.as_deref().unwrap_or("-")),
                row.decision_seconds.map_or_else(|| "-".to_owned(), duration),
            ]);
        }
        write_table(out, &rows)?;
        match &self.next_cursor {
            Some(cursor) => writeln!(out, "\nThere are more: --cursor {}", visible(cursor)),
            None => Ok(()),
        }
    }
}
