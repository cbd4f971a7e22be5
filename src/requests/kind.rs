//! The interface of a kind of request, and the registry of all kinds. The core calls every kind through this; it names none.

use super::app::App;
use super::complete;
use super::engine::{ErrorName, Machine, TaskError};
use super::execution::cause_of;
use super::task::Task;
use super::tool::Tool;
use crate::domain::caller::{Caller, Role};
use crate::domain::card::Card;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::hint::Hint;
use crate::domain::history::{Deploy, DeployStatus};
use crate::domain::ids::RequestId;
use crate::domain::kind::KindName;
use crate::domain::outcome::Outcome;
use crate::domain::phrase::Phrase;
use crate::domain::progress::ProgressView;
use crate::domain::request::{Event, Request};
use crate::policy::decision::Objection;
use crate::storage::coordination::Lane;
use crate::storage::passes::StagedSite;
use async_trait::async_trait;
use serde_json::{Map, Value, json};

/// The state machine of every kind that has none of its own.
pub const REQUEST_MACHINE: Machine =
    Machine { name: "request", definition: include_str!("../../statemachines/request.asl.json") };

/// What a kind is called.
#[derive(Debug, Clone)]
pub struct KindLabels {
    /// What is asked: "Publish the site".
    pub title: Phrase,
    /// One word for lists: "Site".
    pub label: Phrase,
}

/// Where a request's execution is.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The state machine that carries it out.
    pub machine: Machine,
    /// The execution's name: the id of the request that started it.
    pub name: RequestId,
    /// What it is started with; `None` when another request started it, for which this one is a question.
    pub input: Option<Map<String, Value>>,
}

/// How much of a request a card shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardView {
    /// What the reader's role allows to be shown.
    pub role: Role,
    /// Whether every file, row and changed text is shown, or the first ones.
    pub whole: bool,
    /// Page of long lists, from 1.
    pub page: usize,
}

impl CardView {
    /// The first lines, for a prompt that approvers get.
    pub const PROMPT: Self = Self { role: Role::Approver, whole: false, page: 1 };
}

/// A kind of request. Stateless: what it works with is in [`App`], what it knows of a request is in the request.
#[async_trait]
pub trait Kind: Send + Sync {
    /// Names the kind in records and answers.
    fn name(&self) -> KindName;

    /// Says what the kind is called.
    fn labels(&self) -> KindLabels;

    /// Lists the tools that ask for requests of this kind and work with them.
    fn tools(&self) -> Vec<Tool> {
        vec![]
    }

    /// Lists the tasks that its state machine calls.
    fn tasks(&self) -> Vec<Task> {
        vec![]
    }

    /// Returns the state machine of the kind, if it has one of its own.
    fn machine(&self) -> Option<Machine> {
        None
    }

    /// Tells which execution carries a request out; `None` for what needs none. The default is the machine of the core, which
    /// asks for a decision and calls [`Kind::run`].
    fn execution(&self, request: &Request) -> Option<Execution> {
        Some(Execution { machine: REQUEST_MACHINE, name: request.request_id.clone(), input: Some(Map::new()) })
    }

    /// Does the work of a request in one task. The plan is intact and approved. May run twice.
    ///
    /// # Errors
    /// `Unavailable` is tried again; any other error ends the request as failed, with its cause.
    async fn run(&self, _app: &App, request: &Request) -> Result<Outcome, TaskError> {
        Err(TaskError::refused(format!("Requests of the kind {} are carried out elsewhere", request.action)))
    }

    /// Makes the card.
    ///
    /// # Errors
    /// Fails when what the request would do cannot be read.
    async fn card(&self, app: &App, request: &Request, view: CardView) -> Result<Card, UserError>;

    /// Lists what must be acknowledged before an approval. Reads the row only.
    fn risks(&self, _request: &Request) -> Vec<Phrase> {
        vec![]
    }

    /// Says what an approved or running request is doing.
    fn hint(&self, _request: &Request) -> Option<Hint> {
        None
    }

    /// Says in numbers how far a running request is.
    fn progress(&self, _request: &Request) -> Option<ProgressView> {
        None
    }

    /// Returns the members that status answers have for this kind only.
    fn status_fields(&self, _request: &Request) -> Map<String, Value> {
        Map::new()
    }

    /// Objects to any decision about a request for a reason that only the kind knows.
    ///
    /// # Errors
    /// Fails when that cannot be found out.
    async fn objection(&self, _app: &App, _request: &Request) -> Result<Option<Objection>, UserError> {
        Ok(None)
    }

    /// Closes a request whose state machine came to its end; `state` is the execution's data. May be called twice. The default
    /// fails the request with the cause that the machine caught.
    ///
    /// # Errors
    /// Fails when the end cannot be stored yet; it is tried again.
    async fn finish(&self, app: &App, request: &Request, state: &Value, failed: bool) -> Result<(), TaskError> {
        if failed {
            let cause = cause_of(state, "/error").unwrap_or_else(|| "It stopped for an unknown reason.".to_owned());
            let outcome = Outcome { partial: false, result: json!({ "error_summary": cause }), sentence: Some(cause) };
            let closed = complete::close(app, request, Event::Fail, outcome).await?;
            complete::announce(app, &closed).await;
        }
        Ok(())
    }

    /// Closes a request whose execution ended without closing it, as the records and AWS say.
    ///
    /// # Errors
    /// Fails when that cannot be found out or stored yet; it is tried again.
    async fn close_orphan(&self, app: &App, request: &Request) -> Result<(), TaskError> {
        let cause = json!({ "errorMessage": "The workflow ended without recording why." }).to_string();
        let state = json!({ "error": { "Error": ErrorName::Orphaned.as_str(), "Cause": cause } });
        self.finish(app, request, &state, true).await
    }

    /// Stops a request that is approved or running, and says what was stopped. Said again it does what is left.
    ///
    /// # Errors
    /// Refuses when a request of this kind cannot be stopped, which is the default.
    async fn stop(&self, _app: &App, _caller: &Caller, _request: &Request) -> Result<String, UserError> {
        Err(UserError::new(
            ErrorCode::Conflict,
            "A request of this kind cannot be stopped once it is approved.",
            "Wait until it has ended.",
        ))
    }

    /// Returns the row that the project's history keeps of a request; `None` for what is no deploy.
    fn history(&self, _request: &Request, _status: DeployStatus) -> Option<Deploy> {
        None
    }

    /// Names the lease that a request of this kind holds on its project while it runs.
    fn lane(&self) -> Option<Lane> {
        None
    }

    /// Returns the staged site that a request can be previewed as.
    fn preview(&self, _request: &Request) -> Option<StagedSite> {
        None
    }

    /// Returns the request that a running request waits for, if it asked a second question.
    fn question(&self, _request: &Request) -> Option<RequestId> {
        None
    }

    /// Tells whether requests of this kind are part of the history and statistics of decisions.
    fn is_listed(&self) -> bool {
        true
    }
}

/// Every kind of the program.
#[derive(Clone, Copy)]
pub struct Kinds(&'static [&'static dyn Kind]);

impl Kinds {
    /// Makes the registry.
    pub const fn new(kinds: &'static [&'static dyn Kind]) -> Self {
        Self(kinds)
    }

    /// Lists the kinds.
    pub fn all(self) -> impl Iterator<Item = &'static dyn Kind> {
        self.0.iter().copied()
    }

    /// Finds a kind by its name.
    pub fn named(self, name: &KindName) -> Option<&'static dyn Kind> {
        self.all().find(|kind| kind.name() == *name)
    }

    /// Finds the kind of a request.
    ///
    /// # Errors
    /// Fails for a record of a kind that this version does not know.
    pub fn of(self, request: &Request) -> Result<&'static dyn Kind, UserError> {
        self.named(&request.action).ok_or_else(|| {
            tracing::error!(request_id = %request.request_id, action = %request.action, "a record is of an unknown kind");
            UserError::system()
        })
    }

    /// Lists the state machines, each once.
    pub fn machines(self) -> Vec<Machine> {
        let mut machines: Vec<Machine> = vec![REQUEST_MACHINE];
        for machine in self.all().filter_map(|kind| kind.machine()) {
            if !machines.contains(&machine) {
                machines.push(machine);
            }
        }
        machines
    }
}

/// Says what the requests of a kind are called; the kind's own name where this version does not know it.
pub fn labels(kinds: Kinds, action: &KindName) -> KindLabels {
    kinds.named(action).map(|kind| kind.labels()).unwrap_or_else(|| {
        let name = Phrase::same(action.as_str());
        KindLabels { title: name.clone(), label: name }
    })
}
