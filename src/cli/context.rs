//! The surroundings of every command.

use super::connection::Connection;
use super::output::Printer;
use super::progress::Progress;
use crate::config;
use crate::config::Environment;

/// What every command is given.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) printer: Printer,
    pub(super) progress: Progress,
    pub(super) connection: Connection,
    pub(super) environment: Environment,
}

/// Returns who runs the program, as far as the system says: "bouncer CLI (name)".
pub(super) fn default_source() -> String {
    config::user_name(&Environment::read())
        .map_or_else(|| "bouncer CLI".to_owned(), |user| format!("bouncer CLI ({user})"))
}
