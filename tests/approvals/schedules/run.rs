//! One request from the asking to the end, in the order that a schedule gives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use bouncer::admin::projects;
use bouncer::aws;
use bouncer::domain::channel::ChannelName;
use bouncer::domain::error::UserError;
use bouncer::domain::ids::RequestId;
use bouncer::domain::profile::Profile;
use bouncer::domain::quota::QuotaLimits;
use bouncer::domain::request::{Status, Verdict};
use bouncer::domain::time::Time;
use bouncer::kinds::frontend_deploy as frontend;
use bouncer::policy::decision::Press;
use bouncer::requests::app::{Adapters, App, Settings};
use bouncer::requests::engine::{Engine, TaskFailure, Tasks as _};
use bouncer::requests::{decide, recover};
use bouncer::storage::{Documents, Store};
use bouncer::workflow::tasks::TaskRunner;
use embedded_aws::StorageCredentials;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::board::{Board, Pen};
use super::gate::{Fate, Gate};
use super::people::Who;
use super::workflows::{Line, Waits, Workflows};
use crate::support::{DEADLINE, Site};

pub const STAGING: &str = "bouncer-uploads-000000000000";

/// What a case consists of.
#[derive(Debug, Clone)]
pub struct Case {
    /// Whether two must approve.
    pub two: bool,
    /// Whether the project names its approvers.
    pub named: bool,
    /// The presses, in the order in which they begin.
    pub presses: Vec<(Who, Verdict)>,
    /// What happens next, each time that there is a choice. Then everything goes on undisturbed.
    pub choices: Vec<u16>,
}

/// Where records and objects are.
#[derive(Clone)]
pub struct Storage {
    pub records: SocketAddr,
    pub objects: SocketAddr,
    pub credentials: StorageCredentials,
}

impl Storage {
    pub fn connect(&self) -> aws::Storage {
        let endpoints = aws::Endpoints {
            records: format!("http://{}", self.records),
            objects: format!("http://{}", self.objects),
            access_key_id: self.credentials.access_key_id.clone(),
            secret_access_key: self.credentials.secret_access_key.clone(),
        };
        aws::local(&endpoints)
    }

    fn records_at(&self, url: &str, attempts: u32) -> aws_sdk_dynamodb::Client {
        use aws_sdk_dynamodb::config::retry::RetryConfig;
        use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
        let (id, secret) = (&self.credentials.access_key_id, &self.credentials.secret_access_key);
        let retries = RetryConfig::standard().with_max_attempts(attempts);
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .credentials_provider(Credentials::new(id, secret, None, None, "test"))
            .retry_config(retries.with_initial_backoff(Duration::from_millis(1)))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }
}

/// What came of a press.
pub struct Pressed {
    pub who: Who,
    pub verdict: Verdict,
    pub answer: Result<Status, UserError>,
}

/// What is left when everything has ended.
pub struct Outcome {
    pub id: Option<RequestId>,
    /// Without a gate before its records.
    pub app: App,
    pub board: Arc<Board>,
    pub presses: Vec<Pressed>,
    /// Presses that began.
    pub begun: Vec<(Who, Verdict)>,
    /// Whether no call was lost and nobody died.
    pub undisturbed: bool,
    /// When the window ended.
    pub window_ended_at: Option<Time>,
    /// The step by step, for who reads what went wrong.
    pub steps: Vec<String>,
}

enum Work {
    CallerQuota,
    Recovers,
    Presses(Who, Verdict),
    Runs(Option<(u64, u64)>),
}

enum Ended {
    Nothing,
    Press(Result<Status, UserError>),
    Task(Result<Value, TaskFailure>),
}

struct Actor {
    work: Work,
    process: usize,
    task: JoinHandle<Ended>,
}

/// What may happen next.
#[derive(Clone, Copy)]
enum Step {
    Release(usize, Fate),
    Run,
    Due,
    Press,
    EndWindow,
    /// A process dies; whether the engine notices, or has to be told by nobody that the task's run has ended.
    Die(usize, bool),
    /// A task is run once more, as it was called before.
    Repeat(usize),
}

pub struct Run<'a> {
    case: &'a Case,
    storage: &'a Storage,
    shared: &'a aws::Storage,
    prefix: String,
    truth: Store,
    gate: Arc<Gate>,
    workflows: Arc<Workflows>,
    board: Arc<Board>,
    processes: Vec<Arc<App>>,
    actors: Vec<Actor>,
    id: Option<RequestId>,
    presses: Vec<Pressed>,
    begun: usize,
    disturbances: usize,
    repeats: usize,
    reminded: bool,
    window_ended_at: Option<Time>,
    steps: Vec<String>,
    end: CancellationToken,
}

/// How many times a case is disturbed at most: calls that are lost, and deaths.
const DISTURBANCES: usize = 4;
const REPEATS: usize = 2;
const PROCESSES: usize = 2;

impl<'a> Run<'a> {
    /// On tables of its own.
    pub async fn new(case: &'a Case, storage: &'a Storage, shared: &'a aws::Storage, prefix: String) -> Self {
        let truth = Store::new(storage.records_at(&format!("http://{}", storage.records), 3), prefix.clone());
        truth.create_missing_tables().await.unwrap();
        let mut run = Self {
            case,
            storage,
            shared,
            prefix,
            truth,
            gate: Arc::default(),
            workflows: Arc::new(Workflows::new()),
            board: Arc::default(),
            processes: vec![],
            actors: vec![],
            id: None,
            presses: vec![],
            begun: 0,
            disturbances: 0,
            repeats: 0,
            reminded: false,
            window_ended_at: None,
            steps: vec![],
            end: CancellationToken::new(),
        };
        let admin = crate::faults::world::caller(bouncer::domain::caller::Role::Admin);
        let named = if case.named { Who::NAMED.as_slice() } else { &[] };
        let project = json!({
            "project": "shop", "bucket": run.bucket(), "approvers": named,
            "approvals_required": if case.two { 2 } else { 1 },
        });
        let project = serde_json::from_value(project).unwrap();
        projects::add(&run.app(run.truth.clone(), 0), &admin, project).await.unwrap();
        for process in 0..PROCESSES {
            let app = run.start(process).await;
            run.processes.push(app);
        }
        run
    }

    pub fn bucket(&self) -> String {
        format!("{}site", self.prefix)
    }

    async fn start(&self, process: usize) -> Arc<App> {
        let url = self.gate.before(process, self.storage.records, &self.end).await;
        Arc::new(self.app(Store::new(self.storage.records_at(&url, 2), self.prefix.clone()), process))
    }

    fn app(&self, store: Store, process: usize) -> App {
        let (gate, workflows, board) = (self.gate.clone(), self.workflows.clone(), self.board.clone());
        let engine: Arc<dyn Engine> = Arc::new(Line { process, gate: gate.clone(), workflows });
        let adapters = Adapters {
            store,
            documents: Documents::new(self.shared.objects.clone(), STAGING),
            objects: self.shared.objects.clone(),
            sites: self.shared.sites.clone(),
            backend: None,
            engine,
            channels: vec![Arc::new(Pen { process, gate, board })],
        };
        let asking = QuotaLimits { per_minute: 0, pending: 0 };
        App::assemble(
            bouncer::kinds::KINDS,
            adapters,
            Settings { asking, ..Settings::new(Profile::Local, "000000000000") },
        )
    }

    /// Everything, to the end.
    pub async fn finish(mut self) -> Outcome {
        self.ask();
        let mut choices = self.case.choices.clone().into_iter();
        self.until_nothing_moves(&mut choices).await;
        // Whatever is left undone then, the next start finds.
        for _ in 0..2 {
            self.recover(0);
            self.until_nothing_moves(&mut choices).await;
        }
        if let Some(id) = self.id.clone().filter(|_| self.workflows.has_ended()) {
            self.task(0, None, json!({ "task": "request.settle", "request_id": id }));
            self.until_nothing_moves(&mut choices).await;
        }
        self.end.cancel();
        Outcome {
            id: self.id.clone(),
            app: self.app(self.truth.clone(), 0),
            board: self.board.clone(),
            begun: self.case.presses[..self.begun].to_vec(),
            presses: self.presses,
            undisturbed: self.disturbances == 0,
            window_ended_at: self.window_ended_at,
            steps: self.steps,
        }
    }

    async fn until_nothing_moves(&mut self, choices: &mut impl Iterator<Item = u16>) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < DEADLINE, "it does not come to an end: {:#?}", self.steps);
            self.settle().await;
            if self.id.is_none() {
                let waiting = self.truth.requests_in(Status::PendingApproval, 1).await.unwrap();
                self.id = waiting.into_iter().next().map(|request| request.request_id);
            }
            let (progress, clock) = (self.progress(), self.clock());
            // While somebody computes, or waits before trying again, what could disturb it waits too.
            if progress.is_empty() && !self.actors.is_empty() {
                drop(tokio::time::timeout(Duration::from_millis(5), self.gate.moved.notified()).await);
                continue;
            }
            let choice = choices.next();
            let disturbances = if choice.is_some() { self.disturbances() } else { vec![] };
            // What disturbs is rare enough, and a window long enough, for several presses to meet.
            let (class, which) = choice.map_or((0, 0), |choice| (choice % 40, usize::from(choice / 40)));
            let preferred = match class {
                0..=33 => &progress,
                34..=38 => &disturbances,
                _ => &clock,
            };
            let from = [preferred, &progress, &clock].into_iter().find(|steps| !steps.is_empty());
            let Some(from) = from else { return };
            self.take(from[which % from.len()]).await;
        }
    }

    /// Lets everybody go as far as they can without leaving this program.
    async fn settle(&mut self) {
        for _ in 0..24 {
            tokio::task::yield_now().await;
        }
        let mut at = 0;
        while at < self.actors.len() {
            if self.actors[at].task.is_finished() {
                let actor = self.actors.remove(at);
                let ended = actor.task.await.unwrap();
                self.ended(actor.work, ended);
            } else {
                at += 1;
            }
        }
    }

    fn ended(&mut self, work: Work, ended: Ended) {
        match (work, ended) {
            (Work::Presses(who, verdict), Ended::Press(answer)) => {
                let said = answer.as_ref().map_or_else(|error| error.message.clone(), ToString::to_string);
                self.steps.push(format!("{who:?} is told: {said}"));
                self.presses.push(Pressed { who, verdict, answer });
            }
            (Work::Runs(attempt), Ended::Task(result)) => {
                self.steps.push(format!("a task returns {result:?}"));
                if let Some(attempt) = attempt {
                    self.workflows.returned(attempt, result);
                }
            }
            _ => {}
        }
    }

    /// What brings it all nearer to its end.
    fn progress(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = (0..self.gate.held().len()).map(|at| Step::Release(at, Fate::Made)).collect();
        match self.workflows.waits() {
            Some(Waits::Task(attempt, _)) if !self.is_at_work(attempt) => steps.push(Step::Run),
            Some(Waits::Pause) => steps.push(Step::Due),
            _ => {}
        }
        if self.id.is_some() && self.begun < self.case.presses.len() {
            steps.push(Step::Press);
        }
        steps
    }

    /// What time does.
    fn clock(&self) -> Vec<Step> {
        let mut steps = vec![];
        if matches!(self.workflows.waits(), Some(Waits::Decision)) && (!self.reminded || self.window_ended_at.is_some())
        {
            steps.push(Step::Due);
        }
        if self.id.is_some() && self.window_ended_at.is_none() {
            steps.push(Step::EndWindow);
        }
        steps
    }

    fn disturbances(&self) -> Vec<Step> {
        let mut steps = vec![];
        if self.disturbances < DISTURBANCES {
            for at in 0..self.gate.held().len() {
                steps.extend([Step::Release(at, Fate::Lost), Step::Release(at, Fate::Unanswered)]);
            }
            for process in 0..PROCESSES {
                if self.actors.iter().any(|actor| actor.process == process) {
                    steps.extend([Step::Die(process, false), Step::Die(process, true)]);
                }
            }
        }
        if self.repeats < REPEATS {
            steps.extend((0..self.workflows.payloads().len()).map(Step::Repeat));
        }
        steps
    }

    fn is_at_work(&self, attempt: (u64, u64)) -> bool {
        self.actors.iter().any(|actor| matches!(actor.work, Work::Runs(Some(one)) if one == attempt))
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Release(at, fate) => {
                let held = self.gate.held().remove(at);
                self.steps.push(format!("{} of {} is {fate:?}", held.what, held.process));
                self.disturbances += usize::from(fate != Fate::Made);
                held.meets(fate).await;
            }
            Step::Run => {
                let Some(Waits::Task(attempt, payload)) = self.workflows.waits() else { return };
                self.steps.push(format!("{} is run", payload["task"]));
                self.workflows.calls(payload.clone());
                let process = self.begun_so_far() % PROCESSES;
                self.task(process, Some(attempt), payload);
            }
            Step::Due => {
                if matches!(self.workflows.waits(), Some(Waits::Decision)) {
                    self.reminded = true;
                }
                self.steps.push(format!("time passes in {}", self.workflows.place()));
                self.workflows.due();
            }
            Step::Press => self.press(),
            Step::EndWindow => self.end_window().await,
            Step::Die(process, noticed) => self.die(process, noticed).await,
            Step::Repeat(which) => {
                let payload = self.workflows.payloads()[which].clone();
                self.steps.push(format!("{} is run again", payload["task"]));
                self.repeats += 1;
                self.task(which % PROCESSES, None, payload);
            }
        }
    }

    /// Spreads the work over the processes.
    fn begun_so_far(&self) -> usize {
        self.workflows.payloads().len() + self.begun
    }

    fn spawn(&mut self, process: usize, work: Work, doing: impl Future<Output = Ended> + Send + 'static) {
        let gate = self.gate.clone();
        let task = tokio::spawn(async move {
            let ended = doing.await;
            gate.moved.notify_one();
            ended
        });
        self.actors.push(Actor { work, process, task });
    }

    fn ask(&mut self) {
        let app = self.processes[0].clone();
        self.spawn(0, Work::CallerQuota, async move {
            let args = json!({
                "project": "shop", "files": Site::new(1, 0, 1).inline(),
                "reason": "a test", "source": "tests", "trust_scope": "tests",
            });
            let args = serde_json::from_value(args).unwrap();
            // Whoever asks may be told that it failed. What is stored then says so too.
            drop(frontend::inline::deploy(&app, &Who::asker(), args).await);
            Ended::Nothing
        });
    }

    fn press(&mut self) {
        let (who, verdict) = self.case.presses[self.begun];
        self.begun += 1;
        self.steps.push(format!("{who:?} presses {verdict:?}"));
        let process = self.begun % PROCESSES;
        let (app, id) = (self.processes[process].clone(), self.id.clone().unwrap());
        self.spawn(process, Work::Presses(who, verdict), async move {
            let decided =
                decide::decide(&app, &who.approver(), id.as_str(), Press::informed(verdict), None, ChannelName::Http)
                    .await;
            Ended::Press(decided.map(|decided| decided.status))
        });
    }

    fn task(&mut self, process: usize, attempt: Option<(u64, u64)>, payload: Value) {
        let tasks = TaskRunner::new(self.processes[process].clone());
        self.spawn(process, Work::Runs(attempt), async move { Ended::Task(tasks.run(payload).await) });
    }

    fn recover(&mut self, process: usize) {
        let app = self.processes[process].clone();
        self.spawn(process, Work::Recovers, async move {
            drop(recover::recover(&app).await);
            Ended::Nothing
        });
    }

    /// To every rule it looks as if time had passed, wherever anybody is at that moment.
    async fn end_window(&mut self) {
        let id = self.id.clone().unwrap();
        let end = Time::now();
        self.window_ended_at = Some(end);
        self.steps.push("the window ends".to_owned());
        let records = self.storage.records_at(&format!("http://{}", self.storage.records), 3);
        records
            .update_item()
            .table_name(format!("{}requests", self.prefix))
            .key("request_id", AttributeValue::S(id.to_string()))
            .update_expression("SET expires_at = :now")
            .expression_attribute_values(":now", AttributeValue::S(end.to_string()))
            .send()
            .await
            .unwrap();
    }

    /// What has left the process goes its way all the same.
    async fn die(&mut self, process: usize, noticed: bool) {
        self.steps.push(format!("process {process} dies"));
        self.disturbances += 1;
        let (dead, alive) = std::mem::take(&mut self.actors).into_iter().partition(|actor| actor.process == process);
        self.actors = alive;
        let dead: Vec<Actor> = dead;
        for actor in dead {
            actor.task.abort();
            // It may have ended in the same moment, and nobody heard.
            drop(actor.task.await);
            if let (Work::Runs(Some(attempt)), true) = (&actor.work, noticed) {
                let error = TaskFailure { name: "Lambda.Unknown".to_owned(), cause: "the process died".to_owned() };
                self.workflows.returned(*attempt, Err(error));
            }
        }
        self.processes[process] = self.start(process).await;
        self.recover(process);
    }
}
