//! Stands in for the local profile in programs built without it, such as the Lambda function's.

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::config::Config;
use std::net::SocketAddr;

/// Says what this program lacks.
pub(super) async fn run(_: &Context, _: SocketAddr, _: Config) -> Result<Exit, CliError> {
    Err(CliError::usage("This program was built without the local profile.")
        .hint("Serve an installation with --profile aws, or build the program with its default features."))
}
