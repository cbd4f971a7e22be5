//! `bouncer frontend diff`: what a deploy would change, told by the exit code as well.

use super::deploy::preview;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::domain::caller::Role;
use std::path::PathBuf;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Exit codes:
  0  a deploy would change nothing
  1  a deploy would change something
  2  the two could not be compared

Examples:
  bouncer frontend diff shop dist
  bouncer frontend diff shop dist --json";

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// The project
    #[arg(value_name = "PROJECT")]
    project: String,
    /// The folder that holds index.html
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Runs the command.
pub async fn run(context: &Context, args: DiffArgs) -> Result<Exit, CliError> {
    let compare = async {
        let client = context.connection.client(Role::Agent)?;
        preview(&client, &context.progress, &args.dir, &args.project).await
    };
    // 1 is an answer here, so trouble is told apart from it, as diff(1) does.
    let answer = compare.await.map_err(|error| CliError { exit: Exit::Usage, ..error })?;
    context.printer.show(&answer)?;
    Ok(if answer.view.has_changes() { Exit::Failed } else { Exit::Done })
}
