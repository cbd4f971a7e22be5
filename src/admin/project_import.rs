//! `bouncer_project_import`: adds and changes many projects at once.
//!
//! All projects are checked, together and against the stored ones, before the first is written.

use super::projects::{self, AddProject, changed, check, require, shared_bucket};
use crate::domain::caller::{Caller, Role};
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::project::{FRONTEND_FIELDS, Project};
use crate::requests::app::App;
use crate::requests::find::parse_project_id;
use crate::storage::StoreError;
use crate::storage::bucket_locks::BucketLock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How often a write is tried whose row others change meanwhile.
const ATTEMPTS: usize = 3;

/// Arguments of `bouncer_project_import`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct ImportProjects {
    /// The projects, each with the arguments of bouncer_project_add.
    pub projects: Vec<AddProject>,
    /// Whether to report the changes without writing them (false).
    pub dry_run: Option<bool>,
}

/// The answer of `bouncer_project_import`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct ImportedProjects {
    /// "unchanged", "planned" or "written".
    pub status: String,
    /// In the order of the call.
    pub projects: Vec<ImportedProject>,
}

/// What became of one project.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub struct ImportedProject {
    /// Its id.
    pub project: String,
    /// Whether there was none of this id before.
    pub new: bool,
    /// Whether it was written.
    pub outcome: ImportOutcome,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
}

/// Whether a project was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// It already was as the call says.
    Unchanged,
    /// It would be written.
    Planned,
    /// It was written.
    Written,
    /// It was not written: another writer changed it first.
    Conflict,
    /// It was not written: the write failed.
    Failed,
    /// It was not written: an earlier write failed.
    NotTried,
}

/// One field of a project, before and after.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct FieldChange {
    /// The attribute of the project's row.
    pub field: String,
    /// The stored value; null when there is none.
    pub old: Value,
    /// The value that the call asks for; null removes the field.
    pub new: Value,
}

/// Why one project of an import is refused.
#[derive(Debug, Deserialize, Serialize)]
pub struct ImportFault {
    /// The project's id, as the caller wrote it.
    pub project: String,
    /// The field or argument at fault.
    pub field: String,
    /// One sentence.
    pub message: String,
}

/// A project as it is stored and as the call asks for it.
struct Plan {
    wanted: AddProject,
    before: Option<Project>,
    after: Project,
    fields: Vec<FieldChange>,
}

/// Adds and changes projects, or reports what that would change.
pub async fn import(app: &App, caller: &Caller, args: ImportProjects) -> Result<ImportedProjects, UserError> {
    require(caller, Role::Admin)?;
    if args.dry_run.unwrap_or(false) {
        let plans = plan(app, args.projects).await?;
        return Ok(report(plans.iter().map(|plan| plan.report(ImportOutcome::Planned)).collect()));
    }
    let lock = app.store.lock_buckets().await?;
    let outcome = import_locked(app, caller, args.projects, &lock).await;
    app.store.unlock_buckets(&lock).await;
    outcome
}

async fn import_locked(
    app: &App,
    caller: &Caller,
    rows: Vec<AddProject>,
    lock: &BucketLock,
) -> Result<ImportedProjects, UserError> {
    let mut projects = Vec::new();
    let mut failure = None;
    for plan in plan(app, rows).await? {
        let outcome = match &failure {
            _ if plan.fields.is_empty() => ImportOutcome::Unchanged,
            // The next write would fail as well.
            Some(_) => ImportOutcome::NotTried,
            None => plan.write(app, lock).await.unwrap_or_else(|error| {
                failure = Some(error);
                ImportOutcome::Failed
            }),
        };
        if outcome == ImportOutcome::Written {
            tracing::info!(project = %plan.after.project_id, by = %caller.id, "a project was imported");
        }
        projects.push(plan.report(outcome));
    }
    let conflicts = projects.iter().filter(|project| project.outcome == ImportOutcome::Conflict).count();
    let failure = failure.or_else(|| (conflicts > 0).then(conflict));
    match failure {
        Some(error) => Err(error.with("projects", json!(projects))),
        None => Ok(report(projects)),
    }
}

fn conflict() -> UserError {
    UserError::new(
        ErrorCode::Conflict,
        "Another writer changed a project during the import, so that project was not written.",
        "Review the changes with a dry run, then import again.",
    )
}

fn report(projects: Vec<ImportedProject>) -> ImportedProjects {
    let has = |outcome| projects.iter().any(|project| project.outcome == outcome);
    let status = match () {
        () if has(ImportOutcome::Planned) => "planned",
        () if has(ImportOutcome::Written) => "written",
        () => "unchanged",
    };
    ImportedProjects { status: status.to_owned(), projects }
}

/// Compares every project with the stored one.
///
/// # Errors
///
/// Lists the faults of all projects. Nothing may be written then.
async fn plan(app: &App, rows: Vec<AddProject>) -> Result<Vec<Plan>, UserError> {
    let mut plans: Vec<Plan> = Vec::with_capacity(rows.len());
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for row in rows {
        let id = row.project.clone();
        if !ids.insert(id.clone()) {
            faults.push(fault(&id, "project", "The project is listed twice."));
            continue;
        }
        match Plan::of(app, row).await? {
            Ok(plan) => plans.push(plan),
            Err(refusal) => {
                let field = refusal.details.get("parameter").and_then(Value::as_str).unwrap_or("project");
                faults.push(fault(&id, field, refusal.message.clone()));
            }
        }
    }
    faults.extend(shared_buckets(&plans, &app.store.projects().await?));
    if faults.is_empty() {
        return Ok(plans);
    }
    let count = faults.len();
    let message = format!("{count} of the values cannot be imported, so nothing was written.");
    Err(UserError::validation(message, "Correct what `faults` lists, then import again.").with("faults", json!(faults)))
}

fn fault(project: &str, field: &str, message: impl Into<String>) -> ImportFault {
    ImportFault { project: project.to_owned(), field: field.to_owned(), message: message.into() }
}

/// Finds buckets that two projects would share after the import.
fn shared_buckets(plans: &[Plan], stored: &[Project]) -> Vec<ImportFault> {
    let imported = |id| plans.iter().any(|plan| plan.after.project_id == id);
    let others = || stored.iter().filter(|other| !imported(other.project_id.clone()));
    let shared = plans.iter().enumerate().filter_map(|(index, plan)| {
        let bucket = plan.after.bucket()?;
        let mut owners = plans.iter().take(index).map(|earlier| &earlier.after).chain(others());
        let owner = owners.find(|owner| owner.bucket() == Some(bucket))?;
        let message = shared_bucket(bucket, &owner.project_id);
        Some(fault(plan.after.project_id.as_str(), "bucket", format!("{message} Give each project its own.")))
    });
    shared.collect()
}

impl Plan {
    /// Reads the stored project and checks the one that is asked for. The inner error is a fault of the row.
    async fn of(app: &App, wanted: AddProject) -> Result<Result<Self, UserError>, UserError> {
        let id = match parse_project_id(&wanted.project) {
            Ok(id) => id,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let before = match app.store.project(&id).await {
            Ok(before) => before,
            Err(error @ StoreError::Unreadable { .. }) => {
                tracing::error!(project = %id, %error, "a project's row cannot be read");
                let message = "The stored row of this project cannot be read. Correct or delete it in the table first.";
                return Ok(Err(UserError::invalid("project", message, "")));
            }
            Err(error) => return Err(error.into()),
        };
        let after = changed(&id, before.as_ref(), wanted.clone());
        if let Err(refusal) = check(app, &after) {
            return Ok(Err(refusal));
        }
        let fields = differences(before.as_ref(), &after)?;
        Ok(Ok(Self { wanted, before, after, fields }))
    }

    fn report(&self, outcome: ImportOutcome) -> ImportedProject {
        ImportedProject {
            project: self.after.project_id.to_string(),
            new: self.before.is_none(),
            outcome: if self.fields.is_empty() { ImportOutcome::Unchanged } else { outcome },
            fields: self.fields.clone(),
        }
    }

    /// Writes the project. A deploy may change its release meanwhile; whoever changes another field wins.
    async fn write(&self, app: &App, lock: &BucketLock) -> Result<ImportOutcome, UserError> {
        let id = &self.after.project_id;
        let (mut before, mut after) = (self.before.clone(), self.after.clone());
        for _ in 0..ATTEMPTS {
            match projects::write(app, before.as_ref(), &after, lock).await {
                Ok(()) => return Ok(ImportOutcome::Written),
                Err(error) if error.code == ErrorCode::Conflict => {}
                Err(error) => return Err(error),
            }
            let Some(now) = app.store.project(id).await? else { return Ok(ImportOutcome::Conflict) };
            after = changed(id, Some(&now), self.wanted.clone());
            if differences(Some(&now), &after)?.is_empty() {
                // The write was carried out, and only its answer was lost.
                return Ok(ImportOutcome::Written);
            }
            let is_as_planned = match &before {
                Some(before) => differences(Some(before), &now)?.is_empty(),
                None => false,
            };
            if !is_as_planned {
                return Ok(ImportOutcome::Conflict);
            }
            before = Some(now);
        }
        Ok(ImportOutcome::Conflict)
    }
}

/// Lists the fields of a frontend in which two versions of a project differ.
fn differences(before: Option<&Project>, after: &Project) -> Result<Vec<FieldChange>, UserError> {
    let before = before.map(serde_json::to_value).transpose()?.unwrap_or_default();
    let after = serde_json::to_value(after)?;
    let fields = FRONTEND_FIELDS.into_iter().filter(|field| before.get(field) != after.get(field));
    let value = |row: &Value, field| row.get(field).cloned().unwrap_or_default();
    let changes = fields.map(|field| FieldChange {
        field: field.to_owned(),
        old: value(&before, field),
        new: value(&after, field),
    });
    Ok(changes.collect())
}
