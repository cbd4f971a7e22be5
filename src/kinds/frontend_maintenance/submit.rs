//! `bouncer_frontend_adopt` and `bouncer_frontend_prune`: whoever configures projects starts a site's maintenance.

use super::name::{ADOPT, PRUNE};
use crate::admin::projects::{deployable, require};
use crate::domain::caller::{Caller, Role};
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::{DeployId, ProjectId, RequestId};
use crate::domain::request::{Lifetime, Request, Status};
use crate::domain::time::Time;
use crate::kinds::site::plan::{Maintenance, MaintenancePlan, SiteFacts};
use crate::policy::rules::Subject;
use crate::requests::app::App;
use crate::requests::lease;
use crate::requests::prompts::page_url;
use crate::requests::submit;
use crate::requests::submit::{Submission, Submitted};
use crate::requests::text::RequestText;
use crate::storage::coordination::Lane;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Arguments of `bouncer_frontend_adopt`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AdoptFrontend {
    /// The project's id.
    pub project: String,
    /// Why, for the records.
    pub reason: Option<String>,
    /// Who asks, for the records: "Bot name (task)".
    pub source: Option<String>,
    /// Whether only to tell what would be adopted, without reading it (false).
    pub dry_run: Option<bool>,
}

/// Arguments of `bouncer_frontend_prune`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PruneFrontend {
    /// The project's id.
    pub project: String,
    /// Why, for the records.
    pub reason: Option<String>,
    /// Who asks, for the records: "Bot name (task)".
    pub source: Option<String>,
}

/// The answer of both.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MaintenanceAnswer {
    /// "started".
    pub status: &'static str,
    /// Ask for it with bouncer_status.
    pub request_id: RequestId,
    /// The project's id.
    pub project: ProjectId,
    /// Of an adoption: its id in the project's history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_id: Option<DeployId>,
    /// What happens next.
    pub message: &'static str,
    /// Address of the request's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Ask bouncer_status after so many seconds.
    pub poll_after_seconds: u64,
}

/// Makes what a project's bucket holds its first release.
pub async fn start_adoption(app: &App, caller: &Caller, args: AdoptFrontend) -> Result<MaintenanceAnswer, UserError> {
    require(caller, Role::Admin)?;
    let (project, target) = deployable(app, &args.project).await?;
    if let Some(current) = &project.current_release {
        return Err(UserError::new(
            ErrorCode::Conflict,
            format!(
                "The project '{}' has a release already, {current}, so there is nothing to adopt.",
                project.project_id
            ),
            "Deploy to it as usual; bouncer_frontend_releases lists its releases.",
        )
        .with("current_release", json!(current)));
    }
    let plan = MaintenancePlan {
        project: project.project_id,
        target,
        maintenance: Maintenance::Adopt,
        release: None,
        dry_run: args.dry_run.unwrap_or(false),
    };
    start(app, caller, plan, args.reason, args.source).await
}

/// Removes what a project's releases left and nothing needs any more.
pub async fn start_prune(app: &App, caller: &Caller, args: PruneFrontend) -> Result<MaintenanceAnswer, UserError> {
    require(caller, Role::Admin)?;
    let (project, target) = deployable(app, &args.project).await?;
    if project.current_release.is_none() {
        return Err(UserError::new(
            ErrorCode::Conflict,
            format!("The project '{}' has no release yet, so Bouncer wrote nothing that could go.", project.project_id),
            "Deploy to it, or adopt what its bucket holds with bouncer_frontend_adopt.",
        ));
    }
    let plan = MaintenancePlan {
        project: project.project_id,
        target,
        maintenance: Maintenance::Prune,
        release: project.current_release,
        dry_run: false,
    };
    start(app, caller, plan, args.reason, args.source).await
}

async fn start(
    app: &App,
    caller: &Caller,
    plan: MaintenancePlan,
    reason: Option<String>,
    source: Option<String>,
) -> Result<MaintenanceAnswer, UserError> {
    let wording = RequestText {
        reason: reason.clone().unwrap_or_default(),
        source: source.clone(),
        trust_scope: None,
        context: None,
        approval_window: None,
    };
    wording.check(app)?;
    refuse_while_held(app, &plan.project).await?;
    let request_id = RequestId::random();
    let makes_a_release = plan.maintenance == Maintenance::Adopt && !plan.dry_run;
    let lifetime = Lifetime { from: Time::now(), valid: app.settings.approval_window, kept: Request::KEPT_SECONDS };
    let name = match plan.maintenance {
        Maintenance::Adopt => ADOPT,
        Maintenance::Prune => PRUNE,
    };
    let request = Request {
        source,
        reason,
        project: Some(plan.project.clone()),
        deploy_id: makes_a_release.then(|| request_id.frontend_deploy_id()),
        ..Request::new(request_id, name, Status::Approved, caller, &summary(&plan), lifetime)
    };
    let request = request.with_plan(&plan)?.with_facts(&SiteFacts::default())?;
    let submission = Submission { request, subject: Subject::upkeep(), ready: None, commit: None };
    let (Submitted::Stored(request) | Submitted::Waiting(request)) = submit::submit(app, caller, submission).await?;
    Ok(MaintenanceAnswer {
        status: "started",
        project: plan.project,
        deploy_id: request.deploy_id.clone(),
        url: page_url(app, &request),
        poll_after_seconds: 5,
        request_id: request.request_id,
        message: "Started; poll bouncer_status with the request_id.",
    })
}

fn summary(plan: &MaintenancePlan) -> String {
    let (project, bucket) = (&plan.project, &plan.target.bucket);
    match (plan.maintenance, plan.dry_run) {
        (Maintenance::Adopt, false) => format!("Adopt bucket {bucket} as the first release of {project}"),
        (Maintenance::Adopt, true) => format!("Preview adopting bucket {bucket} for {project}"),
        (Maintenance::Prune, _) => format!("Prune {project}: remove files that no kept release needs"),
    }
}

/// A deploy that runs must end first: it changes what would be looked at.
async fn refuse_while_held(app: &App, project: &ProjectId) -> Result<(), UserError> {
    let holder = lease::holder(app, project, Lane::Frontend).await.map_err(|error| {
        tracing::error!(%error, "the lease of a project cannot be read");
        UserError::system()
    })?;
    let Some(holder) = holder else { return Ok(()) };
    Err(UserError::new(
        ErrorCode::Conflict,
        format!("The bucket of {project} is being worked on by {holder}."),
        "Wait until that has ended; bouncer_status tells.",
    )
    .with("running_request_id", json!(holder)))
}
