//! The kind `backend_deploy`: one commit is built, compared with the stack, approved, executed and recorded.

pub(crate) mod begin;
pub(crate) mod build;
pub(crate) mod cancel;
pub(crate) mod card;
pub(crate) mod change_set;
pub(crate) mod execute;
pub(crate) mod explain;
pub(crate) mod failure;
pub(crate) mod github_status;
pub mod logs;
pub(crate) mod outcome;
pub mod plan;
pub(crate) mod preflight;
pub mod result;
pub(crate) mod review;
pub(crate) mod seal;
pub(crate) mod source;
pub(crate) mod status;
pub(crate) mod stop;
pub mod submit;
pub(crate) mod tasks;
pub(crate) mod watch;

use crate::domain::caller::Caller;
use crate::domain::card::Card;
use crate::domain::error::UserError;
use crate::domain::hint::Hint;
use crate::domain::history::{Deploy, DeployKind, DeployStatus};
use crate::domain::ids::RequestId;
use crate::domain::kind::KindName;
use crate::domain::phrase::Phrase;
use crate::domain::progress::ProgressView;
use crate::domain::request::Request;
use crate::kinds::stack::MACHINE;
use crate::kinds::stack::review::BackendReview;
use crate::kinds::stack::run::BackendRun;
use crate::requests::app::App;
use crate::requests::engine::{Machine, TaskError};
use crate::requests::kind::{CardView, Execution, Kind, KindLabels};
use crate::requests::task::Task;
use crate::requests::tool::Tool;
use crate::storage::coordination::Lane;
use crate::tool;
use async_trait::async_trait;
use plan::BackendFacts;
use serde_json::{Map, Value};

/// Deploys a backend.
pub struct BackendDeploy;

#[async_trait]
impl Kind for BackendDeploy {
    fn name(&self) -> KindName {
        plan::NAME
    }

    fn labels(&self) -> KindLabels {
        KindLabels { title: card::TITLE, label: Phrase::new("Backend", "後端") }
    }

    #[rustfmt::skip]
    fn tools(&self) -> Vec<Tool> {
        vec![
            tool!("bouncer_deploy", Agent, submit::DeployBackend => submit::DeployAnswer,
                |app, cx, args| submit::deploy(&app, &cx.caller, args).await,
                "Submits the deploy of a project's backend: the newest commit of a branch is built and becomes its CloudFormation stack. Answers at once with pending_approval (an approver then decides) or started, and a deploy_id. Poll bouncer_deploy_status. Infrastructure changes wait for a second approval."),
            tool!("bouncer_deploy_logs", Agent, logs::WhichLog => logs::LogView,
                |app, cx, args| logs::logs(&app, &cx.caller, args).await,
                "Reads the log of a backend deploy's build, onwards from where an earlier answer ended."),
        ]
    }

    fn tasks(&self) -> Vec<Task> {
        tasks::tasks()
    }

    fn machine(&self) -> Option<Machine> {
        Some(MACHINE)
    }

    fn execution(&self, request: &Request) -> Option<Execution> {
        Some(Execution { machine: MACHINE, name: request.request_id.clone(), input: Some(Map::new()) })
    }

    async fn card(&self, _app: &App, request: &Request, view: CardView) -> Result<Card, UserError> {
        card::card(request, view)
    }

    fn risks(&self, request: &Request) -> Vec<Phrase> {
        request.details_as::<BackendReview>().map(|review| review.risks()).unwrap_or_default()
    }

    fn hint(&self, request: &Request) -> Option<Hint> {
        request.checkpoint_as::<BackendRun>().map(|run| run.hint())
    }

    fn progress(&self, request: &Request) -> Option<ProgressView> {
        request.checkpoint_as::<BackendRun>().map(|run| run.progress())
    }

    fn status_fields(&self, request: &Request) -> Map<String, Value> {
        status::status_fields(request)
    }

    async fn finish(&self, app: &App, request: &Request, state: &Value, failed: bool) -> Result<(), TaskError> {
        match failed {
            false => outcome::complete(app, request, state).await,
            true => failure::fail(app, request, state).await,
        }
    }

    async fn close_orphan(&self, app: &App, request: &Request) -> Result<(), TaskError> {
        failure::close_orphan(app, request).await
    }

    async fn stop(&self, app: &App, caller: &Caller, request: &Request) -> Result<String, UserError> {
        cancel::stop(app, caller, request).await
    }

    fn history(&self, request: &Request, status: DeployStatus) -> Option<Deploy> {
        let facts: BackendFacts = request.facts_as()?;
        let sentence = request.outcome.as_ref().and_then(|outcome| outcome.sentence.clone());
        Some(Deploy {
            schema: Deploy::SCHEMA,
            deploy_id: request.deploy_id.clone()?,
            project_id: request.project.clone()?,
            kind: DeployKind::Backend,
            request_id: request.request_id.clone(),
            status,
            started_at: request.started_at.unwrap_or(request.created_at),
            finished_at: None,
            triggered_by: request.source.clone().unwrap_or_else(|| request.caller_name.clone()),
            reason: request.reason.clone(),
            release_id: None,
            commit_sha: Some(facts.commit_sha),
            commit_message: Some(facts.commit_message),
            branch: Some(facts.branch),
            changes: None,
            error_summary: sentence.filter(|_| status != DeployStatus::Success),
        })
    }

    fn lane(&self) -> Option<Lane> {
        Some(Lane::Backend)
    }

    fn question(&self, request: &Request) -> Option<RequestId> {
        request.checkpoint_as::<BackendRun>().and_then(|run| run.infrastructure_request)
    }
}
