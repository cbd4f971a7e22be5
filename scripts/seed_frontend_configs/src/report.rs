//! What the program prints: lines for people, one JSON document for programs.

use crate::diff::{Change, FieldChange};
use crate::exit::Exit;
use crate::file::{Fault, Wanted};
use crate::options::Mode;
use crate::target::Failure;
use bouncer::cli::visible;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// How a run went.
pub enum Report {
    /// To its end.
    Done(Done),
    /// It stopped before any write.
    Ended(Ended),
}

/// A run whose file was good and whose table could be read.
pub struct Done {
    pub table: String,
    pub mode: Mode,
    pub projects: Vec<ProjectReport>,
    /// Why not everything was written.
    pub failure: Option<Failure>,
}

/// Why a run ended before any write.
#[derive(Debug)]
pub enum Ended {
    /// The file is wrong.
    Invalid { file: PathBuf, faults: Vec<Fault> },
    /// Anything else.
    Error { exit: Exit, message: String, suggestion: String },
}

/// What became of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The table agrees with the file.
    Unchanged,
    /// It would be written.
    Planned,
    /// It was written.
    Written,
    /// Someone else changed it meanwhile; it was not written.
    Conflict,
    /// Its write failed.
    Failed,
    /// An earlier write failed.
    NotTried,
}

/// A project with what is to change.
#[derive(Debug, Serialize)]
pub struct ProjectReport {
    project: String,
    /// Whether its row is new.
    new: bool,
    outcome: Outcome,
    fields: Vec<FieldChange>,
}

impl ProjectReport {
    pub fn new(wanted: &Wanted, change: Option<Change>, outcome: Outcome) -> Self {
        Self {
            project: wanted.project.project_id.to_string(),
            new: matches!(change, Some(Change::Create(_))),
            outcome,
            fields: change.map(|change| change.fields().to_vec()).unwrap_or_default(),
        }
    }
}

impl Report {
    pub fn exit(&self) -> Exit {
        match self {
            Report::Ended(Ended::Invalid { .. }) => Exit::Usage,
            Report::Ended(Ended::Error { exit, .. }) => *exit,
            Report::Done(done) if done.failure.is_some() => Exit::Failed,
            Report::Done(done) if done.count(Outcome::Conflict) > 0 => Exit::Conflict,
            Report::Done(done) if done.mode == Mode::Check && done.count(Outcome::Planned) > 0 => Exit::Failed,
            Report::Done(_) => Exit::Done,
        }
    }

    /// Answers go to stdout, what stopped the run to stderr; as JSON everything goes to stdout.
    pub fn print(&self, json: bool) {
        let (answer, errors) = if json { (format!("{:#}\n", self.json()), String::new()) } else { self.text() };
        // A reader that has seen enough, such as `head`, is no failure; the exit code tells the rest.
        let _ = anstream::stdout().lock().write_all(answer.as_bytes());
        let _ = anstream::stderr().lock().write_all(errors.as_bytes());
    }

    fn json(&self) -> Value {
        let mut answer = match self {
            Report::Done(done) => done.json(),
            Report::Ended(Ended::Invalid { file, faults }) => {
                json!({ "status": "invalid", "file": file, "faults": faults })
            }
            Report::Ended(Ended::Error { message, suggestion, .. }) => {
                json!({ "status": "error", "error": message, "suggestion": suggestion })
            }
        };
        answer["exit_code"] = json!(self.exit() as u8);
        answer
    }

    fn text(&self) -> (String, String) {
        match self {
            Report::Done(done) => done.text(),
            Report::Ended(Ended::Error { message, suggestion, .. }) => {
                (String::new(), error_lines(message, suggestion))
            }
            Report::Ended(Ended::Invalid { file, faults }) => {
                let mut text = String::new();
                for fault in faults {
                    let _ = writeln!(text, "{}:{}: {}", file.display(), fault.line, visible(&fault.message));
                }
                let _ = writeln!(text, "{} in the file; nothing was written.", count(faults.len(), "fault"));
                (String::new(), text)
            }
        }
    }
}

impl Done {
    fn count(&self, outcome: Outcome) -> usize {
        self.projects.iter().filter(|project| project.outcome == outcome).count()
    }

    fn differing(&self) -> impl Iterator<Item = &ProjectReport> {
        self.projects.iter().filter(|project| project.outcome != Outcome::Unchanged)
    }

    fn status(&self) -> &'static str {
        let differs = self.differing().next().is_some();
        match self.mode {
            _ if self.failure.is_some() => "error",
            _ if self.count(Outcome::Conflict) > 0 => "conflict",
            _ if !differs => "unchanged",
            Mode::Check => "drift",
            Mode::DryRun => "planned",
            Mode::Write => "written",
        }
    }

    fn json(&self) -> Value {
        let mut answer = json!({ "status": self.status(), "table": self.table, "projects": self.projects });
        if let Some(failure) = &self.failure {
            answer["error"] = json!(failure.message);
            answer["suggestion"] = json!(failure.suggestion);
        }
        answer
    }

    fn text(&self) -> (String, String) {
        let mut text = String::new();
        for project in self.differing() {
            let sign = if project.new { "+" } else { "~" };
            let note = match project.outcome {
                Outcome::Conflict => "  NOT WRITTEN: someone else changed it meanwhile",
                Outcome::Failed => "  NOT WRITTEN: failed",
                Outcome::NotTried => "  NOT WRITTEN: not tried",
                Outcome::Unchanged | Outcome::Planned | Outcome::Written => "",
            };
            let _ = writeln!(text, "{sign} {}{note}", project.project);
            for change in &project.fields {
                let _ = writeln!(text, "    {}: {} -> {}", change.field, shown(&change.old), shown(&change.new));
            }
        }
        let fields: usize = self.differing().map(|project| project.fields.len()).sum();
        let what = format!("{}, {}", count(self.differing().count(), "project"), count(fields, "field"));
        let table = &self.table;
        let (written, conflicts) = (self.count(Outcome::Written), self.count(Outcome::Conflict));
        let mut errors = String::new();
        let _ = match self.status() {
            "unchanged" => writeln!(text, "Nothing to do: {table} is as the file states."),
            "drift" => writeln!(text, "{table} differs from the file: {what}."),
            "planned" => writeln!(text, "Would change {what} in {table}. Nothing was written."),
            "written" => writeln!(text, "Changed {what} in {table}."),
            _ => writeln!(text, "Changed {} in {table}.", count(written, "project")),
        };
        if let Some(failure) = &self.failure {
            errors.push_str(&error_lines(&failure.message, &failure.suggestion));
        } else if conflicts > 0 {
            let message = format!("{} changed meanwhile and not written.", count(conflicts, "project"));
            errors.push_str(&error_lines(&message, "Look at them with --dry-run, then run this again."));
        }
        (text, errors)
    }
}

fn error_lines(message: &str, suggestion: &str) -> String {
    format!("error: {}\nhint: {}\n", visible(message), visible(suggestion))
}

fn shown(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "(none)".to_owned(), |value| visible(&value.to_string()))
}

fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
