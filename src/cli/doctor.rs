//! `bouncer doctor`: what is configured, reachable and missing, each with the way out.

use super::connection::{Connection, CredentialsFile, read_json};
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Answer, Render, visible};
use crate::config;
use crate::config::Environment;
use crate::domain::caller::Role;
use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};
use std::path::Path;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer doctor
  bouncer doctor --server https://bouncer.example.com --key bncr_…

The exit code is 1 when something fails; warnings do not change it.";

/// Runs the command.
pub async fn run(context: &Context) -> Result<Exit, CliError> {
    let report = Report { checks: examine(context).await };
    context.printer.show(&report)?;
    Ok(if report.has_failed() { Exit::Failed } else { Exit::Done })
}

async fn examine(context: &Context) -> Vec<Check> {
    let connection = &context.connection;
    let mut checks = Vec::new();
    match connection.data_dir() {
        Ok(dir) => {
            checks.push(data_folder(&dir, connection));
            checks.extend(credentials(&dir.join("credentials.json")));
        }
        Err(error) => checks.push(Check::failed("data folder", &error)),
    }
    checks.extend(server(connection).await);
    checks.push(aws_environment(&context.environment));
    checks
}

fn data_folder(dir: &Path, connection: &Connection) -> Check {
    let shown = dir.display();
    if dir.is_dir() {
        Check::ok("data folder", shown)
    } else if connection.server.is_some() {
        Check::ok("data folder", format!("{shown} is not there; --server names a server, so none is needed"))
    } else {
        Check::warn("data folder", format!("{shown} is not there"), "`bouncer serve` makes it.")
    }
}

fn credentials(file: &Path) -> Option<Check> {
    let shown = file.display();
    let check = match read_json::<CredentialsFile>(file) {
        Ok(None) => return None,
        Err(error) => Check::failed("credentials", &error),
        Ok(Some(_)) => match open_to_others(file) {
            Some(mode) => Check::new(
                "credentials",
                Level::Fail,
                format!("{shown} can be read by others (mode {mode:o})"),
                Some(format!("chmod 600 {shown}; then revoke these keys if others use this machine.")),
            ),
            None => Check::ok("credentials", shown),
        },
    };
    Some(check)
}

#[cfg(unix)]
fn open_to_others(file: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<u32> {
    None
}

/// The answer of `GET /v1/health`.
#[derive(Debug, Deserialize)]
struct Health {
    profile: String,
    version: String,
    #[serde(default)]
    checks: Vec<ServerCheck>,
    caller: Caller,
}

#[derive(Debug, Deserialize)]
struct ServerCheck {
    name: String,
    ok: bool,
    #[serde(default)]
    detail: String,
}

#[derive(Debug, Deserialize)]
struct Caller {
    key_id: String,
    name: String,
    role: String,
}

async fn server(connection: &Connection) -> Vec<Check> {
    let client = match connection.client(Role::Agent) {
        Ok(client) => client,
        Err(error) => return vec![Check::failed("server", &error)],
    };
    let health: Answer<Health> = match client.health().await {
        Ok(health) => health,
        Err(error) => return vec![Check::failed("server", &error)],
    };
    let Health { profile, version, checks, caller } = health.view;
    let own = env!("CARGO_PKG_VERSION");
    let mut found = vec![Check::ok("server", format!("{} answers (profile {profile})", client.base()))];
    found.push(if version == own {
        Check::ok("version", own)
    } else {
        Check::warn(
            "version",
            format!("this is {own}, the server is {version}"),
            "Install the same version on both sides.",
        )
    });
    found.push(Check::ok("key", format!("{} ({}), role {}", caller.name, caller.key_id, caller.role)));
    found.extend(checks.into_iter().map(|check| match check.ok {
        true => Check::ok(&check.name, check.detail),
        false => Check::new(&check.name, Level::Fail, check.detail, Some("The server's log says more.".into())),
    }));
    found
}

fn aws_environment(environment: &Environment) -> Check {
    let set = config::set_aws_variables(environment);
    if set.is_empty() {
        Check::ok("aws environment", "no AWS variables are set")
    } else {
        Check::warn(
            "aws environment",
            format!("{} set", set.join(", ")),
            "The local profile ignores these; a server of the aws profile obeys them.",
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    level: Level,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
}

impl Check {
    fn new(name: &str, level: Level, detail: impl fmt::Display, suggestion: Option<String>) -> Self {
        Self { name: name.to_owned(), level, detail: detail.to_string(), suggestion }
    }

    fn ok(name: &str, detail: impl fmt::Display) -> Self {
        Self::new(name, Level::Ok, detail, None)
    }

    fn warn(name: &str, detail: impl fmt::Display, suggestion: &str) -> Self {
        Self::new(name, Level::Warn, detail, Some(suggestion.to_owned()))
    }

    fn failed(name: &str, error: &CliError) -> Self {
        Self::new(name, Level::Fail, &error.message, error.hint.clone())
    }
}

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
}

impl Report {
    fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.level == Level::Fail)
    }
}

impl Render for Report {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        for check in &self.checks {
            let (color, word) = match check.level {
                Level::Ok => (AnsiColor::Green, "ok  "),
                Level::Warn => (AnsiColor::Yellow, "warn"),
                Level::Fail => (AnsiColor::Red, "fail"),
            };
            let style = Style::new().bold().fg_color(Some(color.into()));
            writeln!(out, "{style}{word}{style:#}  {:<15}  {}", visible(&check.name), visible(&check.detail))?;
            if let Some(suggestion) = &check.suggestion {
                writeln!(out, "      {:<15}  {}", "", visible(suggestion))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    #[test]
    fn a_report_with_every_level() {
        let report = Report {
            checks: vec![
                Check::ok("data folder", "/home/a/.local/share/bouncer"),
                Check::warn("version", "this is 0.1.0, the server is 0.2.0", "Install the same version on both sides."),
                Check::failed("server", &CliError::failed("No Bouncer answers.").hint("Start one.")),
            ],
        };
        assert!(report.has_failed());
        insta::assert_snapshot!(text_of(&report), @r"
        ok    data folder      /home/a/.local/share/bouncer
        warn  version          this is 0.1.0, the server is 0.2.0
                               Install the same version on both sides.
        fail  server           No Bouncer answers.
                               Start one.
        ");
    }

    #[cfg(unix)]
    #[test]
    fn keys_that_others_can_read_fail() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("credentials.json");
        assert!(credentials(&file).is_none());
        std::fs::write(&file, r#"{"admin":"bncr_a","approver":"bncr_b","agent":"bncr_c"}"#).unwrap();
        for (mode, level) in [(0o600, Level::Ok), (0o640, Level::Fail), (0o604, Level::Fail)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(credentials(&file).unwrap().level, level, "{mode:o}");
        }
    }
}
