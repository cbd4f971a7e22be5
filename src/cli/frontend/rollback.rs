//! `bouncer frontend rollback`: asks for an earlier release to be published again.

use super::deploy::{Confirmed, finish};
use crate::cli::context::{Context, default_source};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::domain::caller::Role;
use serde_json::json;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer frontend rollback shop --reason 'The checkout is broken'
  bouncer frontend rollback shop --to rel-0123456789ab --reason 'Back to Friday' --wait";

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct RollbackArgs {
    /// The project
    #[arg(value_name = "PROJECT")]
    project: String,
    /// The release to go back to, as `bouncer frontend releases` lists it; the one before the current one unless given
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    /// Why; the approver reads this
    #[arg(long, short)]
    reason: String,
    /// Who asks and for what task, as the approver reads it
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Wait until the rollback has ended
    #[arg(long)]
    wait: bool,
    /// Give up waiting after this many seconds; the rollback goes on
    #[arg(long, value_name = "SECS", requires = "wait")]
    timeout: Option<u64>,
    /// Ask even if more than half of the site would go
    #[arg(long)]
    allow_mass_delete: bool,
}

/// Runs the command.
pub async fn run(context: &Context, args: RollbackArgs) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Agent)?;
    let source = args.source.unwrap_or_else(default_source);
    let mut arguments = json!({ "project": args.project, "reason": args.reason, "source": source });
    if let Some(release) = args.to {
        arguments["release"] = json!(release);
    }
    if args.allow_mass_delete {
        arguments["allow_mass_delete"] = json!(true);
    }
    let asked: Answer<Confirmed> = client.call("bouncer_frontend_rollback", &arguments).await?;
    context.progress.warnings(&asked.raw);
    let submitted = asked.view.submitted(&args.project, None);
    finish(context, &client, submitted, args.wait, args.timeout).await
}
