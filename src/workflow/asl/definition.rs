//! What a state machine's file says, typed, after everything in it was checked.

use super::choice::Branch;
use super::fields::Refusal;
use super::parse;
use super::paths::{Filter, Path, ResultPath, Template};
use super::retry::{Catcher, Retrier};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A state machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The first state.
    pub start_at: String,
    /// Every state by its name. Each one can be reached, and every name a state leads to is among them.
    pub states: BTreeMap<String, State>,
}

/// A state.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// `InputPath`
    pub input: Filter,
    /// `OutputPath`
    pub output: Filter,
    /// What it does.
    pub kind: Kind,
}

/// What a state does.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The names are the States Language's own.
pub enum Kind {
    Task(Box<Task>),
    Choice { branches: Vec<Branch>, default: Option<String> },
    Wait { until: Until, then: Then },
    Pass { result: PassResult, result_path: ResultPath, then: Then },
    Succeed,
    Fail { error: String, cause: String },
}

/// A `Task` state: a call of Bouncer's task function.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Whether the state waits for its task token (`….waitForTaskToken`) instead of for the function's result.
    pub callback: bool,
    /// What the task is called with.
    pub payload: Template,
    /// What is kept of the result.
    pub result_selector: Option<Template>,
    /// Where the result goes.
    pub result_path: ResultPath,
    /// How long an attempt may take.
    pub timeout: Option<Timeout>,
    /// The retriers in order.
    pub retry: Vec<Retrier>,
    /// The catchers in order.
    pub catch: Vec<Catcher>,
    /// What follows.
    pub then: Then,
}

/// `TimeoutSeconds` or `TimeoutSecondsPath`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Timeout {
    Seconds(u32),
    SecondsPath(Path),
}

/// How long a `Wait` state waits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Until {
    Seconds(u32),
    SecondsPath(Path),
    Timestamp(Timestamp),
    TimestampPath(Path),
}

/// What a `Pass` state's result is.
#[derive(Debug, Clone, PartialEq)]
pub enum PassResult {
    /// The state's input.
    Input,
    /// `Result` (without paths) or `Parameters`.
    Template(Template),
}

/// What follows a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// `Next`
    Next(String),
    /// `End`
    End,
}

impl Definition {
    /// Reads a state machine's file. Whatever this engine would not run exactly as Step Functions does is refused.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let definition = parse::machine(text)?;
        definition.check_names()?;
        definition.check_reachable()?;
        Ok(definition)
    }

    fn check_names(&self) -> Result<(), Refusal> {
        if !self.states.contains_key(&self.start_at) {
            return Err(Refusal {
                place: "the state machine, field 'StartAt'".into(),
                reason: format!("names '{}', which is not a state", self.start_at),
            });
        }
        for (name, state) in &self.states {
            for (field, target) in state.targets() {
                if !self.states.contains_key(target) {
                    return Err(Refusal {
                        place: format!("state '{name}', field '{field}'"),
                        reason: format!("names '{target}', which is not a state"),
                    });
                }
            }
        }
        Ok(())
    }

    fn check_reachable(&self) -> Result<(), Refusal> {
        let mut reached = BTreeSet::new();
        let mut open = vec![self.start_at.as_str()];
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                open.extend(self.states[name].targets().into_iter().map(|(_, target)| target));
            }
        }
        match self.states.keys().find(|name| !reached.contains(name.as_str())) {
            Some(name) => {
                Err(Refusal { place: format!("state '{name}'"), reason: "is never reached from 'StartAt'".into() })
            }
            None => Ok(()),
        }
    }
}

impl State {
    /// The states this one leads to, with the field that says so.
    fn targets(&self) -> Vec<(String, &str)> {
        match &self.kind {
            Kind::Task(task) => {
                let catchers = task.catch.iter().enumerate();
                let catchers = catchers.map(|(index, catcher)| (format!("Catch[{index}].Next"), catcher.next.as_str()));
                catchers.chain(task.then.target()).collect()
            }
            Kind::Choice { branches, default } => {
                let rules = branches.iter().enumerate();
                let rules = rules.map(|(index, branch)| (format!("Choices[{index}].Next"), branch.next.as_str()));
                rules.chain(default.iter().map(|name| ("Default".to_owned(), name.as_str()))).collect()
            }
            Kind::Wait { then, .. } | Kind::Pass { then, .. } => then.target().into_iter().collect(),
            Kind::Succeed | Kind::Fail { .. } => Vec::new(),
        }
    }
}

impl Then {
    fn target(&self) -> Option<(String, &str)> {
        match self {
            Then::Next(name) => Some(("Next".to_owned(), name)),
            Then::End => None,
        }
    }
}
