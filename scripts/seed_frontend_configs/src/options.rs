//! The command line.

use crate::exit;
use std::path::PathBuf;

/// Writes the frontend configuration of projects from a file into Bouncer's projects table
///
/// Only fields that differ are written, one conditional write a project; everything else in a row stays. Projects that
/// the file does not name are left alone. AWS credentials, profile and region come from the standard AWS settings
/// (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, ~/.aws and so on).
#[derive(Debug, clap::Parser)]
#[command(version, after_help = exit::HELP)]
pub struct Options {
    /// Print what would change, field by field, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print how the table differs from the file, write nothing, and exit with 1 when it does
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The file that states what should be
    #[arg(long, value_name = "FILE", default_value = "scripts/seed_frontend_configs/frontend_configs.toml")]
    pub file: PathBuf,
    /// Only these projects of the file
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub project: Vec<String>,
    /// The projects table
    #[arg(long, value_name = "TABLE", default_value = "bouncer-projects")]
    pub table: String,
    /// The DynamoDB API to talk to, instead of AWS's
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub endpoint_url: Option<String>,
    /// The table's AWS region
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Talk to the `bouncer serve` that runs on this data folder, instead of AWS
    ///
    /// Buckets that are missing in its object storage are made, as `bouncer project add` does.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint_url", "region"])]
    pub data_dir: Option<PathBuf>,
}

fn http_url(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => Ok(text.to_owned()),
        _ => Err("expected a form such as http://127.0.0.1:4566"),
    }
}

/// What is to happen with a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is written.
    Write,
    /// It is shown.
    DryRun,
    /// It is shown and counts as a failure.
    Check,
}

impl Options {
    pub fn mode(&self) -> Mode {
        match (self.check, self.dry_run) {
            (true, _) => Mode::Check,
            (_, true) => Mode::DryRun,
            _ => Mode::Write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }
}
