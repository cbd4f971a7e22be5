//! A deploy as its page shows it: where it stands, and the question about its infrastructure if there is one.

use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::request::Request;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::status::{RequestStatus, find_deploy, status_of};
use crate::storage::summary::RequestSummary;

/// A deploy, and what it asks.
pub struct DeployPage {
    /// The request that led to it.
    pub request_id: RequestId,
    /// In the words of `bouncer_status`.
    pub deploy: RequestStatus,
    /// The question about its infrastructure.
    pub question: Option<RequestStatus>,
}

impl DeployPage {
    /// Of what [`deploy_and_question`] read.
    pub fn of(requests: &[Request], now: Time) -> Option<Self> {
        let (deploy, question) = (requests.first()?, requests.get(1));
        Some(Self {
            request_id: deploy.request_id.clone(),
            deploy: status_of(deploy.clone(), now),
            question: question.map(|question| status_of(question.clone(), now)),
        })
    }
}

/// A deploy that this caller may see.
pub async fn deploy(app: &App, caller: &Caller, id: &str) -> Result<DeployPage, UserError> {
    let deploy = find_deploy(app, caller, id).await?;
    let question = question_of(app, &deploy).await?;
    let requests: Vec<Request> = [deploy].into_iter().chain(question).collect();
    DeployPage::of(&requests, Time::now()).ok_or_else(UserError::system)
}

/// The rows of a deploy and of its question, as far as telling where they stand takes.
pub async fn deploy_and_question(app: &App, id: &RequestId) -> Result<Vec<Request>, UserError> {
    let Some(deploy) = app.store.request_summary(id).await? else { return Ok(vec![]) };
    let question = question_of(app, &deploy).await?;
    Ok([deploy.into_request()].into_iter().chain(question).collect())
}

async fn question_of(app: &App, deploy: &Request) -> Result<Option<Request>, UserError> {
    let asked = deploy.run.as_ref().and_then(|run| run.infrastructure_request.as_ref());
    let Some(id) = asked else { return Ok(None) };
    Ok(app.store.request_summary(id).await?.map(RequestSummary::into_request))
}
