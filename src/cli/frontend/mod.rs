//! `bouncer frontend …`: static sites.

pub mod deploy;
pub mod hash;
pub mod upload;
pub mod walk;

use crate::cli::{Context, error::CliError, exit::Exit};

/// What can be done with a site.
#[derive(Debug, clap::Subcommand)]
pub enum FrontendCommand {
    /// Ask for a folder to be published
    ///
    /// Walks the folder, hashes every file, uploads the contents that are not stored yet, and asks an approver.
    /// Files named in .bouncerignore (the syntax of .gitignore) are left out, as is what version control and operating
    /// systems leave behind; hidden files such as .well-known are part of the site.
    #[command(after_help = deploy::EXAMPLES)]
    Deploy(deploy::DeployArgs),
}

/// Runs a command.
pub async fn run(context: &Context, command: FrontendCommand) -> Result<Exit, CliError> {
    match command {
        FrontendCommand::Deploy(args) => deploy::run(context, args).await,
    }
}
