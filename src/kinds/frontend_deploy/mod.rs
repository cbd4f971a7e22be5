//! Publishing a site: files go to its bucket after one approval, and the CDN is told.

mod card;
mod compare;
pub mod confirm;
pub mod diff;
mod files;
pub mod inline;
mod invalidate;
mod name;
mod outcome;
pub mod presigned;
mod publish;
pub mod releases;
mod reusable;
pub mod rollback;
mod slice;
mod submit;
mod tasks;

pub use files::FileToDiff;
pub use outcome::FrontendResult;
pub use submit::PendingAnswer;

pub(crate) use name::NAME;

use crate::domain::caller::Caller;
use crate::domain::card::Card;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::hint::Hint;
use crate::domain::history::{Deploy, DeployStatus};
use crate::domain::kind::KindName;
use crate::domain::phrase::Phrase;
use crate::domain::progress::ProgressView;
use crate::domain::request::Request;
use crate::kinds::site::MACHINE;
use crate::kinds::site::plan::{FrontendPlan, SiteFacts};
use crate::kinds::site::progress::SiteProgress;
use crate::kinds::site::work::history_row;
use crate::requests::app::App;
use crate::requests::engine::{Machine, TaskError};
use crate::requests::kind::{CardView, Execution, Kind, KindLabels};
use crate::requests::task::Task;
use crate::requests::tool::Tool;
use crate::storage::coordination::Lane;
use crate::storage::passes::StagedSite;
use crate::tool;
use async_trait::async_trait;
use name::TITLE;
use serde_json::{Map, Value, json};

/// Publishes a site.
pub struct FrontendDeploy;

#[async_trait]
impl Kind for FrontendDeploy {
    fn name(&self) -> KindName {
        NAME
    }

    fn labels(&self) -> KindLabels {
        KindLabels { title: TITLE, label: Phrase::new("Site", "網站") }
    }

    #[rustfmt::skip]
    fn tools(&self) -> Vec<Tool> {
        vec![
        tool!("bouncer_deploy_frontend", Agent, inline::DeployFrontend => PendingAnswer,
            |app, cx, args| inline::deploy(&app, &cx.caller, args).await,
            "Asks for the deploy of a small static site whose files travel in this call as base64. Answers at once with pending_approval and a request_id; a human then decides. Poll bouncer_status. For more than 200 files or large ones use bouncer_request_frontend_presigned."),
        tool!("bouncer_request_frontend_presigned", Agent, presigned::RequestPresigned => presigned::UploadsReady,
            |app, cx, args| presigned::request(&app, &cx.caller, args, cx.host.as_deref()).await,
            "First step of a larger site's deploy: give every file's name, and size and sha256 if you know them; get one upload URL a file. Content that is stored already is skipped. An answer with next does not name all files: call again with the same arguments and those of next. PUT each file with the headers given, then call bouncer_confirm_frontend_deploy."),
        tool!("bouncer_confirm_frontend_deploy", Agent, confirm::ConfirmDeploy => PendingAnswer,
            |app, cx, args| confirm::confirm(&app, &cx.caller, args).await,
            "Second step: says that the files of bouncer_request_frontend_presigned are uploaded, with the same list. Checks that all have arrived and asks for a decision; files that have not are listed in missing."),
        tool!("bouncer_frontend_diff", Agent, diff::DiffFrontend => diff::Difference,
            |app, cx, args| diff::diff(&app, &cx.caller, args).await,
            "Compares a list of files with a project's current release and tells what a deploy would add, change and remove. Changes nothing and asks nobody."),
        tool!("bouncer_frontend_releases", Agent, releases::WhichReleases => releases::ReleaseList,
            |app, cx, args| releases::releases(&app, &cx.caller, args).await,
            "Lists a project's releases that are kept, newest first, the current one marked: when each went live, who asked, why, and what it changed."),
        tool!("bouncer_frontend_rollback", Agent, rollback::RollbackFrontend => PendingAnswer,
            |app, cx, args| rollback::rollback(&app, &cx.caller, args).await,
            "Asks for a site to go back to an earlier release: the one before the current one, or the one named. Nothing is uploaded. Answers at once with pending_approval; a human then decides. Poll bouncer_status."),
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

    async fn card(&self, app: &App, request: &Request, view: CardView) -> Result<Card, UserError> {
        card::card(app, request, view).await
    }

    fn risks(&self, request: &Request) -> Vec<Phrase> {
        let facts = request.facts_as::<SiteFacts>().unwrap_or_default();
        if facts.mass_delete { vec![card::MASS_DELETE] } else { vec![] }
    }

    fn hint(&self, request: &Request) -> Option<Hint> {
        SiteProgress::of(request).map(|progress| progress.hint())
    }

    fn progress(&self, request: &Request) -> Option<ProgressView> {
        SiteProgress::of(request).map(|progress| progress.view())
    }

    fn status_fields(&self, request: &Request) -> Map<String, Value> {
        let changes = request.facts_as::<SiteFacts>().and_then(|facts| facts.changes);
        changes.into_iter().map(|changes| ("changes".to_owned(), json!(changes))).collect()
    }

    async fn finish(&self, app: &App, request: &Request, state: &Value, failed: bool) -> Result<(), TaskError> {
        match failed {
            false => outcome::complete(app, request, state).await,
            true => outcome::fail(app, request, state).await,
        }
    }

    async fn stop(&self, _app: &App, _caller: &Caller, _request: &Request) -> Result<String, UserError> {
        Err(UserError::new(
            ErrorCode::Conflict,
            "A publish cannot be stopped halfway: visitors would get a mixture of two releases.",
            "Wait until it has ended, then roll back or deploy again.",
        ))
    }

    fn history(&self, request: &Request, status: DeployStatus) -> Option<Deploy> {
        history_row(request, status)
    }

    fn lane(&self) -> Option<Lane> {
        Some(Lane::Frontend)
    }

    fn preview(&self, request: &Request) -> Option<StagedSite> {
        let plan = request.plan_as::<FrontendPlan>()?;
        Some(StagedSite { request_id: request.request_id.clone(), project: plan.project, manifest: plan.manifest })
    }
}
