//! From a task's name, as the state machines say it, to the use case that does it.

use crate::domain::ids::RequestId;
use crate::requests::app::App;
use crate::requests::engine::{ErrorName, TaskError, TaskFailure, TaskToken, Tasks};
use crate::requests::task::{Task, TaskCall};
use crate::requests::{complete, recover, waiting, work};
use crate::task;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

/// The payload of most tasks.
#[derive(Deserialize)]
struct OfRequest {
    request_id: RequestId,
}

/// The payload of the task that waits for a decision.
#[derive(Deserialize)]
struct OfWaiting {
    request_id: RequestId,
    token: TaskToken,
}

/// The payload of the tasks that close a request.
#[derive(Deserialize)]
struct OfEnd {
    request_id: RequestId,
    #[serde(default)]
    state: Value,
}

/// Lists the tasks of the core, which every kind's machine may call.
pub fn core_tasks() -> Vec<Task> {
    vec![
        task!("request.ask", [], |app, deadline, args: OfWaiting| waiting::ask(app, &args.request_id, &args.token)),
        task!("request.expire", ["approved", "denied", "expired", "cancelled"], |app, deadline, args: OfRequest| {
            waiting::expire(app, &args.request_id)
        }),
        task!("request.remind", ["again", "over"], |app, deadline, args: OfRequest| waiting::remind(
            app,
            &args.request_id
        )),
        task!("request.run", [], |app, deadline, args: OfRequest| work::run(app, &args.request_id)),
        task!("request.complete", [], |app, deadline, args: OfEnd| complete::finish(
            app,
            &args.request_id,
            &args.state,
            false
        )),
        task!("request.fail", [], |app, deadline, args: OfEnd| complete::finish(
            app,
            &args.request_id,
            &args.state,
            true
        )),
        task!("request.settle", [], |app, deadline, args: OfRequest| recover::settle(app, &args.request_id)),
    ]
}

/// Runs the tasks of every state machine on one installation.
pub struct TaskRunner {
    app: Arc<App>,
    tasks: HashMap<&'static str, Task>,
}

impl TaskRunner {
    /// Makes the runner of an installation: the core's tasks and those of its kinds.
    pub fn new(app: Arc<App>) -> Self {
        let tasks = core_tasks().into_iter().chain(app.kinds.all().flat_map(|kind| kind.tasks()));
        let tasks = tasks.map(|task| (task.name, task)).collect();
        Self { app, tasks }
    }

    /// Runs one task, which begins nothing long after `deadline`.
    ///
    /// # Errors
    /// Fails as the task does, and for a payload that names none.
    pub async fn run_until(&self, payload: Value, deadline: Instant) -> Result<Value, TaskError> {
        let name = payload.get("task").and_then(Value::as_str).unwrap_or_default();
        let Some(task) = self.tasks.get(name) else {
            let shown: String = name.chars().take(80).collect();
            return Err(TaskError { name: ErrorName::UnknownTask, cause: format!("There is no task '{shown}'.") });
        };
        (task.run)(TaskCall { app: &self.app, payload, deadline }).await
    }
}

#[async_trait]
impl Tasks for TaskRunner {
    async fn run(&self, payload: Value) -> Result<Value, TaskFailure> {
        Ok(self.run_until(payload, Instant::now() + self.app.settings.publish.slice).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KINDS;
    use std::collections::{BTreeMap, BTreeSet};

    fn tasks() -> BTreeMap<&'static str, &'static [&'static str]> {
        let tasks = core_tasks().into_iter().chain(KINDS.all().flat_map(|kind| kind.tasks()));
        tasks.map(|task| (task.name, task.outcomes)).collect()
    }

    fn machines() -> Vec<(&'static str, Value)> {
        KINDS.machines().into_iter().map(|m| (m.name, serde_json::from_str(m.definition).unwrap())).collect()
    }

    fn states(machine: &Value) -> &serde_json::Map<String, Value> {
        machine["States"].as_object().unwrap()
    }

    fn task_of(state: &Value) -> Option<&str> {
        state.pointer("/Parameters/Payload/task")?.as_str()
    }

    /// Collects the words that a rule compares, by the variable.
    fn compared<'a>(rule: &'a Value, words: &mut Vec<(&'a str, &'a str)>) {
        for inner in ["And", "Or"].iter().filter_map(|word| rule[*word].as_array()).flatten() {
            compared(inner, words);
        }
        if let (Some(variable), Some(word)) = (rule["Variable"].as_str(), rule["StringEquals"].as_str()) {
            words.push((variable, word));
        }
    }

    #[test]
    fn machines_call_registered_tasks_and_every_task_is_called() {
        let (tasks, mut called) = (tasks(), BTreeSet::new());
        for (name, machine) in &machines() {
            for (state, definition) in states(machine) {
                if let Some(task) = task_of(definition) {
                    assert!(tasks.contains_key(task), "{name}/{state} calls '{task}', which no kind registers");
                    called.insert(task.to_owned());
                }
            }
        }
        // An event calls this one.
        called.insert("request.settle".to_owned());
        let idle: Vec<&&str> = tasks.keys().filter(|task| !called.contains(**task)).collect();
        assert!(idle.is_empty(), "no machine calls {idle:?}");
    }

    #[test]
    fn choices_match_the_outcomes_of_their_tasks_in_both_directions() {
        let tasks = tasks();
        for (name, machine) in &machines() {
            // What may stand at `$.x.outcome`: the outcomes of every task whose result goes there.
            let mut written: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
            for state in states(machine).values() {
                if let (Some(task), Some(path)) = (task_of(state), state["ResultPath"].as_str()) {
                    let mut words: Vec<&str> = tasks[task].to_vec();
                    if task == "request.ask" || task.ends_with("ask_infrastructure") {
                        words.extend(waiting::Decided::WORDS);
                    }
                    written.entry(format!("{path}.outcome")).or_default().extend(words);
                }
                if let (Some(word), Some(path)) = (state["Result"]["outcome"].as_str(), state["ResultPath"].as_str()) {
                    assert!(written.entry(format!("{path}.outcome")).or_default().insert(word) || !word.is_empty());
                }
            }
            let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            let mut has_default: BTreeSet<&str> = BTreeSet::new();
            for (state, definition) in states(machine).iter().filter(|(_, state)| state["Type"] == "Choice") {
                let mut words = vec![];
                definition["Choices"].as_array().unwrap().iter().for_each(|rule| compared(rule, &mut words));
                for (variable, word) in words.iter().filter(|(variable, _)| variable.ends_with(".outcome")) {
                    let possible = &written[*variable];
                    assert!(
                        possible.contains(word),
                        "{name}/{state} waits for '{word}', which is not among {possible:?}"
                    );
                    seen.entry(variable).or_default().insert(word);
                    if definition["Default"].is_string() {
                        has_default.insert(variable);
                    }
                }
            }
            for (variable, words) in &seen {
                let missed: Vec<&&str> = written[*variable].difference(words).collect();
                assert!(missed.is_empty() || has_default.contains(variable), "{name}: {variable} may be {missed:?}");
            }
        }
    }

    #[test]
    fn machines_name_errors_that_tasks_have() {
        let known: BTreeSet<&str> = ErrorName::ALL.into_iter().map(ErrorName::as_str).collect();
        for (name, machine) in &machines() {
            for (state, definition) in states(machine) {
                let handlers = ["Retry", "Catch"].iter().filter_map(|list| definition[*list].as_array()).flatten();
                for error in handlers.filter_map(|handler| handler["ErrorEquals"].as_array()).flatten() {
                    let error = error.as_str().unwrap();
                    let ours = error.starts_with("Bouncer.");
                    assert!(!ours || known.contains(error), "{name}/{state} names {error}, which no task fails with");
                }
            }
        }
    }
}
