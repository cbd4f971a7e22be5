//! `bouncer request …`: the approver's side.

mod card;
mod decide;
mod history;

use super::client::Client;
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Answer, Render, ago, shorten, table, visible, write_field, write_table};
use super::watch::{decider, time_left};
use crate::domain::caller::Role;
use crate::domain::card::Card;
use crate::domain::digest::Sha256;
use crate::domain::request::{Status, Verdict};
use crate::domain::time::Time;
use crate::requests::decide::Decide;
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};

/// What an approver can do.
#[derive(Debug, clap::Subcommand)]
pub enum RequestCommand {
    /// List what waits for a decision, soonest expiry first
    #[command(after_help = "Example:\n  bouncer request list")]
    List {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Only requests from this source
        #[arg(long, value_name = "TEXT")]
        source: Option<String>,
    },
    /// List what was asked, newest first, and how it ended
    #[command(after_help = "\
Examples:
  bouncer request history --project shop --since 7d
  bouncer request history --status denied --json")]
    History(history::HistoryArgs),
    /// Show exactly what a request would do
    #[command(after_help = "Example:\n  bouncer request show req-0123456789abcdef")]
    Show {
        /// The request
        id: String,
        /// Page of a long list of files
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// Approve a request
    ///
    /// The approval counts for the plan that was shown. High risks are listed first: a deploy that removes most of a site,
    /// changes that may lose data, widen rights or open something to the public. They must be confirmed in the terminal
    /// or acknowledged with --yes.
    #[command(after_help = "\
Examples:
  bouncer request approve req-0123456789abcdef
  bouncer request approve req-0123456789abcdef --yes")]
    Approve {
        /// The request
        id: String,
        /// Acknowledge the high risks without being asked
        #[arg(long, short)]
        yes: bool,
        /// Why, for the caller and the records
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Deny a request
    #[command(after_help = "Example:\n  bouncer request deny req-0123456789abcdef --reason 'Not before Monday'")]
    Deny {
        /// The request
        id: String,
        /// Why, for the caller and the records
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: RequestCommand) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Approver)?;
    match command {
        RequestCommand::List { limit, source } => {
            let mut arguments = json!({ "limit": limit });
            if let Some(source) = source {
                arguments["source"] = json!(source);
            }
            context.printer.show(&client.call::<Pending>("bouncer_list_pending", &arguments).await?)?;
        }
        RequestCommand::History(args) => history::run(context, &client, &args).await?,
        RequestCommand::Show { id, page } => context.printer.show(&show(&client, &id, page).await?)?,
        RequestCommand::Approve { id, yes, reason } => {
            let request = show(&client, &id, 1).await?.view;
            let acknowledged = decide::confirm(context, &request, yes).await?;
            let decision = Decide {
                decision: Verdict::Approve,
                plan_hash: request.plan_hash,
                acknowledged_risks: Some(acknowledged),
                reason,
            };
            context.printer.show(&decide(&client, &id, &decision).await?)?;
        }
        RequestCommand::Deny { id, reason } => {
            let decision = Decide { decision: Verdict::Deny, plan_hash: None, acknowledged_risks: None, reason };
            context.printer.show(&decide(&client, &id, &decision).await?)?;
        }
    }
    Ok(Exit::Done)
}

/// Reads everything that an approver needs to decide.
pub async fn show(client: &Client, id: &str, page: u32) -> Result<Answer<RequestView>, CliError> {
    client.call("bouncer_request_show", &json!({ "request_id": id, "page": page })).await
}

/// Decides a request.
pub async fn decide(client: &Client, id: &str, decision: &Decide) -> Result<Answer<Decided>, CliError> {
    client.decide(id, decision).await
}

#[derive(Debug, Deserialize)]
struct Pending {
    requests: Vec<PendingRow>,
}

#[derive(Debug, Deserialize)]
struct PendingRow {
    request_id: String,
    action: String,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    project: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    age_seconds: u64,
}

/// How much of a text fits beside the rest of a row.
const CELL_LENGTH: usize = 48;
/// The same of what is asked: the server keeps it to a line.
const WHAT_LENGTH: usize = 100;

impl Render for Pending {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.requests.is_empty() {
            return writeln!(out, "Nothing waits for a decision.");
        }
        let mut rows = table(&["REQUEST", "PROJECT", "WHAT", "REASON", "FROM", "ASKED"]);
        for row in &self.requests {
            let cell = |value: &Option<String>| shorten(&visible(value.as_deref().unwrap_or("-")), CELL_LENGTH);
            let action = row.action.replace('_', " ");
            rows.add_row([
                visible(&row.request_id),
                cell(&row.project),
                shorten(&visible(row.summary.as_deref().unwrap_or(&action)), WHAT_LENGTH),
                cell(&row.reason),
                cell(&row.source),
                ago(row.age_seconds),
            ]);
        }
        write_table(out, &rows)
    }
}

/// The approver's screen.
#[derive(Debug, Deserialize)]
pub struct RequestView {
    request_id: String,
    status: String,
    project: Option<String>,
    source: Option<String>,
    caller: Asker,
    reason: Option<String>,
    card: Card,
    pub(super) plan_hash: Option<Sha256>,
    expires_at: Option<Time>,
    decided_by: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Asker {
    key_id: String,
    name: String,
}

impl RequestView {
    /// Returns whether an approver can decide it.
    fn waits(&self) -> bool {
        self.status == Status::PendingApproval.as_str()
    }
}

impl Render for RequestView {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let (title, status) = (self.card.title.to_string(), self.status.replace('_', " "));
        writeln!(out, "{}: {}, {}", visible(&self.request_id), visible(&title), visible(&status))?;
        write_field(out, "project", self.project.as_deref())?;
        write_field(out, "reason", self.reason.as_deref())?;
        write_field(out, "asked by", Some(&format!("{} ({})", self.caller.name, self.caller.key_id)))?;
        write_field(out, "source", self.source.as_deref())?;
        write_field(out, "plan", self.plan_hash.map(|hash| hash.to_string()).as_deref())?;
        write_field(out, "decided by", self.decided_by.as_ref().and_then(decider).as_deref())?;
        if self.waits() {
            write_field(out, "expires", self.expires_at.map(time_left).as_deref())?;
        }
        self.card.render(out)
    }
}

/// A decision that counts.
#[derive(Debug, Deserialize)]
pub struct Decided {
    status: String,
    request_id: String,
}

impl Render for Decided {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let (id, status) = (visible(&self.request_id), visible(&self.status));
        match self.status.as_str() {
            "approved" => {
                writeln!(out, "Approved {id}; it runs now")?;
                write_field(out, "follow", Some(&format!("bouncer deploy status {id} --watch")))
            }
            "pending_approval" => {
                writeln!(out, "Your approval of {id} counts; another approver must approve it as well")
            }
            "denied" => writeln!(out, "Denied {id}; nothing is changed"),
            _ => writeln!(out, "{id} is {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    /// Every part that a card can have.
    fn card() -> serde_json::Value {
        let served = |size: u64, content_type: &str, cache_control: &str| json!({"size": size, "content_type": content_type, "cache_control": cache_control});
        let file = |path: &str, change: &str, served: serde_json::Value| {
            let mut file = served;
            file["path"] = json!(path);
            file["change"] = json!(change);
            file
        };
        json!({
            "title": "Publish the site",
            "warning": "This removes more than half of the site's files.",
            "facts": [
                {"label": "Bucket", "value": {"type": "code", "value": "shop-site"}},
                {"label": "Size", "value": {"type": "bytes", "value": 34567}},
                {"label": "Message", "value": {"type": "text", "value": "New page\u{1b}[2J\nApproved by the boss"}},
            ],
            "risks": ["This removes more than half of the site's files."],
            "sections": [
                {"type": "files", "added": 1, "changed": 1, "removed": 1, "unchanged": 8, "bytes": 34567, "page": 1,
                 "pages": 2, "files": [
                    file("assets/app-00000000.js", "removed", served(10, "text/javascript", "no-cache")),
                    file("index.html", "changed", served(900, "text/html; charset=utf-8", "no-cache")),
                    file("assets/app-1a2b3c4d.js", "added", served(20480, "text/javascript", "immutable")),
                ]},
                {"type": "table", "title": "Resources", "columns": ["Resource", "Type"], "total": 3, "rows": [
                    {"weight": "high", "cells": ["Orders", "AWS::DynamoDB::Table"], "details": ["KeySchema changes."]},
                    {"weight": "plain", "cells": ["Carts", "AWS::DynamoDB::Table"]},
                ]},
                {"type": "diff", "path": "index.html", "difference": {"added": 1, "removed": 1, "is_cut": true, "hunks": [[
                    {"mark": "same", "old": 1, "new": 1, "text": "<h1>Shop</h1>"},
                    {"mark": "removed", "old": 2, "new": null, "text": "old"},
                    {"mark": "added", "old": null, "new": 2, "text": "new\u{1b}[2J"},
                ]]}},
                {"type": "code", "title": "Policy", "text": "{\n  \"Effect\": \"Allow\"\n}"},
                {"type": "steps", "title": "Steps", "steps": ["Build it.", "Deploy it."]},
                {"type": "notes", "title": "Notes", "notes": ["A note."]},
            ],
        })
    }

    fn view(status: &str) -> RequestView {
        serde_json::from_value(json!({
            "request_id": "req-0123456789abcdef", "action": "frontend_deploy", "status": status, "project": "shop",
            "source": "Build bot (release 7)", "caller": {"key_id": "key-0123456789ab", "name": "agent"},
            "reason": "New page\u{1b}[2J\nApproved by the boss", "card": card(), "plan_hash": "ab".repeat(32),
            "created_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-02T03:14:05Z", "decided_by": "alice",
        }))
        .unwrap()
    }

    #[test]
    fn the_approvers_screen() {
        insta::assert_snapshot!(text_of(&view("denied")));
    }

    #[test]
    fn the_list() {
        let pending: Pending = serde_json::from_value(json!({"count": 1, "requests": [{
            "request_id": "req-0123456789abcdef", "action": "frontend_deploy", "project": "shop",
            "summary": "Publish shop: 12 added, 1 changed", "source": "Build bot", "reason": "New page", "age_seconds": 75,
            "expires_at": "2026-01-02T03:14:05Z",
        }]}))
        .unwrap();
        insta::assert_snapshot!("pending", text_of(&pending));
        let pending: Pending = serde_json::from_value(json!({"count": 2, "requests": [
            {"request_id": "req-0123456789abcdef", "action": "backend_deploy", "project": "shop", "age_seconds": 75,
             "summary": "Deploy shop at 1a2b3c4: Take orders by post", "source": "ci", "reason": "Orders by post"},
            {"request_id": "req-fedcba9876543210", "action": "infrastructure_change", "project": "shop", "age_seconds": 4000,
             "summary": "Change the infrastructure of shop (1a2b3c4): 1 to replace, 1 to remove, 2 to change, 3 to add"},
        ]}))
        .unwrap();
        insta::assert_snapshot!("pending_backends", text_of(&pending));
        insta::assert_snapshot!("nothing_pending", text_of(&Pending { requests: vec![] }));
    }

    #[test]
    fn decisions() {
        let decided = |status: &str| Decided { status: status.into(), request_id: "req-0123456789abcdef".into() };
        insta::assert_snapshot!("decisions", text_of(&decided("approved")) + &text_of(&decided("denied")));
    }
}
