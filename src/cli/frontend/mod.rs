//! `bouncer frontend …`: static sites.

pub mod deploy;
pub mod diff;
pub mod hash;
pub mod releases;
pub mod rollback;
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
    /// Tell what a deploy of a folder would change, without doing anything
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::DiffArgs),
    /// List the releases that are kept, newest first; the current one is marked
    #[command(after_help = releases::EXAMPLES)]
    Releases(releases::ReleasesArgs),
    /// Ask for a site to go back to an earlier release
    ///
    /// Once it is approved, the files of that release are published again from what Bouncer keeps. Files that are still in
    /// the bucket do not travel.
    #[command(after_help = rollback::EXAMPLES)]
    Rollback(rollback::RollbackArgs),
}

/// Runs a command.
pub async fn run(context: &Context, command: FrontendCommand) -> Result<Exit, CliError> {
    match command {
        FrontendCommand::Deploy(args) => deploy::run(context, args).await,
        FrontendCommand::Diff(args) => diff::run(context, args).await,
        FrontendCommand::Releases(args) => releases::run(context, args).await,
        FrontendCommand::Rollback(args) => rollback::run(context, args).await,
    }
}
