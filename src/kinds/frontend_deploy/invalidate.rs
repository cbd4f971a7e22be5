//! The CDN forgets what a release made untrue: the tasks `frontend.invalidate` and `frontend.check_invalidation`.
//! The files are live by then, so nothing here can fail the deploy.

use crate::aws::cdn::{Invalidation, TOO_MANY_INVALIDATIONS};
use crate::aws::error::{AwsError, AwsErrorKind};
use crate::aws::sites::Site;
use crate::domain::ids::RequestId;
use crate::domain::request::{Request, Status};
use crate::domain::site::invalidation::{EVERYTHING, Untrue};
use crate::kinds::site::plan::{FrontendPlan, REPAIRS};
use crate::kinds::site::report::{InvalidationView, report_of};
use crate::requests::app::App;
use crate::requests::engine::{ErrorName, TaskError};
use crate::requests::errors::role_denied;
use crate::requests::find::load;
use crate::storage::documents::Release;
use serde::Serialize;

/// Looks at an unfinished invalidation before the deploy is closed without it; the state machine waits between two.
const MAX_CHECKS: u32 = 60;
/// The error of an invalidation that no retry can mend.
const FAILED: ErrorName = ErrorName::InvalidationFailed;

/// Asks for the invalidation, if there is a distribution and something it may have cached has changed.
pub(crate) async fn invalidate(app: &App, id: &RequestId) -> Result<Checked, TaskError> {
    let (request, plan) = running(app, id).await?;
    let Some(distribution) = &plan.target.distribution_id else { return done() };
    let wanted = wanted(app, &request, &plan).await?;
    if wanted.is_empty() {
        return done();
    }
    let site = open(app, &plan, id).await?;
    // The request's id is the reference, so a repeated task makes no second invalidation.
    let made = site.cdn.create_invalidation(distribution, id.as_str(), &wanted).await;
    let made = made.map_err(|error| failed(app, &plan, id, &error))?;
    tracing::info!(request_id = %id, project = %plan.project, phase = "invalidate", paths = wanted.len(), "the CDN was told");
    note(app, &request, made, 0).await
}

/// Looks how far it is.
pub(crate) async fn check_invalidation(app: &App, id: &RequestId, checks: u32) -> Result<Checked, TaskError> {
    let (request, plan) = running(app, id).await?;
    let known = report_of(&request).and_then(|report| report.invalidation);
    let (Some(distribution), Some(known)) = (&plan.target.distribution_id, known) else { return done() };
    let site = open(app, &plan, id).await?;
    let now = site.cdn.get_invalidation(distribution, &known.id).await;
    let now = now.map_err(|error| failed(app, &plan, id, &error))?;
    note(app, &request, now, checks + 1).await
}

/// How far the invalidation is, as the state machine goes by it.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    outcome: CheckOutcome,
    checks: u32,
}

/// Whether to check again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckOutcome {
    /// It goes on.
    Waiting,
    /// It has ended, or has been checked often enough.
    Done,
}

fn done() -> Result<Checked, TaskError> {
    Ok(Checked { outcome: CheckOutcome::Done, checks: 0 })
}

async fn running(app: &App, id: &RequestId) -> Result<(Request, FrontendPlan), TaskError> {
    let request = load(app, id).await?;
    let plan = request.plan_as().filter(|_| request.status == Status::Running).ok_or_else(|| TaskError {
        name: ErrorName::IllegalState,
        cause: format!("the request {id} is {} and has nothing to invalidate.", request.status),
    })?;
    Ok((request, plan))
}

/// The answers that are no longer true. What the bucket held before the first release, or instead of the current one,
/// is not known, so then it is everything.
async fn wanted(app: &App, request: &Request, plan: &FrontendPlan) -> Result<Vec<String>, TaskError> {
    let Some(base) = plan.base_release.as_ref().filter(|_| !request.is_marked(REPAIRS)) else {
        return Ok(vec![EVERYTHING.to_owned()]);
    };
    let earlier = app.documents.release(&plan.project, base).await?.manifest;
    let later = app.documents.manifest(&plan.project, plan.manifest).await?;
    let mut untrue = Untrue::between(&earlier, &later);
    if untrue.has_added() {
        for release in app.documents.list::<Release>(&plan.project).await? {
            match app.documents.release(&plan.project, &release).await {
                Ok(older) => untrue.remember(&older.manifest),
                // Given up meanwhile, and its files with it.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(untrue.into_paths())
}

async fn open(app: &App, plan: &FrontendPlan, id: &RequestId) -> Result<Site, TaskError> {
    app.sites.open(&plan.target, id).await.map_err(|error| match error.is_transient() {
        true => error.into(),
        false => {
            TaskError { name: FAILED, cause: format!("The invalidation was not requested. {}", role_denied(&error)) }
        }
    })
}

/// Keeps what is known of the invalidation, and says whether to look again.
async fn note(app: &App, request: &Request, made: Invalidation, checks: u32) -> Result<Checked, TaskError> {
    let finished = made.is_completed() || checks >= MAX_CHECKS;
    if let Some(mut report) = report_of(request) {
        report.invalidation = Some(InvalidationView { id: made.id, status: made.status });
        app.store.set_checkpoint(&request.request_id, &report).await?;
    }
    Ok(Checked { outcome: if finished { CheckOutcome::Done } else { CheckOutcome::Waiting }, checks })
}

/// Converts a failed call of the CDN. After credentials have expired, the next attempt starts a new session.
fn failed(app: &App, plan: &FrontendPlan, id: &RequestId, error: &AwsError) -> TaskError {
    tracing::warn!(request_id = %id, %error, phase = "invalidate", "the invalidation failed");
    if error.is_expired() {
        app.sites.forget(&plan.target, id);
    }
    let distribution = plan.target.distribution_id.as_deref().unwrap_or_default();
    let (name, cause) = match error.kind() {
        _ if error.code() == TOO_MANY_INVALIDATIONS => {
            (ErrorName::TooManyInvalidations, "The CDN accepts no more invalidations right now.".to_owned())
        }
        _ if error.is_transient() => (ErrorName::Unavailable, "The CDN cannot be reached.".to_owned()),
        AwsErrorKind::NotFound => (FAILED, format!("There is no distribution {distribution}.")),
        AwsErrorKind::Denied => (FAILED, format!("Invalidating the distribution {distribution} was denied.")),
        _ => (FAILED, format!("The CDN refused the invalidation ({}).", error.code())),
    };
    TaskError { name, cause }
}
