//! Where a request stands for whoever looks at it, and which of its buttons would do something.

use crate::domain::approver::Approver;
use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::error::UserError;
use crate::domain::prompt::Stage;
use crate::domain::request::{Request, Status, Verdict};
use crate::domain::review::Review;
use crate::domain::site::removal::MassDelete;
use crate::domain::time::Time;
use crate::policy::decision::{Context, objection};
use crate::requests::app::App;
use crate::requests::approval::find;
use crate::requests::decide::{context, refusal};
use crate::requests::prompts::stage;
use crate::requests::status::{RequestStatus, status_of};

/// What of a request changes while it is looked at.
pub struct Standing {
    /// In the words of `bouncer_status`.
    pub status: RequestStatus,
    /// What can be done with it.
    pub stage: Stage,
    /// Which decisions of this caller would count.
    pub may: Vec<Verdict>,
    /// Why another one that is offered would not, as whoever presses it all the same is told.
    pub why_not: Option<UserError>,
    /// What must be confirmed before a yes, a sentence each.
    pub risks: Vec<String>,
    /// What an approval is bound to.
    pub plan_hash: Option<Sha256>,
}

/// Where a request stands for a caller, for those who look again and again.
pub async fn standing_of(app: &App, caller: &Caller, id: &str) -> Result<Standing, UserError> {
    let request = find(app, caller, id).await?;
    let context = context_of(app, &request).await?;
    Ok(standing(request, &context, caller, Time::now()))
}

/// What a decision about a request depends on beside the request itself; nothing where there is none to take.
pub async fn context_of(app: &App, request: &Request) -> Result<Context, UserError> {
    match request.status {
        Status::PendingApproval => context(app, request).await,
        _ => Ok(Context::default()),
    }
}

/// Where a request stands for a caller who may see it.
pub fn standing(request: Request, context: &Context, caller: &Caller, now: Time) -> Standing {
    let (may, why_not) = decisions(&request, context, caller, now);
    Standing {
        stage: stage(&request, now),
        may,
        why_not,
        risks: risks(&request),
        plan_hash: request.plan_hash,
        status: status_of(request, now),
    }
}

/// Of the decisions that are offered those that would count, and why the first of the others would not.
fn decisions(request: &Request, context: &Context, caller: &Caller, now: Time) -> (Vec<Verdict>, Option<UserError>) {
    let approver = Approver::from(caller);
    let (mut may, mut why_not) = (vec![], None);
    for verdict in request.offered.iter().copied() {
        match objection(&approver, request, context, verdict, now) {
            None => may.push(verdict),
            Some(why) => why_not = why_not.or_else(|| Some(refusal(why, request, now))),
        }
    }
    (may, why_not)
}

/// What must be confirmed before a yes, a sentence each.
pub fn risks(request: &Request) -> Vec<String> {
    let mut risks = request.review.as_ref().map(Review::risks).unwrap_or_default();
    if request.frontend_plan().is_some_and(|plan| plan.mass_delete) {
        risks.push(MassDelete::WARNING.to_owned());
    }
    risks
}
