//! The command line as a script sees it: stdout, stderr and the exit code.

mod files;
mod import;
mod offline;
mod online;
mod terminal;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program with nothing of this machine's environment but what it needs to run.
pub fn bouncer(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bouncer"));
    command.env_clear().env("HOME", home).env("TMPDIR", std::env::temp_dir()).current_dir(home).stdin(Stdio::null());
    command
}

/// What a run left: exit code, stdout, stderr.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the program ended by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Run {
    command.output().unwrap().into()
}
