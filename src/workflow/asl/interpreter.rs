//! The transition function: what an execution becomes when something happens to it.
//!
//! | doing | event | becomes |
//! |---|---|---|
//! | entered | proceed | running (Task), waiting (Wait), the next state or the end (the others) |
//! | running | task returned | the next state; awaiting its token; or, failed: backing off, a catcher's state, the end |
//! | running, awaiting token | token completed | the next state (a running task is let finish first) |
//! | running, awaiting token | due | as a failure `States.Timeout` |
//! | waiting | due | the next state |
//! | backing off | due | running again, with a new token |
//! | any | stop | the end |
//!
//! Any other event does not fit and changes nothing.

use super::context;
use super::definition::{Definition, Kind, PassResult, State, Task, Then, Timeout, Until};
use super::execution::{Callback, Completion, Doing, Ending, Execution, Failure, MAX_SNAPSHOT_BYTES, Position, Visit};
use super::paths::{Path, ResultPath, Scope};
use crate::domain::canonical;
use crate::domain::digest::Sha256;
use crate::requests::engine::TaskToken;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How many completed tokens an execution remembers.
const REMEMBERED_COMPLETIONS: usize = 16;

/// Something that happens to an execution.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The entered state is to do what it does.
    Proceed,
    /// The task function has ended.
    TaskReturned(Result<Value, Failure>),
    /// Somebody who holds the token completed the task.
    TokenCompleted {
        /// The token.
        token: TaskToken,
        /// The state's result.
        output: Value,
    },
    /// The time that was waited for, or a deadline, has come.
    Due,
    /// The execution is to end.
    Stop {
        /// Why.
        cause: String,
    },
}

/// What the pure function cannot know by itself.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The present.
    pub now: Timestamp,
    /// Text nobody can guess, for a token.
    pub nonce: String,
}

/// An event that does not fit where the execution stands: it came too late, or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event does not fit where the execution stands")]
pub struct IllegalEvent;

/// What an execution asks for next.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// [`Event::Proceed`] at once.
    Proceed,
    /// Run the task, and answer with [`Event::TaskReturned`], or with [`Event::Due`] at the deadline.
    RunTask {
        /// What the task is called with.
        payload: Value,
        /// When it has timed out.
        deadline: Option<Timestamp>,
    },
    /// [`Event::Due`] at that time.
    WaitUntil(Timestamp),
    /// [`Event::TokenCompleted`] when that happens, or [`Event::Due`] at the deadline.
    WaitForToken {
        /// When the wait has timed out.
        deadline: Option<Timestamp>,
    },
    /// Nothing more.
    Ended,
}

impl Execution {
    /// What the execution asks for next.
    pub fn next_action(&self) -> Action {
        let Position::In(visit) = &self.position else { return Action::Ended };
        match &visit.doing {
            Doing::Entered => Action::Proceed,
            Doing::Running { payload, deadline, .. } => {
                Action::RunTask { payload: payload.clone(), deadline: *deadline }
            }
            Doing::AwaitingToken { deadline, .. } => Action::WaitForToken { deadline: *deadline },
            Doing::Waiting { until } | Doing::BackingOff { until } => Action::WaitUntil(*until),
        }
    }

    /// How a token was completed, if it is among the last ones that were: whether with this output.
    pub fn was_completed(&self, token: &TaskToken, output: &Value) -> Option<bool> {
        let token = Sha256::of(token.0.as_bytes());
        let earlier = self.completions.iter().find(|completion| completion.token == token)?;
        Some(canonical::hash(output).is_ok_and(|hash| hash == earlier.output))
    }
}

/// The execution after an event.
pub fn advance(
    definition: &Definition,
    execution: &Execution,
    event: Event,
    moment: &Clock,
) -> Result<Execution, IllegalEvent> {
    let Position::In(visit) = &execution.position else { return Err(IllegalEvent) };
    let ended = |ending| Position::Ended { at: moment.now, ending };
    let mut next = execution.clone();
    if let Event::TokenCompleted { token, output } = &event {
        next.remember(token, output);
    }
    next.position = match (event, definition.states.get(&visit.state)) {
        (Event::Stop { cause }, _) => ended(Ending::Aborted { cause }),
        (_, None) => {
            let failure = Failure::runtime("The state machine has no such state.");
            ended(Ending::Failed { state: visit.state.clone(), failure })
        }
        (event, Some(state)) => Step { state, execution, visit, moment }.take(event)?,
    };
    if next.size() > MAX_SNAPSHOT_BYTES {
        let failure = Failure::new(Failure::DATA_LIMIT_EXCEEDED, "The execution's data has outgrown its record.");
        next.position = ended(Ending::Failed { state: visit.state.clone(), failure });
    }
    Ok(next)
}

impl Execution {
    /// Bytes of the snapshot as JSON.
    pub fn size(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }

    fn remember(&mut self, token: &TaskToken, output: &Value) {
        let Ok(output) = canonical::hash(output) else { return };
        self.completions.push(Completion { token: Sha256::of(token.0.as_bytes()), output });
        let excess = self.completions.len().saturating_sub(REMEMBERED_COMPLETIONS);
        self.completions.drain(..excess);
    }
}

/// One event in one visit of a state.
struct Step<'a> {
    state: &'a State,
    execution: &'a Execution,
    visit: &'a Visit,
    moment: &'a Clock,
}

impl Step<'_> {
    fn take(&self, event: Event) -> Result<Position, IllegalEvent> {
        let now = self.moment.now;
        let outcome = match (&self.visit.doing, event) {
            (Doing::Entered, Event::Proceed) => self.begin(),
            (Doing::BackingOff { until }, Event::Due) if now >= *until => self.begin(),
            (Doing::Waiting { until }, Event::Due) if now >= *until => self.leave_filtered(),

            // A token that was completed while its task ran decides, however the task itself ended.
            (
                Doing::Running { callback: Some(Callback { completed: Some(output), .. }), .. },
                Event::TaskReturned(_),
            ) => self.finish_task(output.clone()),
            (Doing::Running { callback: None, .. }, Event::TaskReturned(Ok(payload))) => {
                self.finish_task(json!({ "ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200 }))
            }
            (Doing::Running { callback: Some(callback), deadline, .. }, Event::TaskReturned(Ok(_))) => {
                Ok(self.doing(Doing::AwaitingToken { token: callback.token.clone(), deadline: *deadline }))
            }
            (Doing::Running { .. }, Event::TaskReturned(Err(failure))) => Err(failure),

            (Doing::Running { deadline: Some(deadline), callback, .. }, Event::Due) if now >= *deadline => {
                match callback.as_ref().and_then(|callback| callback.completed.clone()) {
                    Some(output) => self.finish_task(output),
                    None => Err(timeout()),
                }
            }
            (Doing::AwaitingToken { deadline: Some(deadline), .. }, Event::Due) if now >= *deadline => Err(timeout()),

            (
                Doing::Running { payload, deadline, callback: Some(callback) },
                Event::TokenCompleted { token, output },
            ) if callback.token == token && callback.completed.is_none() && !passed(*deadline, now) => {
                let callback = Some(Callback { token, completed: Some(output) });
                Ok(self.doing(Doing::Running { payload: payload.clone(), deadline: *deadline, callback }))
            }
            (Doing::AwaitingToken { token: awaited, deadline }, Event::TokenCompleted { token, output })
                if *awaited == token && !passed(*deadline, now) =>
            {
                self.finish_task(output)
            }
            _ => return Err(IllegalEvent),
        };
        Ok(outcome.unwrap_or_else(|failure| self.fail(failure)))
    }

    /// Does what the state does, from its beginning.
    fn begin(&self) -> Result<Position, Failure> {
        match &self.state.kind {
            Kind::Task(task) => self.begin_task(task),
            Kind::Choice { branches, default } => {
                let input = self.filtered_input()?;
                for branch in branches {
                    if self.with_scope(&input, |scope| branch.rule.applies(scope))? {
                        return Ok(self.enter(&branch.next, self.filtered_output(&input)?));
                    }
                }
                let default = default.as_ref().ok_or_else(|| {
                    Failure::new(Failure::NO_CHOICE_MATCHED, "No rule applies, and there is no default.")
                })?;
                Ok(self.enter(default, self.filtered_output(&input)?))
            }
            Kind::Wait { until, .. } => {
                let input = self.filtered_input()?;
                let until = self.with_scope(&input, |scope| self.end_of_wait(until, scope))?;
                Ok(self.doing(Doing::Waiting { until }))
            }
            Kind::Pass { result, result_path, then } => {
                let input = self.filtered_input()?;
                let result = match result {
                    PassResult::Input => input,
                    PassResult::Template(template) => self.with_scope(&input, |scope| template.fill(scope))?,
                };
                self.leave(result_path, result, then)
            }
            Kind::Succeed => {
                let output = self.filtered_output(&self.filtered_input()?)?;
                Ok(self.end(Ending::Succeeded(output)))
            }
            Kind::Fail { error, cause } => {
                Ok(self.end(Ending::Failed { state: self.visit.state.clone(), failure: Failure::new(error, cause) }))
            }
        }
    }

    fn begin_task(&self, task: &Task) -> Result<Position, Failure> {
        let input = self.filtered_input()?;
        let token = || TaskToken(format!("{}:{}", self.execution.id(), self.moment.nonce));
        let callback = task.callback.then(|| Callback { token: token(), completed: None });
        let context = context::object(self.execution, self.visit, callback.as_ref().map(|callback| &callback.token));
        let scope = Scope { data: &input, context: &context };
        let payload = task.payload.fill(scope)?;
        let seconds = match &task.timeout {
            None => None,
            Some(Timeout::Seconds(seconds)) => Some(u64::from(*seconds)),
            Some(Timeout::SecondsPath(path)) => match seconds_at(path, scope)? {
                0 => return Err(Failure::runtime(format!("The path '{path}' names 0, and a timeout is longer."))),
                seconds => Some(seconds),
            },
        };
        Ok(self.doing(Doing::Running {
            payload,
            deadline: seconds.map(|seconds| later(self.moment.now, std::time::Duration::from_secs(seconds))),
            callback,
        }))
    }

    fn end_of_wait(&self, until: &Until, scope: Scope<'_>) -> Result<Timestamp, Failure> {
        let now = self.moment.now;
        match until {
            Until::Seconds(seconds) => Ok(later(now, std::time::Duration::from_secs(u64::from(*seconds)))),
            Until::SecondsPath(path) => Ok(later(now, std::time::Duration::from_secs(seconds_at(path, scope)?))),
            Until::Timestamp(time) => Ok(*time),
            Until::TimestampPath(path) => {
                let time = path.get(scope)?.as_str().and_then(|text| text.parse().ok());
                time.ok_or_else(|| Failure::runtime(format!("The path '{path}' does not name an RFC 3339 time.")))
            }
        }
    }

    /// Ends a `Wait` state.
    fn leave_filtered(&self) -> Result<Position, Failure> {
        let output = self.filtered_output(&self.filtered_input()?)?;
        match &self.state.kind {
            Kind::Wait { then, .. } => Ok(self.follow(then, output)),
            _ => Err(Failure::runtime("A state that is not a Wait state was waiting.")),
        }
    }

    /// Ends a `Task` state with its result.
    fn finish_task(&self, result: Value) -> Result<Position, Failure> {
        let Kind::Task(task) = &self.state.kind else {
            return Err(Failure::runtime("A state that is not a Task state ran a task."));
        };
        let result = match &task.result_selector {
            Some(selector) => self.with_scope(&result, |scope| selector.fill(scope))?,
            None => result,
        };
        self.leave(&task.result_path, result, &task.then)
    }

    /// Answers a failure: with a retry, a catcher, or the end.
    fn fail(&self, failure: Failure) -> Position {
        let ended = |failure| self.end(Ending::Failed { state: self.visit.state.clone(), failure });
        let Kind::Task(task) = &self.state.kind else { return ended(failure) };
        // The first retrier that matches decides; when it is used up, no other one is asked.
        if let Some((index, retrier)) = task.retry.iter().enumerate().find(|(_, r)| r.errors.matches(&failure.error)) {
            let mut retries = self.visit.retries.clone();
            retries.resize(task.retry.len(), 0);
            if retries[index] < retrier.max_attempts {
                let until = later(self.moment.now, retrier.delay(retries[index]));
                retries[index] += 1;
                let doing = Doing::BackingOff { until };
                return Position::In(Visit { retries, doing, ..self.visit.clone() });
            }
        }
        let Some(catcher) = task.catch.iter().find(|catcher| catcher.errors.matches(&failure.error)) else {
            return ended(failure);
        };
        let error = json!({ "Error": failure.error, "Cause": failure.cause });
        let caught = catcher.result_path.apply(&self.visit.input, error);
        caught.map_or_else(ended, |output| self.enter(&catcher.next, output))
    }

    fn leave(&self, result_path: &ResultPath, result: Value, then: &Then) -> Result<Position, Failure> {
        let output = result_path.apply(&self.visit.input, result)?;
        Ok(self.follow(then, self.filtered_output(&output)?))
    }

    fn follow(&self, then: &Then, output: Value) -> Position {
        match then {
            Then::Next(name) => self.enter(name, output),
            Then::End => self.end(Ending::Succeeded(output)),
        }
    }

    fn enter(&self, state: &str, input: Value) -> Position {
        Position::In(Visit {
            number: self.visit.number + 1,
            state: state.to_owned(),
            input,
            entered_at: self.moment.now,
            retries: Vec::new(),
            doing: Doing::Entered,
        })
    }

    fn doing(&self, doing: Doing) -> Position {
        Position::In(Visit { doing, ..self.visit.clone() })
    }

    fn end(&self, ending: Ending) -> Position {
        Position::Ended { at: self.moment.now, ending }
    }

    fn filtered_input(&self) -> Result<Value, Failure> {
        self.with_scope(&self.visit.input, |scope| self.state.input.apply(scope))
    }

    fn filtered_output(&self, output: &Value) -> Result<Value, Failure> {
        self.with_scope(output, |scope| self.state.output.apply(scope))
    }

    fn with_scope<T>(&self, data: &Value, read: impl FnOnce(Scope<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let context = context::object(self.execution, self.visit, None);
        read(Scope { data, context: &context })
    }
}

fn timeout() -> Failure {
    Failure::new(Failure::TIMEOUT, "The task did not end within its time.")
}

fn passed(deadline: Option<Timestamp>, now: Timestamp) -> bool {
    deadline.is_some_and(|deadline| now >= deadline)
}

fn seconds_at(path: &Path, scope: Scope<'_>) -> Result<u64, Failure> {
    let seconds = path.get(scope)?.as_u64();
    seconds.ok_or_else(|| Failure::runtime(format!("The path '{path}' does not name a whole number of seconds.")))
}

fn later(now: Timestamp, delay: std::time::Duration) -> Timestamp {
    let delay = i64::try_from(delay.as_millis()).map_or(jiff::SignedDuration::MAX, jiff::SignedDuration::from_millis);
    now.checked_add(delay).unwrap_or(Timestamp::MAX)
}
