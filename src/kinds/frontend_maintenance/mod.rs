//! Maintenance of a site without a publish: a bucket that was filled without Bouncer is adopted, or files that no kept release
//! needs are removed. Visitors get what they got before, so policy asks nobody. It is a request like any other all the same,
//! carried out by an execution, because only the tasks of one may assume a project's role.

mod adopt;
mod card;
mod name;
mod outcome;
mod reader;
pub mod submit;

use crate::domain::card::Card;
use crate::domain::error::UserError;
use crate::domain::hint::Hint;
use crate::domain::history::{Deploy, DeployStatus};
use crate::domain::ids::RequestId;
use crate::domain::kind::KindName;
use crate::domain::phrase::Phrase;
use crate::domain::progress::ProgressView;
use crate::domain::request::Request;
use crate::kinds::site::MACHINE;
use crate::kinds::site::progress::SiteProgress;
use crate::kinds::site::work::history_row;
use crate::requests::app::App;
use crate::requests::engine::{Machine, TaskError};
use crate::requests::kind::{CardView, Execution, Kind, KindLabels};
use crate::requests::task::Task;
use crate::requests::tool::Tool;
use crate::storage::coordination::Lane;
use crate::{task, tool};
use async_trait::async_trait;
use name::{ADOPT, PRUNE};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const STARTING: Phrase = Phrase::new("Starting", "開始執行");

/// Makes what a bucket holds a site's first release.
pub struct FrontendAdopt;

/// Removes files that no kept release needs.
pub struct FrontendPrune;

/// The payload of a task that works in slices.
#[derive(Deserialize)]
struct OfSlice {
    request_id: RequestId,
    cursor: Value,
}

fn execution(request: &Request, work: &str) -> Execution {
    let input = Map::from_iter([("work".to_owned(), json!(work))]);
    Execution { machine: MACHINE, name: request.request_id.clone(), input: Some(input) }
}

fn hint(request: &Request) -> Option<Hint> {
    Some(SiteProgress::of(request).map_or_else(|| STARTING.into(), |progress| progress.hint()))
}

#[async_trait]
impl Kind for FrontendAdopt {
    fn name(&self) -> KindName {
        ADOPT
    }

    fn labels(&self) -> KindLabels {
        KindLabels { title: Phrase::new("Adopt the bucket", "納管儲存桶"), label: Phrase::new("Site", "網站") }
    }

    #[rustfmt::skip]
    fn tools(&self) -> Vec<Tool> {
        vec![
        tool!("bouncer_frontend_adopt", Admin, submit::AdoptFrontend => submit::MaintenanceAnswer,
            |app, cx, args| submit::start_adoption(&app, &cx.caller, args).await,
            "Makes what a project's bucket holds its first release, so that a bucket that was filled without Bouncer can be deployed to without writing everything again, and gone back to. Reads every file once; nothing in the bucket changes, and nobody is asked. Poll bouncer_status. Admins only."),
        ]
    }

    fn tasks(&self) -> Vec<Task> {
        vec![task!("frontend.adopt", ["again", "done"], |app, deadline, args: OfSlice| adopt::adopt(
            app,
            &args.request_id,
            args.cursor,
            deadline
        ))]
    }

    fn machine(&self) -> Option<Machine> {
        Some(MACHINE)
    }

    fn execution(&self, request: &Request) -> Option<Execution> {
        Some(execution(request, "adopt"))
    }

    async fn card(&self, _app: &App, request: &Request, _view: CardView) -> Result<Card, UserError> {
        Ok(card::card(self.labels().title, request))
    }

    fn hint(&self, request: &Request) -> Option<Hint> {
        hint(request)
    }

    fn progress(&self, request: &Request) -> Option<ProgressView> {
        SiteProgress::of(request).map(|progress| progress.view())
    }

    async fn finish(&self, app: &App, request: &Request, state: &Value, failed: bool) -> Result<(), TaskError> {
        outcome::finish(app, request, state, failed).await
    }

    fn history(&self, request: &Request, status: DeployStatus) -> Option<Deploy> {
        history_row(request, status)
    }

    fn lane(&self) -> Option<Lane> {
        Some(Lane::Frontend)
    }
}

#[async_trait]
impl Kind for FrontendPrune {
    fn name(&self) -> KindName {
        PRUNE
    }

    fn labels(&self) -> KindLabels {
        KindLabels { title: Phrase::new("Prune the bucket", "清理儲存桶"), label: Phrase::new("Site", "網站") }
    }

    #[rustfmt::skip]
    fn tools(&self) -> Vec<Tool> {
        vec![
        tool!("bouncer_frontend_prune", Admin, submit::PruneFrontend => submit::MaintenanceAnswer,
            |app, cx, args| submit::start_prune(&app, &cx.caller, args).await,
            "Removes what a project's earlier releases left in its bucket and nothing needs any more, as the end of a deploy does, without a deploy: when a grace is over, for example. Nobody is asked. Poll bouncer_status. Admins only."),
        ]
    }

    fn machine(&self) -> Option<Machine> {
        Some(MACHINE)
    }

    fn execution(&self, request: &Request) -> Option<Execution> {
        Some(execution(request, "prune"))
    }

    async fn card(&self, _app: &App, request: &Request, _view: CardView) -> Result<Card, UserError> {
        Ok(card::card(self.labels().title, request))
    }

    fn hint(&self, request: &Request) -> Option<Hint> {
        hint(request)
    }

    fn progress(&self, request: &Request) -> Option<ProgressView> {
        SiteProgress::of(request).map(|progress| progress.view())
    }

    async fn finish(&self, app: &App, request: &Request, state: &Value, failed: bool) -> Result<(), TaskError> {
        outcome::finish(app, request, state, failed).await
    }

    fn history(&self, request: &Request, status: DeployStatus) -> Option<Deploy> {
        history_row(request, status)
    }

    fn lane(&self) -> Option<Lane> {
        Some(Lane::Frontend)
    }
}
