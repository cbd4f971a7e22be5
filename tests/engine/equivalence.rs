//! The same machines and task outcomes in our engine and in another one: the same states with the same data.
//!
//! The other one is ministack's Step Functions. What is compared is what both promise: the states entered with their
//! input, the payloads tasks were called with, and the ending. Texts that are each engine's own (the cause of a timeout,
//! a stack trace) are left out on both sides. ministack does not read `TimeoutSecondsPath`, so no case depends on it.

use super::script::{Outcome, Script};
use super::simulator::{Simulator, hide_tokens};
use super::world::{Do, Running, World};
use crate::support::{Ministack, python_tool};
use bouncer::requests::engine::{Engine as _, TaskFailure, TaskToken};
use bouncer::workflow::asl::Ending;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

pub struct Case {
    pub name: String,
    pub definition: String,
    pub input: Value,
    pub script: Script,
    json: Value,
}

/// The cases of `equivalence/cases.json`.
pub fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("equivalence/cases.json")).unwrap();
    cases
        .into_iter()
        .map(|mut case| {
            let definition = match case["machine"].as_str() {
                Some(file) => std::fs::read_to_string(root().join(file)).unwrap(),
                None => case["definition"].to_string(),
            };
            case["definition"] = json!(definition);
            Case {
                name: case["name"].as_str().unwrap().to_owned(),
                definition,
                input: case["input"].clone(),
                script: Script::parse(case["script"].clone()),
                json: case,
            }
        })
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Seen {
    status: String,
    output: Value,
    error: Value,
    cause: Value,
    visits: Vec<(String, Value)>,
    calls: Vec<Value>,
}

impl Seen {
    fn comparable(mut self) -> Self {
        for value in self.visits.iter_mut().map(|(_, input)| input).chain([&mut self.output]).chain(&mut self.calls) {
            plain_causes(value);
            hide_tokens(value);
        }
        let mut ending = json!({ "Error": self.error, "Cause": self.cause });
        plain_causes(&mut ending);
        self.error = ending["Error"].take();
        self.cause = if self.error.is_null() || self.error == "" { Value::Null } else { ending["Cause"].take() };
        self
    }
}

/// Leaves of each `Error` and `Cause` what engines agree on.
fn plain_causes(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let own_words = map.get("Error").and_then(Value::as_str).is_some_and(|error| error.starts_with("States."));
            if let Some(cause) = map.get_mut("Cause") {
                let parsed = cause.as_str().and_then(|cause| serde_json::from_str::<Value>(cause).ok());
                if own_words {
                    *cause = json!("(the engine's own words)");
                } else if let Some(error) = parsed {
                    *cause = json!({ "errorMessage": error["errorMessage"], "errorType": error["errorType"] });
                }
            }
            map.remove("ExecutedVersion");
            map.values_mut().for_each(plain_causes);
        }
        Value::Array(items) => items.iter_mut().for_each(plain_causes),
        _ => {}
    }
}

fn seen_in_simulator(case: &Case) -> Seen {
    let trace = Simulator::new(&case.definition, case.input.clone(), case.script.clone()).run();
    let (status, output, error, cause) = match trace.ending {
        Ending::Succeeded(output) => ("SUCCEEDED", output, Value::Null, Value::Null),
        Ending::Failed { failure, .. } => ("FAILED", Value::Null, json!(failure.error), json!(failure.cause)),
        Ending::Aborted { .. } => ("ABORTED", Value::Null, Value::Null, Value::Null),
    };
    Seen { status: status.to_owned(), output, error, cause, visits: trace.visits, calls: trace.calls }
}

#[tokio::test]
async fn the_interpreter_visits_the_states_another_engine_visits() {
    let cases = cases();
    let theirs = run_in_ministack(&cases).await;
    assert_eq!(theirs.len(), cases.len());
    for case in &cases {
        let ours = seen_in_simulator(case).comparable();
        let theirs = theirs[&case.name].clone().comparable();
        assert!(!ours.visits.is_empty());
        assert_eq!(ours.visits, theirs.visits, "{}: states entered", case.name);
        assert_eq!(ours, theirs, "{}", case.name);
    }
}

/// The engine on real records and the real clock ends as the interpreter by itself does.
#[tokio::test(flavor = "multi_thread")]
async fn the_engine_does_what_the_interpreter_says() {
    // Those whose retries take longer than a test should are left to the simulated clock.
    let quick = cases().into_iter().filter(|case| {
        let trace = Simulator::new(&case.definition, case.input.clone(), case.script.clone()).run();
        trace.waits.iter().sum::<i64>() <= 5_000
    });
    let quick: Vec<_> = quick.collect();
    assert!(quick.len() > 10);
    join_all(quick.iter().map(|case| async move {
        let world = World::new().await;
        let engine = world.engine(&case.definition);
        let script = Mutex::new(case.script.clone());
        let calls: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (completes, noted) = (engine.clone(), calls.clone());
        let tasks = Do::new(move |payload: Value| {
            noted.lock().unwrap().push(payload.clone());
            let outcome = script.lock().unwrap().next(&payload);
            let engine = completes.clone();
            async move {
                match outcome {
                    Outcome::Return(value) => Ok(value),
                    Outcome::Raise { error, cause } => Err(TaskFailure { name: error, cause }),
                    Outcome::Complete(output) => {
                        let token = TaskToken(payload["token"].as_str().unwrap().to_owned());
                        engine.complete_task(&token, output).await.unwrap();
                        Ok(Value::Null)
                    }
                    Outcome::Never => std::future::pending().await,
                }
            }
        });
        let running = Running::new(engine, tasks);
        running.start("run-1", case.input.clone()).await;
        let ending = world.ending("run-1").await;
        running.kill().await;
        let trace = Simulator::new(&case.definition, case.input.clone(), case.script.clone()).run();
        assert_eq!(ending, serde_json::to_value(&trace.ending).unwrap(), "{}", case.name);
        let (mut ours, mut simulated) = (calls.lock().unwrap().clone(), trace.calls);
        ours.iter_mut().chain(&mut simulated).for_each(hide_tokens);
        assert_eq!(ours, simulated, "{}", case.name);
    }))
    .await;
}

// --- ministack --------------------------------------------------------------------------------------------------------

async fn run_in_ministack(cases: &[Case]) -> BTreeMap<String, Seen> {
    let folder = tempfile::tempdir().unwrap();
    let ministack = Ministack::start(&[("SFN_WAIT_SCALE", "0")]).await;
    let file = folder.path().join("cases.json");
    std::fs::write(&file, json!(cases.iter().map(|case| &case.json).collect::<Vec<_>>()).to_string()).unwrap();
    let run = Command::new(python_tool("emulator", "python"))
        .arg(root().join("tests/engine/equivalence/run_in_ministack.py"))
        .args([ministack.endpoint().as_ref(), file.as_os_str(), folder.path().as_os_str()])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}
