//! `bouncer frontend …`: static sites.

pub mod deploy;
pub mod diff;
pub mod hash;
pub mod maintenance;
pub mod releases;
pub mod rollback;
pub mod upload;
pub mod walk;

use super::error::CliError;
use super::exit::Exit;
use crate::cli::context::Context;

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
    /// Make what a bucket holds a project's first release, changing nothing
    ///
    /// For a bucket that was filled without Bouncer. Every file is read once and kept, so that one can go back to it; the
    /// next deploy writes only what differs, and what it leaves out goes by the usual rules. What no release can hold stays
    /// in the bucket and is named. Nobody is asked, because visitors get what they got; needs an admin's key.
    #[command(after_help = maintenance::ADOPT_EXAMPLES)]
    Adopt(maintenance::AdoptArgs),
    /// Remove what earlier releases left and nothing needs any more, without a deploy
    ///
    /// Does what the end of a deploy does, by the project's retention: when a grace is over, for example. Only files that
    /// releases of the project wrote, and that are still what was written, are removed. Needs an admin's key.
    #[command(after_help = maintenance::PRUNE_EXAMPLES)]
    Prune(maintenance::UpkeepArgs),
}

/// Runs a command.
pub async fn run(context: &Context, command: FrontendCommand) -> Result<Exit, CliError> {
    match command {
        FrontendCommand::Deploy(args) => deploy::run(context, args).await,
        FrontendCommand::Diff(args) => diff::run(context, args).await,
        FrontendCommand::Releases(args) => releases::run(context, args).await,
        FrontendCommand::Rollback(args) => rollback::run(context, args).await,
        FrontendCommand::Adopt(args) => maintenance::adopt(context, args).await,
        FrontendCommand::Prune(args) => maintenance::prune(context, args).await,
    }
}
