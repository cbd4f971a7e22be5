//! Runs the interpreter by itself: a clock that jumps, tasks from a script, and crashes wherever a test wants them.

use super::script::{Outcome, Script};
use bouncer::workflow::asl::execution::{Doing, Failure};
use bouncer::workflow::asl::interpreter::Action;
use bouncer::workflow::asl::{Clock, Definition, Ending, Event, Execution, Position, advance};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What can be seen of an execution from the outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The states in the order they were entered, with their input.
    pub visits: Vec<(String, Value)>,
    /// The payloads tasks were called with; a call that is repeated after a crash counts once.
    pub calls: Vec<Value>,
    /// How long each wait and each backoff was, in milliseconds.
    pub waits: Vec<i64>,
    pub ending: Ending,
}

/// When the process dies in a simulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Crash {
    /// After the event, before what became of it was stored.
    BeforeStore,
    /// After it was stored.
    AfterStore,
}

pub struct Simulator {
    definition: Definition,
    execution: Execution,
    script: Script,
    now: Timestamp,
    nonces: u64,
}

pub fn failure(error: &str, cause: &str) -> Failure {
    Failure::new(error, json!({ "errorMessage": cause, "errorType": error }).to_string())
}

impl Simulator {
    pub fn new(definition: &str, input: Value, script: Script) -> Self {
        let definition = Definition::parse(definition).unwrap_or_else(|refusal| panic!("{refusal}"));
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let execution = Execution::start("machine", "run-1", input, &definition.start_at, now);
        Self { definition, execution, script, now, nonces: 0 }
    }

    pub fn run(self) -> Trace {
        self.run_with(|_| None)
    }

    /// Runs to the end. `crash` is asked at every step, by its number.
    pub fn run_with(mut self, mut crash: impl FnMut(usize) -> Option<Crash>) -> Trace {
        let mut trace = Trace { visits: vec![], calls: vec![], waits: vec![], ending: Ending::Succeeded(Value::Null) };
        let mut seen = None;
        // Outcomes belong to a call, not to how often it is made: a crashed call ends the same way again.
        let mut under_way: Option<((u64, u64), Outcome)> = None;
        let mut completion: Option<Value> = None;
        for step in 0..10_000 {
            let crash = crash(step);
            if let Position::In(visit) = &self.execution.position
                && seen != Some(visit.number)
            {
                seen = Some(visit.number);
                trace.visits.push((visit.state.clone(), visit.input.clone()));
            }
            let event = match self.execution.next_action() {
                Action::Ended => {
                    let Position::Ended { ending, .. } = self.execution.position else { unreachable!() };
                    trace.ending = ending;
                    return trace;
                }
                Action::Proceed => Event::Proceed,
                Action::RunTask { payload, deadline } => {
                    let attempt = self.execution.attempt().unwrap();
                    let outcome = match &under_way {
                        Some((of, outcome)) if *of == attempt => outcome.clone(),
                        _ => {
                            trace.calls.push(payload.clone());
                            self.script.next(&payload)
                        }
                    };
                    under_way = Some((attempt, outcome.clone()));
                    let waits_for_token = matches!(&self.execution.position, Position::In(visit) if matches!(&visit.doing, Doing::Running { callback: Some(_), .. }));
                    match outcome {
                        Outcome::Return(value) => Event::TaskReturned(Ok(value)),
                        Outcome::Raise { error, cause } => Event::TaskReturned(Err(failure(&error, &cause))),
                        Outcome::Complete(output) => {
                            completion = Some(output);
                            Event::TaskReturned(Ok(Value::Null))
                        }
                        Outcome::Never if waits_for_token => Event::TaskReturned(Ok(Value::Null)),
                        Outcome::Never => {
                            self.now = deadline.expect("a task that never ends needs a deadline");
                            Event::Due
                        }
                    }
                }
                Action::WaitUntil(until) => {
                    trace.waits.push(until.duration_since(self.now).as_millis() as i64);
                    self.now = self.now.max(until);
                    Event::Due
                }
                Action::WaitForToken { deadline } => match &completion {
                    Some(output) => {
                        let Position::In(visit) = &self.execution.position else { unreachable!() };
                        let Doing::AwaitingToken { token, .. } = &visit.doing else { unreachable!() };
                        Event::TokenCompleted { token: token.clone(), output: output.clone() }
                    }
                    None => {
                        self.now = deadline.expect("a token nobody completes needs a deadline");
                        Event::Due
                    }
                },
            };
            let completes = matches!(event, Event::TokenCompleted { .. });
            let next = self.advance(event).expect("an event that fits");
            if crash == Some(Crash::BeforeStore) {
                if let Action::WaitUntil(_) = self.execution.next_action() {
                    trace.waits.pop();
                }
                continue;
            }
            if completes {
                completion = None;
            }
            self.execution = next;
            if crash == Some(Crash::AfterStore) {
                let stored = serde_json::to_string(&self.execution).unwrap();
                self.execution = serde_json::from_str(&stored).unwrap();
            }
        }
        panic!("the execution does not end");
    }

    fn advance(&mut self, event: Event) -> Result<Execution, bouncer::workflow::asl::IllegalEvent> {
        self.nonces += 1;
        self.now = self.now.checked_add(SignedDuration::from_millis(1)).unwrap();
        let moment = Clock { now: self.now, nonce: format!("nonce-{}", self.nonces) };
        advance(&self.definition, &self.execution, event, &moment)
    }
}

/// A trace without what differs from run to run: times, and tokens.
pub fn without_chance(mut trace: Trace) -> Trace {
    trace.calls.iter_mut().for_each(hide_tokens);
    trace.waits.clear();
    trace
}

pub fn hide_tokens(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if name == "token" {
                    *value = json!("(token)");
                } else {
                    hide_tokens(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_tokens),
        _ => {}
    }
}
