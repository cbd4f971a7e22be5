//! The workflow engine as it is on AWS: outside of every process, and alive when they are not. It runs the product's own
//! state machine, with a clock that the schedule moves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bouncer::kinds::site::MACHINE;
use bouncer::requests::engine::{Engine, EngineError, ExecutionStatus, Machine, TaskFailure, TaskToken};
use bouncer::workflow::asl::execution::Failure;
use bouncer::workflow::asl::interpreter::Action;
use bouncer::workflow::asl::{Clock, Definition, Event, Execution, Position, advance};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::gate::{Fate, Gate};

/// The executions of a case: of one request, one.
pub struct Workflows {
    definition: Definition,
    state: Mutex<State>,
}

struct State {
    execution: Option<Execution>,
    now: Timestamp,
    nonces: u64,
    /// Every payload that a task was called with, for whoever calls it again.
    payloads: Vec<Value>,
}

/// What the execution waits for.
pub enum Waits {
    /// For a task to run: which attempt it is, and its payload.
    Task((u64, u64), Value),
    /// For a while, after a failure or in a `Wait`.
    Pause,
    /// For the decision.
    Decision,
}

impl Workflows {
    pub fn new() -> Self {
        let definition = Definition::parse(MACHINE.definition).unwrap();
        let state = State { execution: None, now: Timestamp::now(), nonces: 0, payloads: vec![] };
        Self { definition, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the execution waits for; nothing when there is none, or none any more.
    pub fn waits(&self) -> Option<Waits> {
        let mut state = self.state();
        loop {
            let execution = state.execution.as_ref()?;
            match execution.next_action() {
                Action::Ended => return None,
                Action::Proceed => self.apply_to(&mut state, Event::Proceed),
                Action::RunTask { payload, .. } => return Some(Waits::Task(execution.attempt()?, payload)),
                Action::WaitUntil(_) => return Some(Waits::Pause),
                Action::WaitForToken { .. } => return Some(Waits::Decision),
            }
        }
    }

    /// The time that is waited for has come.
    pub fn due(&self) {
        let mut state = self.state();
        let at = match state.execution.as_ref().map(Execution::next_action) {
            Some(Action::WaitUntil(at) | Action::WaitForToken { deadline: Some(at) }) => at,
            _ => return,
        };
        state.now = state.now.max(at);
        self.apply_to(&mut state, Event::Due);
    }

    /// A task begins; what it is called with.
    pub fn calls(&self, payload: Value) {
        self.state().payloads.push(payload);
    }

    /// What tasks were called with so far.
    pub fn payloads(&self) -> Vec<Value> {
        self.state().payloads.clone()
    }

    /// An attempt of a task has ended. One that nobody waits for any more changes nothing.
    pub fn returned(&self, attempt: (u64, u64), result: Result<Value, TaskFailure>) {
        let failure = |error: TaskFailure| {
            let cause = json!({ "errorMessage": error.cause, "errorType": error.name });
            Failure::new(error.name, cause.to_string())
        };
        let mut state = self.state();
        let execution = state.execution.as_ref().expect("a task has an execution");
        if execution.attempt() == Some(attempt) && matches!(execution.next_action(), Action::RunTask { .. }) {
            self.apply_to(&mut state, Event::TaskReturned(result.map_err(failure)));
        }
    }

    pub fn has_ended(&self) -> bool {
        self.state().execution.as_ref().is_some_and(|execution| execution.status() != ExecutionStatus::Running)
    }

    fn apply_to(&self, state: &mut State, event: Event) {
        let Some(execution) = &state.execution else { return };
        state.nonces += 1;
        state.now = state.now.checked_add(SignedDuration::from_millis(1)).unwrap();
        let moment = Clock { now: state.now, nonce: format!("secret-{}", state.nonces) };
        if let Ok(next) = advance(&self.definition, execution, event, &moment) {
            state.execution = Some(next);
        }
    }

    fn start(&self, name: &str, input: Value) -> Result<(), EngineError> {
        let mut state = self.state();
        match &state.execution {
            None => {
                let machine = MACHINE.name;
                let execution = Execution::start(machine, name, input, &self.definition.start_at, state.now);
                state.execution = Some(execution);
                Ok(())
            }
            Some(there) if there.name == name && there.input == input => Ok(()),
            Some(there) if there.name == name => Err(EngineError::AlreadyExists(name.to_owned())),
            Some(there) => panic!("{name} is started beside {}", there.name),
        }
    }

    fn complete(&self, token: &TaskToken, output: Value) -> Result<(), EngineError> {
        let mut state = self.state();
        let Some(execution) = &state.execution else { return Err(EngineError::TaskGone) };
        match execution.was_completed(token, &output) {
            Some(true) => return Ok(()),
            Some(false) => return Err(EngineError::TaskGone),
            None => {}
        }
        let before = execution.clone();
        self.apply_to(&mut state, Event::TokenCompleted { token: token.clone(), output });
        if state.execution.as_ref() == Some(&before) { Err(EngineError::TaskGone) } else { Ok(()) }
    }

    fn describe(&self, name: &str) -> Result<ExecutionStatus, EngineError> {
        let state = self.state();
        let execution = state.execution.as_ref().filter(|execution| execution.name == name);
        execution.map(Execution::status).ok_or_else(|| EngineError::NotFound(name.to_owned()))
    }

    /// Where it is, for who reads what went wrong.
    pub fn place(&self) -> String {
        match self.state().execution.as_ref().map(|execution| &execution.position) {
            None => "no execution".to_owned(),
            Some(Position::In(visit)) => visit.state.clone(),
            Some(Position::Ended { ending, .. }) => format!("{ending:?}"),
        }
    }
}

/// The way of one process to the engine.
pub struct Line {
    pub process: usize,
    pub gate: Arc<Gate>,
    pub workflows: Arc<Workflows>,
}

impl Line {
    async fn call<T>(
        &self,
        what: &str,
        make: impl FnOnce(&Workflows) -> Result<T, EngineError> + Send,
    ) -> Result<T, EngineError> {
        let crossing = self.gate.cross(self.process, what).await;
        let lost = || EngineError::Unavailable("the line is bad".to_owned());
        match crossing.fate {
            Fate::Lost => Err(lost()),
            Fate::Made => make(&self.workflows),
            Fate::Unanswered => {
                drop(make(&self.workflows));
                Err(lost())
            }
        }
    }
}

#[async_trait]
impl Engine for Line {
    async fn start(&self, _machine: Machine, name: &str, input: Value) -> Result<(), EngineError> {
        self.call("StartExecution", |workflows| workflows.start(name, input)).await
    }

    async fn stop(&self, _machine: Machine, name: &str, _cause: &str) -> Result<(), EngineError> {
        panic!("nobody stops {name}")
    }

    async fn describe(&self, _machine: Machine, name: &str) -> Result<ExecutionStatus, EngineError> {
        self.call("DescribeExecution", |workflows| workflows.describe(name)).await
    }

    async fn complete_task(&self, token: &TaskToken, output: Value) -> Result<(), EngineError> {
        self.call("SendTaskSuccess", |workflows| workflows.complete(token, output)).await
    }
}
