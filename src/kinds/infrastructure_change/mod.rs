//! The kind `infrastructure_change`: whether a change set that a deploy computed may be executed.

pub(crate) mod card;
pub mod plan;
pub(crate) mod submit;
pub(crate) mod tasks;

use crate::domain::card::Card;
use crate::domain::error::UserError;
use crate::domain::kind::KindName;
use crate::domain::phrase::Phrase;
use crate::domain::request::Request;
use crate::kinds::stack::MACHINE;
use crate::kinds::stack::review::BackendReview;
use crate::policy::decision::Objection;
use crate::requests::app::App;
use crate::requests::engine::TaskError;
use crate::requests::kind::{CardView, Execution, Kind, KindLabels};
use crate::requests::task::Task;
use async_trait::async_trait;

/// Changes infrastructure.
pub struct InfrastructureChange;

#[async_trait]
impl Kind for InfrastructureChange {
    fn name(&self) -> KindName {
        plan::NAME
    }

    fn labels(&self) -> KindLabels {
        KindLabels { title: card::TITLE, label: Phrase::new("Infrastructure", "基礎設施") }
    }

    fn tasks(&self) -> Vec<Task> {
        tasks::tasks()
    }

    fn execution(&self, request: &Request) -> Option<Execution> {
        let deploy = request.deploy_id.as_ref()?;
        Some(Execution { machine: MACHINE, name: deploy.request_id(), input: None })
    }

    async fn card(&self, _app: &App, request: &Request, view: CardView) -> Result<Card, UserError> {
        card::card(request, view)
    }

    fn risks(&self, request: &Request) -> Vec<Phrase> {
        request.details_as::<BackendReview>().map(|review| review.risks()).unwrap_or_default()
    }

    async fn objection(&self, app: &App, request: &Request) -> Result<Option<Objection>, UserError> {
        let Some(deploy_id) = &request.deploy_id else { return Ok(Some(Objection::DeployHasEnded)) };
        let deploy = app.store.request(&deploy_id.request_id()).await?;
        let goes_on = deploy.is_some_and(|deploy| !deploy.status.has_ended() && deploy.cancellation.is_none());
        Ok((!goes_on).then_some(Objection::DeployHasEnded))
    }

    /// The deploy that waits for the decision closes the question with itself.
    async fn close_orphan(&self, _app: &App, _request: &Request) -> Result<(), TaskError> {
        Ok(())
    }
}
