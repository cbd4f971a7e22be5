//! `bouncer project import`: makes the stored projects agree with a file.

mod file;

use crate::admin::project_import::{
    FieldChange, ImportFault, ImportOutcome, ImportProjects, ImportedProject, ImportedProjects,
};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Render, count, visible};
use crate::domain::caller::Role;
use crate::domain::error::ErrorCode;
use file::{Fault, FileProject};
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer project import projects.toml --dry-run
  bouncer project import projects.toml
  bouncer project import projects.toml --check          # in CI: exit 1 when a project differs from the file
  bouncer project import projects.toml --project shop,blog

scripts/seed_frontend_configs/frontend_configs.toml describes the format.";

/// The arguments of `project import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The TOML file, with one [projects.NAME] table for each project
    file: PathBuf,
    /// Show what would change, field by field, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Show how the projects differ from the file, write nothing, and exit with 1 when they do
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Import only these projects of the file; the whole file is still checked
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    project: Vec<String>,
}

/// Imports the projects of a file.
pub async fn run(context: &Context, args: ImportArgs) -> Result<Exit, CliError> {
    let json = context.printer.json;
    let text = std::fs::read_to_string(&args.file).map_err(|error| {
        CliError::usage(format!("The file {} cannot be read: {error}.", args.file.display()))
            .hint("Name a TOML file in UTF-8 that you may read.")
    })?;
    let projects = file::parse(&text).map_err(|faults| invalid(&args.file, &faults, json))?;
    let projects = selected(projects, &args.project)?;

    let client = context.connection.client(Role::Admin)?;
    let writes = !(args.dry_run || args.check);
    let rows = projects.iter().map(|project| project.row.clone()).collect();
    let arguments = json!(ImportProjects { projects: rows, dry_run: Some(!writes) });
    let answer = client.call::<ImportedProjects>("bouncer_project_import", &arguments).await;
    let ImportedProjects { mut status, projects } =
        answer.map_err(|error| refused(context, &args.file, &projects, error))?.view;

    let mut exit = Exit::Done;
    if args.check && status == "planned" {
        (status, exit) = ("drift".to_owned(), Exit::Failed);
    }
    context.printer.show(&Report { status, projects, exit_code: exit as u8 })?;
    Ok(exit)
}

/// Returns the named projects, or all of them when none is named.
fn selected(projects: Vec<FileProject>, names: &[String]) -> Result<Vec<FileProject>, CliError> {
    let ids: Vec<&str> = projects.iter().map(|project| project.row.project.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !ids.contains(&name.as_str())) {
        let hint = match ids[..] {
            [] => "It has no project at all.".to_owned(),
            _ => format!("Name one of: {}.", ids.join(", ")),
        };
        return Err(CliError::usage(format!("The file has no project '{unknown}'.")).hint(hint));
    }
    let is_named = |project: &FileProject| names.is_empty() || names.contains(&project.row.project);
    Ok(projects.into_iter().filter(is_named).collect())
}

/// Lists what is wrong in the file. People get `FILE:LINE: …`, programs get objects.
fn invalid(file: &Path, faults: &[Fault], json: bool) -> CliError {
    let shown = faults.iter().map(|fault| format!("{}:{}: {}", file.display(), fault.line, fault.message));
    let message = format!("{} in {}; nothing was written.", count(faults.len(), "fault"), file.display());
    let error = CliError::new(Exit::Usage, ErrorCode::ValidationError, message)
        .hint("Correct the file, then import it again.")
        .with("status", json!("invalid"));
    if json {
        error.with("file", json!(file)).with("faults", json!(faults))
    } else {
        error.with("faults", shown.collect())
    }
}

/// Puts the server's refusal into terms of the file, and shows what was written before it.
fn refused(context: &Context, file: &Path, projects: &[FileProject], mut error: CliError) -> CliError {
    if let Some(faults) = error.details.get("faults").and_then(|faults| Vec::<ImportFault>::deserialize(faults).ok()) {
        let mut faults: Vec<Fault> = faults.into_iter().map(|fault| placed(projects, fault)).collect();
        faults.sort_by_key(|fault| fault.line);
        return invalid(file, &faults, context.printer.json);
    }
    if context.printer.json {
        return error;
    }
    let written = error.details.remove("projects").and_then(|projects| serde_json::from_value(projects).ok());
    if let Some(projects) = written {
        let report = Report { status: "error".to_owned(), projects, exit_code: error.exit as u8 };
        // The error that follows says why not everything was written.
        let _ = context.printer.show(&report);
    }
    error
}

/// Finds the line of a fault that only the server can see.
fn placed(projects: &[FileProject], fault: ImportFault) -> Fault {
    let project = projects.iter().find(|project| project.row.project == fault.project);
    Fault {
        line: project.map_or(1, |project| project.line_of(&fault.field)),
        message: format!("The project '{}': {}", fault.project, lowercase_first(&fault.message)),
    }
}

fn lowercase_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// What the import changed, or would change.
#[derive(Debug, Serialize)]
struct Report {
    /// "unchanged", "planned", "drift" or "written"; "error" when a project could not be written.
    status: String,
    projects: Vec<ImportedProject>,
    exit_code: u8,
}

impl Report {
    fn count(&self, is_counted: impl Fn(&ImportedProject) -> bool) -> usize {
        self.projects.iter().filter(|project| is_counted(project)).count()
    }
}

impl Render for Report {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        for project in &self.projects {
            render_project(out, project)?;
        }
        let is_written =
            |project: &ImportedProject| matches!(project.outcome, ImportOutcome::Planned | ImportOutcome::Written);
        let added = self.count(|project| is_written(project) && project.new);
        let changed = self.count(|project| is_written(project) && !project.new);
        let kept = self.count(|project| project.outcome == ImportOutcome::Unchanged);
        let left = self.projects.len() - added - changed - kept;
        match self.status.as_str() {
            "unchanged" if self.projects.is_empty() => writeln!(out, "Nothing to do: the file has no projects."),
            "unchanged" => writeln!(out, "Nothing to do: the projects are as the file says."),
            "planned" => writeln!(out, "{added} to add, {changed} to change, {kept} to keep. Nothing was written."),
            "drift" => writeln!(
                out,
                "The projects differ from the file: {added} to add, {changed} to change, {kept} to keep. Nothing was written."
            ),
            "written" => writeln!(out, "{added} added, {changed} changed, {kept} kept."),
            _ => writeln!(out, "{added} added, {changed} changed, {kept} kept, {left} not written."),
        }
    }
}

fn render_project(out: &mut dyn Write, project: &ImportedProject) -> fmt::Result {
    let sign = match project.outcome {
        ImportOutcome::Unchanged => '=',
        _ if project.new => '+',
        _ => '~',
    };
    let note = match project.outcome {
        ImportOutcome::Conflict => "  NOT WRITTEN: another writer changed it first",
        ImportOutcome::Failed => "  NOT WRITTEN: the write failed",
        ImportOutcome::NotTried => "  NOT WRITTEN: not tried after the failure",
        ImportOutcome::Unchanged | ImportOutcome::Planned | ImportOutcome::Written => "",
    };
    writeln!(out, "{sign} {}{note}", visible(&project.project))?;
    for FieldChange { field, old, new } in &project.fields {
        writeln!(out, "    {}: {} -> {}", visible(field), shown(old), shown(new))?;
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    if value.is_null() { "(none)".to_owned() } else { visible(&value.to_string()) }
}
