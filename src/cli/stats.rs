//! `bouncer stats`: requests in numbers.

use super::audit::hours;
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Render, count, duration, number, table, visible, write_field, write_table};
use crate::domain::caller::Role;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer stats
  bouncer stats --since 7d --project shop";

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct StatsArgs {
    /// Of the last days or hours, such as 7d or 12h
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = hours)]
    since: u64,
    /// Only requests of this project
    #[arg(long)]
    project: Option<String>,
}

/// Runs the command.
pub async fn run(context: &Context, args: StatsArgs) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Approver)?;
    let arguments = json!({ "hours": args.since, "project": args.project });
    context.printer.show(&client.call::<Stats>("bouncer_stats", &arguments).await?)?;
    Ok(Exit::Done)
}

#[derive(Debug, Deserialize)]
struct Stats {
    hours: u64,
    total: u64,
    by_status: BTreeMap<String, u64>,
    decision_seconds_median: Option<u64>,
    decision_seconds_p95: Option<u64>,
    by_project: BTreeMap<String, BTreeMap<String, u64>>,
}

fn listed(by_status: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = by_status
        .iter()
        .map(|(status, requests)| format!("{} {}", number(*requests), visible(&status.replace('_', " "))))
        .collect();
    parts.join(", ")
}

impl Render for Stats {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let span =
            if self.hours.is_multiple_of(24) { count(self.hours / 24, "day") } else { count(self.hours, "hour") };
        writeln!(out, "{} in the last {span}", count(self.total, "request"))?;
        if self.total == 0 {
            return Ok(());
        }
        write_field(out, "outcomes", Some(&listed(&self.by_status)))?;
        if let (Some(median), Some(p95)) = (self.decision_seconds_median, self.decision_seconds_p95) {
            let text = format!("half within {}, 95 of 100 within {}", duration(median), duration(p95));
            write_field(out, "decisions", Some(&text))?;
        }
        let mut rows = table(&["PROJECT", "REQUESTS", "OUTCOMES"]);
        for (project, by_status) in &self.by_project {
            rows.add_row([visible(project), number(by_status.values().sum::<u64>()), listed(by_status)]);
        }
        writeln!(out)?;
        write_table(out, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    #[test]
    fn screens() {
        let stats: Stats = serde_json::from_value(json!({
            "hours": 168, "total": 7, "by_status": { "completed": 5, "denied": 1, "pending_approval": 1 }, "decided": 6,
            "decision_seconds_median": 42, "decision_seconds_p95": 300,
            "by_project": { "shop": { "completed": 4, "denied": 1 }, "docs": { "completed": 1, "pending_approval": 1 } },
        }))
        .unwrap();
        let nothing: Stats =
            serde_json::from_value(json!({ "hours": 5, "total": 0, "by_status": {}, "decided": 0, "by_project": {} }))
                .unwrap();
        insta::assert_snapshot!(format!("{}\n{}", text_of(&stats), text_of(&nothing)));
    }
}
