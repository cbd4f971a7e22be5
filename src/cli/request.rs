//! `bouncer request …`: the approver's side.

mod decide;
mod history;
mod infrastructure;
mod review;

use super::Context;
use super::changes::{Kind, sentence};
use super::client::Client;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Answer, Render, ago, number, shorten, size, table, visible, write_field, write_table};
use super::watch::{decider, time_left};
use crate::domain::caller::Role;
use crate::domain::request::{Status, Verdict};
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::time::Time;
use anstyle::{AnsiColor, Style};
use review::{BackendView, ReviewView};
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
    },
    /// Let it happen
    ///
    /// High risks are told first: changes that may lose data, widen rights or open something to the public, and what in a
    /// template needs a look. In a terminal they must be confirmed.
    #[command(after_help = "\
Examples:
  bouncer request approve req-0123456789abcdef
  bouncer request approve req-0123456789abcdef --yes")]
    Approve {
        /// The request
        id: String,
        /// Do not ask for a confirmation of high risks
        #[arg(long, short)]
        yes: bool,
    },
    /// Refuse it
    #[command(after_help = "Example:\n  bouncer request deny req-0123456789abcdef")]
    Deny {
        /// The request
        id: String,
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
        RequestCommand::Show { id } => context.printer.show(&show(&client, &id).await?)?,
        RequestCommand::Approve { id, yes } => {
            decide::confirm(context, &show(&client, &id).await?.view, yes).await?;
            context.printer.show(&decide(&client, &id, Verdict::Approve).await?)?;
        }
        RequestCommand::Deny { id } => context.printer.show(&decide(&client, &id, Verdict::Deny).await?)?,
    }
    Ok(Exit::Done)
}

/// Reads everything that an approver needs to decide.
pub async fn show(client: &Client, id: &str) -> Result<Answer<RequestView>, CliError> {
    client.call("bouncer_request_show", &json!({ "request_id": id })).await
}

/// Decides a request.
pub async fn decide(client: &Client, id: &str, verdict: Verdict) -> Result<Answer<Decided>, CliError> {
    client.decide(id, verdict).await
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

/// How many removed files are named.
const SHOWN_REMOVED: usize = 20;

/// The approver's screen.
#[derive(Debug, Deserialize)]
pub struct RequestView {
    request_id: String,
    status: String,
    action: Option<String>,
    project: Option<String>,
    target: Option<Target>,
    source: Option<String>,
    caller: Option<Asker>,
    reason: Option<String>,
    restores: Option<String>,
    warning: Option<String>,
    changes: Option<ChangeCounts>,
    #[serde(default)]
    files: Vec<ShownFile>,
    #[serde(default)]
    files_total: u64,
    #[serde(default)]
    removed: Vec<String>,
    note: Option<String>,
    backend: Option<BackendView>,
    review: Option<ReviewView>,
    plan_hash: Option<String>,
    expires_at: Option<Time>,
    decided_by: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Target {
    #[serde(alias = "frontend_bucket")]
    bucket: String,
    #[serde(alias = "frontend_distribution_id")]
    distribution_id: Option<String>,
    #[serde(alias = "frontend_region")]
    region: Option<String>,
    #[serde(alias = "frontend_deploy_role_arn")]
    deploy_role_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Asker {
    key_id: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct ShownFile {
    filename: String,
    change: Kind,
    size: u64,
    #[serde(default)]
    cache_control: String,
    #[serde(default)]
    content_type: String,
}

impl RequestView {
    /// Whether an approver can decide it.
    fn waits(&self) -> bool {
        self.status == Status::PendingApproval.as_str()
    }

    fn render_files(&self, out: &mut dyn Write) -> fmt::Result {
        if let Some(note) = &self.note {
            return writeln!(out, "   {}", visible(note));
        }
        let mut rows = table(&["", "FILE", "SIZE", "CONTENT-TYPE", "CACHE-CONTROL"]);
        for file in &self.files {
            rows.add_row([
                file.change.symbol().to_owned(),
                visible(&file.filename),
                size(file.size),
                visible(&file.content_type),
                visible(&file.cache_control),
            ]);
        }
        for name in self.removed.iter().take(SHOWN_REMOVED) {
            rows.add_row([Kind::Removed.symbol().to_owned(), visible(name)]);
        }
        if !rows.is_empty() {
            writeln!(out)?;
            write_table(out, &rows)?;
        }
        let removed = self.changes.map_or(self.removed.len(), |changes| changes.removed);
        let not_shown = [
            (self.files_total.saturating_sub(self.files.len() as u64), "added or changed"),
            (removed.saturating_sub(self.removed.len().min(SHOWN_REMOVED)) as u64, "removed"),
        ];
        for (more, what) in not_shown.into_iter().filter(|(more, _)| *more > 0) {
            writeln!(out, "   … and {} more {what}", number(more))?;
        }
        Ok(())
    }
}

impl Render for RequestView {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let action = self.action.as_deref().unwrap_or("request").replace('_', " ");
        writeln!(
            out,
            "{}: {}, {}",
            visible(&self.request_id),
            visible(&action),
            visible(&self.status.replace('_', " "))
        )?;
        if let Some(warning) = &self.warning {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            writeln!(out, "  {red}! {}{red:#}", visible(warning))?;
        }
        write_field(out, "project", self.project.as_deref())?;
        write_field(out, "reason", self.reason.as_deref())?;
        let asker = self.caller.as_ref().map(|caller| format!("{} ({})", caller.name, caller.key_id));
        write_field(out, "asked by", asker.as_deref())?;
        write_field(out, "source", self.source.as_deref())?;
        if let Some(target) = &self.target {
            let region = target.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
            write_field(out, "bucket", Some(&format!("{}{region}", target.bucket)))?;
            write_field(out, "cdn", target.distribution_id.as_deref())?;
            write_field(out, "role", target.deploy_role_arn.as_deref())?;
        }
        if let Some(backend) = &self.backend {
            backend.render(self.review.as_ref(), out)?;
        }
        write_field(out, "back to", self.restores.as_deref())?;
        write_field(out, "changes", self.changes.as_ref().map(sentence).as_deref())?;
        write_field(out, "plan", self.plan_hash.as_deref())?;
        write_field(out, "decided by", self.decided_by.as_ref().and_then(decider).as_deref())?;
        if self.waits() {
            write_field(out, "expires", self.expires_at.map(time_left).as_deref())?;
        }
        self.render_files(out)?;
        self.review.as_ref().map_or(Ok(()), |review| review.render(out))
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

    #[test]
    fn the_approvers_screen() {
        let view: RequestView = serde_json::from_value(json!({
            "request_id": "req-0123456789abcdef", "action": "frontend_deploy", "status": "denied", "project": "shop",
            "target": {"bucket": "shop-site", "distribution_id": "E2EXAMPLE1ABC", "region": "us-east-1",
                       "deploy_role_arn": "arn:aws:iam::123456789012:role/shop"},
            "source": "Build bot (release 7)", "caller": {"key_id": "key-0123456789ab", "name": "agent"},
            "reason": "New page\u{1b}[2J\nApproved by the boss",
            "changes": {"added": 12, "changed": 1, "removed": 1, "unchanged": 8, "bytes": 34567},
            "files": [
                {"filename": "assets/app-1a2b3c4d.js", "change": "added", "size": 20480,
                 "cache_control": "max-age=31536000, immutable", "content_type": "text/javascript; charset=utf-8"},
                {"filename": "index.html", "change": "changed", "size": 900,
                 "cache_control": "no-cache, no-store, must-revalidate", "content_type": "text/html; charset=utf-8"},
            ],
            "files_total": 13, "removed": ["assets/app-00000000.js"], "plan_hash": "ab".repeat(32),
            "created_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-02T03:14:05Z", "decided_by": "alice",
        }))
        .unwrap();
        insta::assert_snapshot!(text_of(&view));
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
