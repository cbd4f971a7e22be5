//! `bouncer frontend releases`: what visitors got, and what can be gone back to.

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Render, absolute, shorten, size, table, visible, write_table};
use crate::domain::caller::Role;
use crate::domain::time::Time;
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Write};

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer frontend releases shop
  bouncer frontend releases shop --json";

/// How much of a text fits beside the rest of a row.
const CELL_LENGTH: usize = 40;

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct ReleasesArgs {
    /// The project
    #[arg(value_name = "PROJECT")]
    project: String,
}

/// Runs the command.
pub async fn run(context: &Context, args: ReleasesArgs) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Agent)?;
    let arguments = json!({ "project": args.project });
    context.printer.show(&client.call::<Releases>("bouncer_frontend_releases", &arguments).await?)?;
    Ok(Exit::Done)
}

#[derive(Debug, Deserialize)]
struct Releases {
    project: String,
    releases: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    release_id: String,
    #[serde(default)]
    current: bool,
    live_at: Time,
    #[serde(default)]
    file_count: u64,
    #[serde(default)]
    total_size: u64,
    restores: Option<String>,
    #[serde(default)]
    adopted: bool,
    triggered_by: Option<String>,
    reason: Option<String>,
}

impl Render for Releases {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.releases.is_empty() {
            return writeln!(out, "{} has no release yet.", visible(&self.project));
        }
        let mut rows = table(&["", "RELEASE", "LIVE SINCE", "FILES", "SIZE", "FROM", "WHY"]);
        for row in &self.releases {
            let cell = |text: Option<&str>| shorten(&visible(text.unwrap_or("-")), CELL_LENGTH);
            let why = match &row.restores {
                Some(release) => format!("back to {release}: {}", row.reason.as_deref().unwrap_or_default()),
                None if row.adopted => format!("adopted: {}", row.reason.as_deref().unwrap_or_default()),
                None => row.reason.clone().unwrap_or_else(|| "-".to_owned()),
            };
            rows.add_row([
                if row.current { "*".to_owned() } else { String::new() },
                visible(&row.release_id),
                absolute(row.live_at),
                row.file_count.to_string(),
                size(row.total_size),
                cell(row.triggered_by.as_deref()),
                cell(Some(&why)),
            ]);
        }
        write_table(out, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::text_of;

    #[test]
    fn the_list() {
        let list: Releases = serde_json::from_value(json!({"project": "shop", "count": 3, "releases": [
            {"release_id": "rel-0123456789ab", "current": true, "live_at": "2026-01-02T03:04:05.000Z", "file_count": 12,
             "total_size": 34567, "restores": "rel-00000000000a", "triggered_by": "ada", "reason": "The checkout is broken"},
            {"release_id": "rel-00000000000b", "current": false, "live_at": "2026-01-01T03:04:05.000Z", "file_count": 13,
             "total_size": 345_678, "triggered_by": "Build bot (release 7)", "reason": "New\u{1b}[2J checkout"},
            {"release_id": "rel-00000000000a", "current": false, "live_at": "2025-12-01T03:04:05.000Z", "file_count": 3,
             "total_size": 345, "adopted": true, "triggered_by": "ada", "reason": "Adopt the bucket shop-site"},
        ]}))
        .unwrap();
        insta::assert_snapshot!(text_of(&list));
        insta::assert_snapshot!(text_of(&Releases { project: "blog".into(), releases: vec![] }), @"blog has no release yet.");
    }
}
