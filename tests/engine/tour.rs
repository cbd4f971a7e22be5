//! A machine with a bit of everything, and tasks that can be run twice.

use super::simulator::hide_tokens;
use super::world::{Do, Running, callback, engine_on, machine, task};
use bouncer::requests::engine::{Engine, EngineError, TaskFailure, TaskToken, Tasks};
use bouncer::storage::Store;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A loop, a wait, a task that fails once, and a task that waits for its token.
fn tour() -> String {
    machine(
        "Begin",
        json!({
            "Begin": { "Type": "Pass", "Result": { "result": { "n": 0 } }, "ResultPath": "$.add", "Next": "Add" },
            "Add": task("add", json!({ "Next": "Enough" })),
            "Enough": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.add.result.n", "NumericLessThan": 3, "Next": "Pause" }],
                "Default": "Ask",
            },
            "Pause": { "Type": "Wait", "Seconds": 0, "Next": "Add" },
            "Ask": callback("ask", json!({ "TimeoutSeconds": 60, "Next": "Shaky" })),
            "Shaky": task("shaky", json!({ "Retry": [{ "ErrorEquals": ["Test.Shaky"], "IntervalSeconds": 1 }], "Next": "Broken" })),
            "Broken": task("broken", json!({ "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Done" }], "End": true })),
            "Done": { "Type": "Succeed" },
        }),
    )
}

pub type Calls = Arc<Mutex<Vec<Value>>>;

/// The engine whose tokens a task completes, once there is one.
type Completes = Arc<Mutex<Option<Arc<dyn Engine>>>>;

/// Does the tour's tasks. Like the product's, they can be run twice: what they answer depends on the payload alone.
/// The call of this number never ends, if there is one.
fn guide(calls: &Calls, hang_at: Option<usize>) -> (Arc<dyn Tasks>, Completes) {
    let calls = calls.clone();
    let handle = Completes::default();
    let completes = handle.clone();
    let tasks = Do::new(move |payload: Value| {
        let number = {
            let mut calls = calls.lock().unwrap();
            calls.push(payload.clone());
            calls.len() - 1
        };
        let engine = completes.lock().unwrap().clone();
        async move {
            if hang_at == Some(number) {
                std::future::pending::<()>().await;
            }
            match payload["task"].as_str().unwrap() {
                "add" => Ok(json!({ "n": payload["input"]["add"]["result"]["n"].as_u64().unwrap() + 1 })),
                "ask" => {
                    let token = TaskToken(payload["token"].as_str().unwrap().to_owned());
                    let engine = engine.expect("an engine");
                    while let Err(error) = engine.complete_task(&token, json!({ "outcome": "approved" })).await {
                        assert!(matches!(error, EngineError::Unavailable(_)), "{error}");
                    }
                    Ok(Value::Null)
                }
                "shaky" if payload["retry"] == 0 => {
                    Err(TaskFailure { name: "Test.Shaky".into(), cause: "once".into() })
                }
                "shaky" => Ok(json!("steady")),
                _ => Err(TaskFailure { name: "Test.Broken".into(), cause: "always".into() }),
            }
        }
    });
    (tasks, handle)
}

pub fn run(store: &Store, calls: &Calls, hang_at: Option<usize>) -> Running {
    let engine = engine_on(store.clone(), &tour(), 32);
    let (tasks, handle) = guide(calls, hang_at);
    *handle.lock().unwrap() = Some(engine.clone());
    Running::new(engine, tasks)
}

/// The calls without tokens, a repeated one once.
pub fn distinct(calls: &Calls) -> Vec<Value> {
    let mut calls = calls.lock().unwrap().clone();
    calls.iter_mut().for_each(hide_tokens);
    calls.dedup();
    calls
}

pub fn expected_ending() -> Value {
    json!({ "succeeded": {
        "add": { "result": { "n": 3 } },
        "ask": { "outcome": "approved" },
        "shaky": { "result": "steady" },
        "error": { "Error": "Test.Broken", "Cause": "{\"errorMessage\":\"always\",\"errorType\":\"Test.Broken\"}" },
    } })
}
