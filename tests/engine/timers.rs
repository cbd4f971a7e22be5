//! Deadlines, waits and backoffs on the real clock.

use super::world::{Do, Running, World, callback, machine, task, until};
use bouncer::requests::engine::{Engine as _, EngineError, TaskFailure, TaskToken, Tasks};
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

type Calls = Arc<Mutex<Vec<(Instant, Value)>>>;

fn noting(
    calls: &Calls,
    answer: impl Fn(&Value) -> Result<Value, TaskFailure> + Send + Sync + 'static,
) -> Arc<dyn Tasks> {
    let calls = calls.clone();
    Do::new(move |payload: Value| {
        let result = answer(&payload);
        calls.lock().unwrap().push((Instant::now(), payload));
        async move { result }
    })
}

fn ask_for(seconds: u64) -> String {
    let catch = json!({
        "TimeoutSeconds": seconds,
        "Catch": [{ "ErrorEquals": ["States.Timeout"], "ResultPath": null, "Next": "Late" }],
        "End": true,
    });
    machine("Ask", json!({ "Ask": callback("ask", catch), "Late": { "Type": "Pass", "Result": "late", "End": true } }))
}

#[tokio::test]
async fn a_deadline_that_passes_while_no_engine_runs_still_counts() {
    let (world, calls) = (World::new().await, Calls::default());
    let running = Running::new(world.engine(&ask_for(2)), noting(&calls, |_| Ok(Value::Null)));
    running.start("run", json!({})).await;
    until("the task has its token", || async { calls.lock().unwrap().first().map(|_| ()) }).await;
    let token = TaskToken(calls.lock().unwrap()[0].1["token"].as_str().unwrap().to_owned());
    running.kill().await;
    let engine = world.engine(&ask_for(2));
    let asked_at = calls.lock().unwrap()[0].0;
    tokio::time::sleep_until(asked_at + Duration::from_millis(2_100)).await;
    assert!(matches!(engine.complete_task(&token, json!("yes")).await, Err(EngineError::TaskGone)));
    let running = Running::new(engine, noting(&calls, |_| Ok(Value::Null)));
    let began = Instant::now();
    assert_eq!(world.ending("run").await, json!({ "succeeded": "late" }));
    assert!(began.elapsed() < Duration::from_millis(1_800), "the time before the restart counts");
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completion_and_timeout_race_and_one_wins() {
    let (world, calls) = (World::new().await, Calls::default());
    let running = Running::new(world.engine(&ask_for(1)), noting(&calls, |_| Ok(Value::Null)));
    let engine = &running.engine;
    for n in 0..40 {
        running.start(&format!("run-{n}"), json!({})).await;
    }
    until("all have asked", || async { (calls.lock().unwrap().len() == 40).then_some(()) }).await;
    let calls = calls.lock().unwrap().clone();
    let outcomes = join_all(calls.iter().enumerate().map(|(n, (at, call))| async move {
        let token = TaskToken(call["token"].as_str().unwrap().to_owned());
        let name = token.0.split(':').nth(1).unwrap().to_owned();
        // Around the deadline, a little before for some and a little after for others.
        tokio::time::sleep_until(*at + Duration::from_millis(960 + 2 * n as u64)).await;
        (name, engine.complete_task(&token, json!("yes")).await)
    }))
    .await;
    for (name, outcome) in outcomes {
        let expected = match outcome {
            Ok(()) => json!({ "succeeded": { "ask": "yes" } }),
            Err(EngineError::TaskGone) => json!({ "succeeded": "late" }),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(world.ending(&name).await, expected, "{name}");
    }
    running.kill().await;
}

#[tokio::test]
async fn a_task_past_its_deadline_is_dropped_and_retried() {
    let world = World::new().await;
    let tasks = Do::new(|payload: Value| async move {
        if payload["retry"] == 0 {
            std::future::pending::<()>().await;
        }
        Ok(json!("second"))
    });
    let fields = json!({ "TimeoutSeconds": 1, "Retry": [{ "ErrorEquals": ["States.Timeout"] }], "End": true });
    let running = Running::new(world.engine(&machine("Work", json!({ "Work": task("work", fields) }))), tasks);
    running.start("run", json!({})).await;
    assert_eq!(world.ending("run").await, json!({ "succeeded": { "work": { "result": "second" } } }));
    running.kill().await;
}

#[tokio::test]
async fn backoffs_grow_and_survive_a_restart() {
    let (world, calls) = (World::new().await, Calls::default());
    let answer = |payload: &Value| match payload["retry"].as_u64() {
        Some(2) => Ok(json!("third")),
        _ => Err(TaskFailure { name: "Test.Busy".into(), cause: "busy".into() }),
    };
    let fields =
        json!({ "Retry": [{ "ErrorEquals": ["Test.Busy"], "IntervalSeconds": 1, "BackoffRate": 2 }], "End": true });
    let definition = machine("Work", json!({ "Work": task("work", fields) }));
    let running = Running::new(world.engine(&definition), noting(&calls, answer));
    running.start("run", json!({})).await;
    until("the second call was made", || async { (calls.lock().unwrap().len() == 2).then_some(()) }).await;
    // The failure of the second call is the sixth thing stored: twice entered-running-failed, less one.
    until("its failure is stored", || async { (world.revision("run").await >= 5).then_some(()) }).await;
    running.kill().await;
    let running = Running::new(world.engine(&definition), noting(&calls, answer));
    assert_eq!(world.ending("run").await, json!({ "succeeded": { "work": { "result": "third" } } }));
    running.kill().await;
    let times: Vec<_> = calls.lock().unwrap().iter().map(|(at, _)| *at).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps.len(), 2);
    for (gap, seconds) in gaps.iter().zip([1, 2]) {
        // The clock of the records counts whole milliseconds.
        assert!(*gap >= Duration::from_secs(seconds) - Duration::from_millis(5), "{gaps:?}");
    }
}

#[tokio::test]
async fn a_wait_survives_a_restart() {
    let (world, calls) = (World::new().await, Calls::default());
    let definition = machine(
        "Pause",
        json!({
            "Pause": { "Type": "Wait", "SecondsPath": "$.pause", "Next": "Work" },
            "Work": task("work", json!({ "End": true })),
        }),
    );
    let running = Running::new(world.engine(&definition), noting(&calls, |_| Ok(json!(1))));
    let began = Instant::now();
    running.start("run", json!({ "pause": 2 })).await;
    until("the wait is stored", || async { (world.revision("run").await >= 2).then_some(()) }).await;
    running.kill().await;
    tokio::time::sleep_until(began + Duration::from_millis(1_500)).await;
    let running = Running::new(world.engine(&definition), noting(&calls, |_| Ok(json!(1))));
    world.ending("run").await;
    running.kill().await;
    // Would the wait begin again, it would end after three and a half seconds.
    let waited = calls.lock().unwrap()[0].0 - began;
    assert!(waited >= Duration::from_millis(1_995) && waited < Duration::from_millis(3_400), "{waited:?}");
}
