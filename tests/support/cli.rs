//! The command line, run as a person would.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{self, Finished};
use super::python::python;
use super::server::{Role, Server};

const DEADLINE: Duration = Duration::from_secs(60);

/// One run of `bouncer` in a cleared environment.
pub struct Cli {
    home: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
}

impl Cli {
    /// A run that knows no server; `home` is its home and working folder.
    pub fn new(home: &Path, arguments: &[&str]) -> Self {
        Self {
            home: home.to_path_buf(),
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: Vec::new(),
        }
    }

    /// A run that finds `server` through its data folder.
    pub fn on(server: &Server, arguments: &[&str]) -> Self {
        Self::new(server.scratch(), arguments).env("BOUNCER_DATA_DIR", server.data_dir())
    }

    /// Speaks as `role`, whatever the command would choose.
    pub fn key(self, server: &Server, role: Role) -> Self {
        self.env("BOUNCER_KEY", server.key(role))
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Runs it in a terminal of its own, where each of `answers` (separated by commas) is typed at one prompt. What the
    /// terminal shows is the stdout.
    pub async fn run_in_terminal(self, answers: &str) -> Finished {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/terminal.py");
        let mut command = process::isolated(python(), &self.home);
        command.args([script, answers, env!("CARGO_BIN_EXE_bouncer")]).args(&self.arguments);
        command.env("TERM", "xterm-256color").envs(self.environment);
        process::run(command, Vec::new(), DEADLINE + Duration::from_secs(10)).await
    }

    /// Runs it to the end, with nothing to read on its stdin.
    pub async fn run(self) -> Finished {
        let mut command = process::isolated(env!("CARGO_BIN_EXE_bouncer"), &self.home);
        command.args(&self.arguments).envs(self.environment);
        process::run(command, Vec::new(), DEADLINE).await
    }
}
