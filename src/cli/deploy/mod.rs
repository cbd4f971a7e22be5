//! `bouncer deploy …`: a backend is asked for, watched, stopped; and how deploys went.

mod cancel;
mod history;
mod logs;
mod start;

use super::error::CliError;
use super::exit::Exit;
use super::watch;
use crate::cli::context::Context;
use crate::domain::caller::Role;
use std::time::Duration;

/// What can be done with deploys.
#[derive(Debug, clap::Subcommand)]
pub enum DeployCommand {
    /// Ask for a project's backend to be deployed
    ///
    /// The newest commit of a branch is built and becomes the project's CloudFormation stack. An approver decides first,
    /// unless the project's mode asks nobody; infrastructure changes wait for a second approval.
    #[command(after_help = start::EXAMPLES)]
    Start(start::StartArgs),
    /// Say where a request or deploy stands
    ///
    /// Without --watch the exit code is 0 whenever the answer could be read. With --watch it tells how the deploy ended.
    #[command(after_help = "\
Examples:
  bouncer deploy status req-0123456789abcdef
  bouncer deploy status deploy-0123456789abcdef --watch
  bouncer deploy status frontend-0123456789abcdef --watch --timeout 600")]
    Status {
        /// The request (req-…) or deploy (deploy-…, frontend-…)
        id: String,
        /// Wait until it has ended, showing what it does; Ctrl-C leaves the deploy alone
        #[arg(long, short)]
        watch: bool,
        /// Give up waiting after this many seconds; the deploy goes on
        #[arg(long, value_name = "SECS", requires = "watch")]
        timeout: Option<u64>,
    },
    /// Stop a deploy that waits or runs
    ///
    /// A request is withdrawn, a build is stopped, a running update of the stack is rolled back. A stack that is being
    /// created and a site that is being published cannot be stopped.
    #[command(after_help = "Example:\n  bouncer deploy cancel deploy-0123456789abcdef")]
    Cancel {
        /// The deploy (deploy-…, frontend-…) or its request (req-…)
        id: String,
    },
    /// Print the log of a backend's build
    #[command(after_help = logs::EXAMPLES)]
    Logs(logs::LogsArgs),
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
    // What an admin has started, such as the adoption of a bucket, is no agent's to see.
    let is_look = matches!(command, DeployCommand::Status { .. });
    let client = context.connection.client(if is_look { Role::Approver } else { Role::Agent })?;
    match command {
        DeployCommand::Start(args) => start::run(context, &client, args).await,
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
        DeployCommand::Cancel { id } => cancel::run(context, &client, &id).await,
        DeployCommand::Logs(args) => logs::run(context, &client, args).await,
        DeployCommand::History { project, limit } => history::run(context, &client, &project, limit).await,
    }
}
