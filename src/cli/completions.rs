//! `bouncer completions`.

use super::Cli;
use super::error::CliError;
use super::exit::Exit;
use clap::CommandFactory as _;
use std::io::{self, Write as _};

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer completions bash > ~/.local/share/bash-completion/completions/bouncer
  bouncer completions zsh > ~/.zfunc/_bouncer
  bouncer completions fish > ~/.config/fish/completions/bouncer.fish";

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Runs the command.
pub fn run(args: CompletionsArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "bouncer", &mut script);
    match io::stdout().write_all(&script) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(CliError::failed(format!("The script could not be written: {error}."))),
        Ok(()) => Ok(Exit::Done),
    }
}
