//! How the program ends, as scripts see it. The codes agree with those of `bouncer`.

use std::process::ExitCode;

/// The exit codes; the same list stands in the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// `--check` found a difference, or the table could not be read or written.
    Failed = 1,
    /// The command line or the file is wrong; nothing was written.
    Usage = 2,
    /// Someone else changed a project in the meantime; that one was not written.
    Conflict = 6,
}

/// The list of exit codes for the help text.
pub const HELP: &str = "\
Exit codes:
  0  done, or nothing to do
  1  --check found a difference, or the table could not be read or written
  2  wrong command line or file; nothing was written
  6  conflict: someone else changed a project meanwhile; it was not written";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        for exit in [Exit::Done, Exit::Failed, Exit::Usage, Exit::Conflict] {
            assert!(HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
