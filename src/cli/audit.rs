//! `bouncer audit …`: what is recorded, and whether the record is whole.

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Render, count, shorten, table, time, visible, write_table};
use crate::domain::caller::Role;
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};

/// What can be asked of the audit chain.
#[derive(Debug, clap::Subcommand)]
pub enum AuditCommand {
    /// List what happened, newest first
    #[command(after_help = "\
Examples:
  bouncer audit list --project shop --since 7d
  bouncer audit list --request req-0123456789abcdef --json")]
    List {
        /// Only events of this project
        #[arg(long)]
        project: Option<String>,
        /// Only events of this request
        #[arg(long, value_name = "ID")]
        request: Option<String>,
        /// Only events of the last days or hours, such as 7d or 12h
        #[arg(long, value_name = "TIME", value_parser = hours)]
        since: Option<u64>,
        /// How many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Check that no event is missing, altered or in another one's place
    ///
    /// Ends with 1 and names the first break when the chain is broken.
    #[command(after_help = "Example:\n  bouncer audit verify")]
    Verify,
}

/// "7d" or "12h" in hours.
pub fn hours(text: &str) -> Result<u64, String> {
    let expected = "expected days or hours such as 7d or 12h";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(expected)?;
    let number: u64 = number.parse().map_err(|_| expected)?;
    let hours = match unit {
        "d" => number.saturating_mul(24),
        "h" => number,
        _ => return Err(expected.to_owned()),
    };
    if (1..=2160).contains(&hours) { Ok(hours) } else { Err("expected 1h to 90d".to_owned()) }
}

/// Runs a command.
pub async fn run(context: &Context, command: AuditCommand) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Approver)?;
    match command {
        AuditCommand::List { project, request, since, limit } => {
            let arguments = json!({ "project": project, "request_id": request, "hours": since, "limit": limit });
            context.printer.show(&client.call::<Events>("bouncer_audit_list", &arguments).await?)?;
            Ok(Exit::Done)
        }
        AuditCommand::Verify => {
            let verdict = client.call::<Verdict>("bouncer_audit_verify", &json!({})).await?;
            context.printer.show(&verdict)?;
            Ok(if verdict.view.is_intact() { Exit::Done } else { Exit::Failed })
        }
    }
}

#[derive(Debug, Deserialize)]
struct Events {
    events: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    number: u64,
    at: String,
    kind: String,
    by: By,
    request_id: String,
    #[serde(default)]
    project: Option<String>,
    summary: String,
    #[serde(default)]
    detail: Option<String>,
}

#[derive(Debug, Deserialize)]
struct By {
    name: String,
    verified_by: String,
}

/// How much of a text fits beside the rest of a row.
const CELL_LENGTH: usize = 48;

impl Render for Events {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.events.is_empty() {
            return writeln!(out, "Nothing is recorded.");
        }
        let mut rows = table(&["EVENT", "TIME", "WHAT", "BY", "REQUEST", "PROJECT", "ABOUT"]);
        for row in &self.events {
            let what = match &row.detail {
                Some(detail) => format!("{}: {detail}", row.kind),
                None => row.kind.clone(),
            };
            rows.add_row([
                row.number.to_string(),
                time(&row.at),
                shorten(&visible(&what.replace('_', " ")), CELL_LENGTH),
                visible(&format!("{} ({})", row.by.name, row.by.verified_by)),
                visible(&row.request_id),
                visible(row.project.as_deref().unwrap_or("-")),
                shorten(&visible(&row.summary), CELL_LENGTH),
            ]);
        }
        write_table(out, &rows)
    }
}

#[derive(Debug, Deserialize)]
struct Verdict {
    status: String,
    events: u64,
    from_event: Option<u64>,
    from_time: Option<String>,
    to_event: Option<u64>,
    to_hash: Option<String>,
    message: Option<String>,
}

impl Verdict {
    fn is_intact(&self) -> bool {
        self.status == "intact"
    }
}

impl Render for Verdict {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if !self.is_intact() {
            let why = self.message.as_deref().unwrap_or("It is not what was written.");
            return writeln!(out, "The audit chain is broken: {}", visible(why));
        }
        let (Some(from), Some(to), Some(hash)) = (self.from_event, self.to_event, &self.to_hash) else {
            return writeln!(out, "The audit chain is intact: it has no events.");
        };
        writeln!(out, "The audit chain is intact: {}, from {from} to {to}.", count(self.events, "event"))?;
        if from > 1 {
            let at = self.from_time.as_deref().map_or_else(|| "-".into(), time);
            writeln!(out, "Events before {from} ({at}) are past their 90 days.")?;
        }
        writeln!(out, "Its end is {hash}; keep that elsewhere to tell later that nothing was written anew.")
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    #[test]
    fn screens() {
        let events: Events = serde_json::from_value(json!({ "count": 2, "events": [
            { "number": 12, "at": "2026-01-02T03:04:05.000Z", "kind": "refused", "request_id": "req-0123456789abcdef",
              "by": { "id": "telegram:1", "name": "Eve\u{1b}[2J", "verified_by": "telegram" }, "action": "frontend_deploy",
              "project": "shop", "summary": "Deploy shop: 1 added", "status": "pending_approval", "detail": "not_an_approver" },
            { "number": 11, "at": "2026-01-02T03:04:01.000Z", "kind": "created", "request_id": "req-0123456789abcdef",
              "by": { "id": "key-0123456789ab", "name": "bot", "verified_by": "key" }, "action": "frontend_deploy",
              "project": "shop", "summary": "Deploy shop: 1 added", "status": "pending_approval" },
        ] }))
        .unwrap();
        let verdict = |value| text_of(&serde_json::from_value::<Verdict>(value).unwrap());
        let intact =
            verdict(json!({ "status": "intact", "events": 9, "from_event": 4, "from_time": "2026-01-02T03:04:05Z",
            "to_event": 12, "to_hash": "00ff" }));
        let broken = verdict(json!({ "status": "broken", "events": 3, "message": "Event 4 is missing." }));
        let empty = verdict(json!({ "status": "intact", "events": 0 }));
        insta::assert_snapshot!(format!("{}\n{intact}\n{broken}\n{empty}", text_of(&events)));
    }

    #[test]
    fn spans_of_time() {
        assert_eq!((hours("7d"), hours("12h")), (Ok(168), Ok(12)));
        for bad in ["", "d", "7", "7w", "91d", "0h", "-1d", "€"] {
            assert!(hours(bad).is_err(), "{bad}");
        }
    }
}
