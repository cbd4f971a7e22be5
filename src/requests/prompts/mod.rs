//! What approvers are shown of a request: its card, and where it stands.

mod delivery;

pub use delivery::PromptLocks;
pub(crate) use delivery::{deliver, refresh, refresh_progress, remind};

use super::app::App;
use super::kind::CardView;
use super::status::hint;
use crate::domain::card::Card;
use crate::domain::error::UserError;
use crate::domain::prompt::{Outcome, Prompt, Stage};
use crate::domain::request::{Request, Status};
use crate::domain::time::Time;

/// Makes the prompt of a request as its approvers are to see it now.
///
/// # Errors
/// Fails when what the request would do cannot be read.
pub async fn prompt_of(app: &App, request: &Request, view: CardView) -> Result<Prompt, UserError> {
    let card = app.kinds.of(request)?.card(app, request, view).await?;
    prompt_with(app, request, card)
}

/// Makes the prompt around a card that was made before: what a request would do does not change.
///
/// # Errors
/// Fails for a request of an unknown kind.
pub fn prompt_with(app: &App, request: &Request, card: Card) -> Result<Prompt, UserError> {
    Ok(Prompt {
        request_id: request.request_id.clone(),
        label: app.kinds.of(request)?.labels().label,
        action: request.action.clone(),
        source: request.source.clone(),
        caller: request.caller_name.clone(),
        project: request.project.clone(),
        deploy_id: request.deploy_id.clone(),
        card,
        reason: request.reason.clone(),
        created_at: request.created_at,
        expires_at: request.expires_at,
        page: page_url(app, request),
        stage: stage(app, request, Time::now()),
    })
}

/// Returns the address of a request's page, where the installation knows its own.
pub fn page_url(app: &App, request: &Request) -> Option<String> {
    app.settings.page_url.as_ref().map(|url| format!("{url}/requests/{}", request.request_id))
}

/// Says where a request stands at a time.
pub fn stage(app: &App, request: &Request, now: Time) -> Stage {
    let decided_by = request.decided_by();
    let detail = request.outcome.as_ref().and_then(|outcome| outcome.sentence.clone());
    let ended = |outcome| Stage::Ended { outcome, decided_by: decided_by.clone(), detail: detail.clone() };
    match request.status_at(now) {
        Status::Ready | Status::PendingApproval => Stage::Asking {
            offered: request.offered.clone(),
            approved_by: request.approved_by(),
            approvals_required: request.approvals_required,
        },
        Status::Approved | Status::Running => Stage::Running { decided_by, hint: hint(app, request, now) },
        Status::Completed => ended(Outcome::Completed),
        Status::Failed if request.outcome.as_ref().is_some_and(|outcome| outcome.partial) => {
            ended(Outcome::PartlyDeployed)
        }
        Status::Failed => ended(Outcome::Failed),
        Status::Denied => ended(Outcome::Denied),
        Status::Expired => ended(Outcome::Expired),
        Status::Cancelled => ended(Outcome::Cancelled),
    }
}
