//! `bouncer frontend adopt` and `bouncer frontend prune`: a site's maintenance, watched to its end.

use crate::cli::client::Client;
use crate::cli::context::{Context, default_source};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Answer, Render, text_of, visible, write_field};
use crate::cli::watch;
use crate::domain::caller::Role;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::{self, Write};
use std::time::Duration;

/// Shown below the help of `adopt`.
pub const ADOPT_EXAMPLES: &str = "\
Examples:
  bouncer frontend adopt shop --dry-run
  bouncer frontend adopt shop --reason 'Deployed by hand until now'
  bouncer frontend adopt shop --no-wait --json";

/// Shown below the help of `prune`.
pub const PRUNE_EXAMPLES: &str = "\
Examples:
  bouncer frontend prune shop
  bouncer frontend prune shop --timeout 300 --json";

/// The arguments of `adopt`.
#[derive(Debug, clap::Args)]
pub struct AdoptArgs {
    /// Only count what would be adopted; nothing is read or noted
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: UpkeepArgs,
}

/// The arguments that both have.
#[derive(Debug, clap::Args)]
pub struct UpkeepArgs {
    /// The project
    #[arg(value_name = "PROJECT")]
    project: String,
    /// Why, for the records
    #[arg(long, short)]
    reason: Option<String>,
    /// Who asks and for what task, for the records
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Return at once; the work goes on
    #[arg(long)]
    no_wait: bool,
    /// Give up waiting after this many seconds; the work goes on
    #[arg(long, value_name = "SECS", conflicts_with = "no_wait")]
    timeout: Option<u64>,
}

/// Runs `adopt`.
pub async fn adopt(context: &Context, args: AdoptArgs) -> Result<Exit, CliError> {
    let mut arguments = args.common.arguments();
    if args.dry_run {
        arguments["dry_run"] = json!(true);
    }
    run(context, "bouncer_frontend_adopt", &arguments, &args.common).await
}

/// Runs `prune`.
pub async fn prune(context: &Context, args: UpkeepArgs) -> Result<Exit, CliError> {
    run(context, "bouncer_frontend_prune", &args.arguments(), &args).await
}

impl UpkeepArgs {
    fn arguments(&self) -> Value {
        let source = self.source.clone().unwrap_or_else(default_source);
        let mut arguments = json!({ "project": self.project, "source": source });
        if let Some(reason) = &self.reason {
            arguments["reason"] = json!(reason);
        }
        arguments
    }
}

async fn run(context: &Context, tool: &str, arguments: &Value, args: &UpkeepArgs) -> Result<Exit, CliError> {
    let client: Client = context.connection.client(Role::Admin)?;
    let started: Answer<Started> = client.call(tool, arguments).await?;
    context.progress.warnings(&started.raw);
    if args.no_wait {
        context.printer.show(&started)?;
        return Ok(Exit::Done);
    }
    // The id is known from now on, whatever becomes of this command.
    context.progress.line(text_of(&started.view).trim_end());
    let timeout = args.timeout.map(Duration::from_secs);
    let ended = watch::until_ended(&client, &context.progress, &started.view.request_id, timeout).await?;
    let exit = ended.view.exit();
    context.printer.show(&ended)?;
    Ok(exit)
}

/// The answer of both tools.
#[derive(Debug, Deserialize)]
struct Started {
    request_id: String,
    project: String,
}

impl Render for Started {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "Started: {}", visible(&self.request_id))?;
        write_field(out, "project", Some(&self.project))?;
        write_field(out, "follow", Some(&format!("bouncer deploy status {} --watch", self.request_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_says_how_to_come_back() {
        let started = Started { request_id: "req-0123456789abcdef".into(), project: "shop".into() };
        insta::assert_snapshot!(text_of(&started), @"
        Started: req-0123456789abcdef
          project     shop
          follow      bouncer deploy status req-0123456789abcdef --watch
        ");
    }
}
