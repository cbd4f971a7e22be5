//! Writes the frontend configuration of projects, as a TOML file states it, into Bouncer's projects table.
//!
//! The order of things is the promise: the whole file is checked, the table is read, what would change is worked out,
//! the outcome is checked against the table's other projects, and only then is anything written.

mod apply;
mod diff;
mod exit;
mod file;
mod options;
mod report;
mod target;

use bouncer::storage::bucket_locks::BucketLock;
use clap::Parser as _;
use diff::Stored;
use exit::Exit;
use file::Wanted;
use options::{Mode, Options};
use report::{Ended, Outcome, ProjectReport, Report};
use std::collections::BTreeMap;
use std::process::ExitCode;
use target::Target;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let report = match run(&options).await {
        Ok(done) => Report::Done(done),
        Err(ended) => Report::Ended(ended),
    };
    report.print(options.json);
    report.exit().into()
}

async fn run(options: &Options) -> Result<report::Done, Ended> {
    let wanted = selected(read_file(options)?, &options.project)?;
    let target = Target::open(options).await?;
    // Taken before the table is read, so that no other program gives a project a bucket until this one has ended.
    let turn = match options.mode() {
        Mode::Write => Some(target.take_turn().await?),
        Mode::Check | Mode::DryRun => None,
    };
    let outcome = carry_out(options, &target, &wanted, turn.as_ref()).await;
    if let Some(turn) = &turn {
        target.store.unlock_buckets(turn).await;
    }
    outcome
}

async fn carry_out(
    options: &Options,
    target: &Target,
    wanted: &[Wanted],
    turn: Option<&BucketLock>,
) -> Result<report::Done, Ended> {
    let rows = target.rows().await?;
    let stored: BTreeMap<&str, Stored> = rows.iter().map(|(id, row)| (id.as_str(), Stored::of(row))).collect();

    let faults = diff::shared_buckets(wanted, &stored);
    if !faults.is_empty() {
        return Err(Ended::Invalid { file: options.file.clone(), faults });
    }

    let mut projects = Vec::new();
    let mut stopped = None;
    for wanted in wanted {
        let id = wanted.project.project_id.as_str();
        let change = diff::diff(wanted, stored.get(id));
        let outcome = match (&change, turn) {
            (None, _) => Outcome::Unchanged,
            (Some(_), None) => Outcome::Planned,
            (Some(_), Some(_)) if stopped.is_some() => Outcome::NotTried,
            (Some(change), Some(turn)) => match apply::apply(target, wanted, rows.get(id), change, turn).await {
                Ok(outcome) => outcome,
                // The next write would fail as well; the projects before this one are written and stay so.
                Err(failure) => {
                    stopped = Some(failure);
                    Outcome::Failed
                }
            },
        };
        projects.push(ProjectReport::new(wanted, change, outcome));
    }
    Ok(report::Done { table: options.table.clone(), mode: options.mode(), projects, failure: stopped })
}

fn read_file(options: &Options) -> Result<Vec<Wanted>, Ended> {
    let path = &options.file;
    let text = std::fs::read_to_string(path).map_err(|error| Ended::Error {
        exit: Exit::Usage,
        message: format!("The file {} cannot be read: {error}.", path.display()),
        suggestion: "Name the file with --file; the default is relative to the root of the repository.".into(),
    })?;
    file::parse(&text).map_err(|faults| Ended::Invalid { file: path.clone(), faults })
}

/// The projects that were asked for; all when none was named.
fn selected(wanted: Vec<Wanted>, names: &[String]) -> Result<Vec<Wanted>, Ended> {
    let ids: Vec<&str> = wanted.iter().map(|wanted| wanted.project.project_id.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !ids.contains(&name.as_str())) {
        return Err(Ended::Error {
            exit: Exit::Usage,
            message: format!("The file has no project '{unknown}'."),
            suggestion: match ids[..] {
                [] => "It has no project at all.".into(),
                _ => format!("Name one of: {}.", ids.join(", ")),
            },
        });
    }
    let asked =
        |wanted: &Wanted| names.is_empty() || names.iter().any(|name| name == wanted.project.project_id.as_str());
    Ok(wanted.into_iter().filter(asked).collect())
}
