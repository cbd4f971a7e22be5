//! How the program ends, as scripts see it.

use crate::domain::request::Status;
use std::process::ExitCode;

/// The exit codes; the same list stands in the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line or an argument is wrong; nothing was tried.
    Usage = 2,
    /// An approver said no.
    Denied = 3,
    /// Nobody decided in time, or the command gave up waiting.
    Unfinished = 4,
    /// Some files are live, others are not.
    Partial = 5,
    /// Something else got there first.
    Conflict = 6,
}

/// The list of exit codes for help texts.
pub const HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong command line or argument
  3  denied by an approver
  4  expired, or gave up waiting
  5  partly deployed
  6  conflict: somebody or something else was first";

impl Exit {
    /// How a deploy that has ended so counts. `deploy_status` is the member of its result, where there is one.
    pub fn of_deploy(status: Status, deploy_status: Option<&str>) -> Self {
        match (deploy_status, status) {
            (Some("partial_deploy"), _) => Exit::Partial,
            (Some("deploy_failed"), _) => Exit::Failed,
            (_, Status::Completed) => Exit::Done,
            (_, Status::Denied) => Exit::Denied,
            (_, Status::Expired) => Exit::Unfinished,
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deploy_that_is_not_whole_is_never_done() {
        assert_eq!(Exit::of_deploy(Status::Completed, Some("deployed")), Exit::Done);
        assert_eq!(Exit::of_deploy(Status::Failed, Some("partial_deploy")), Exit::Partial);
        assert_eq!(Exit::of_deploy(Status::Completed, Some("deploy_failed")), Exit::Failed);
        assert_eq!(Exit::of_deploy(Status::Denied, None), Exit::Denied);
        assert_eq!(Exit::of_deploy(Status::Expired, None), Exit::Unfinished);
        assert_eq!(Exit::of_deploy(Status::Cancelled, None), Exit::Failed);
    }

    #[test]
    fn the_help_lists_every_code() {
        for exit in
            [Exit::Done, Exit::Failed, Exit::Usage, Exit::Denied, Exit::Unfinished, Exit::Partial, Exit::Conflict]
        {
            assert!(HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
