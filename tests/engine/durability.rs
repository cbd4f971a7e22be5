//! The engine dies at any point, and another one on the same records carries on.

use super::tour::{Calls, distinct, expected_ending, run};
use super::world::{Do, MACHINE, Running, World, callback, engine_on, machine, task, until};
use bouncer::requests::engine::{Engine as _, EngineError, ExecutionStatus, TaskToken, Tasks};
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

async fn undisturbed() -> (Vec<Value>, u64) {
    let world = World::new().await;
    let calls = Calls::default();
    let running = run(&world.store, &calls, None);
    running.start("tour", json!({})).await;
    assert_eq!(world.ending("tour").await, expected_ending());
    running.kill().await;
    assert_eq!(calls.lock().unwrap().len(), 7, "nothing runs twice without a reason");
    (distinct(&calls), world.revision("tour").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_stored_step_the_same_happens() {
    let (expected, revisions) = undisturbed().await;
    assert!(revisions > 20, "{revisions}");
    join_all((1..=revisions).map(|revision| {
        let expected = expected.clone();
        async move {
            let world = World::new().await;
            let calls = Calls::default();
            let first = run(&world.store, &calls, None);
            first.start("tour", json!({})).await;
            until("the step is stored", || async { (world.revision("tour").await >= revision).then_some(()) }).await;
            first.kill().await;
            let second = run(&world.store, &calls, None);
            assert_eq!(world.ending("tour").await, expected_ending(), "killed at {revision}");
            second.kill().await;
            assert_eq!(distinct(&calls), expected, "killed at {revision}");
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_every_task_the_same_task_runs_again() {
    let (expected, _) = undisturbed().await;
    join_all((0..expected.len()).map(|number| {
        let expected = expected.clone();
        async move {
            let world = World::new().await;
            let calls = Calls::default();
            let first = run(&world.store, &calls, Some(number));
            first.start("tour", json!({})).await;
            until("the task runs", || async { (calls.lock().unwrap().len() > number).then_some(()) }).await;
            first.kill().await;
            let second = run(&world.store, &calls, None);
            assert_eq!(world.ending("tour").await, expected_ending(), "killed in call {number}");
            second.kill().await;
            let made = calls.lock().unwrap().clone();
            assert_eq!(made.len(), expected.len() + 1);
            assert_eq!(made[number], made[number + 1], "payload and token are the same");
            assert_eq!(distinct(&calls), expected, "killed in call {number}");
        }
    }))
    .await;
}

fn ask() -> String {
    machine("Ask", json!({ "Ask": callback("ask", json!({ "End": true })) }))
}

/// Tasks that note their payload and return nothing.
fn note(calls: &Calls) -> Arc<dyn Tasks> {
    let calls = calls.clone();
    Do::new(move |payload| {
        calls.lock().unwrap().push(payload);
        async { Ok(Value::Null) }
    })
}

async fn token(calls: &Calls) -> TaskToken {
    let token = || async { calls.lock().unwrap().first().map(|payload| payload["token"].as_str().unwrap().to_owned()) };
    TaskToken(until("the task has its token", token).await)
}

#[tokio::test]
async fn a_token_is_completed_once_and_may_be_completed_again_with_the_same() {
    let (world, calls) = (World::new().await, Calls::default());
    let running = Running::new(world.engine(&ask()), note(&calls));
    running.start("run", json!({})).await;
    let token = token(&calls).await;
    let secret = token.0.strip_prefix("frontend_deploy:run:").expect("the token names its execution");
    assert_eq!(secret.len(), 32);
    let complete = |output: Value| running.engine.complete_task(&token, output);
    let both = join_all((0..20).map(|n| complete(json!({ "winner": n % 2 })))).await;
    let ending = world.ending("run").await;
    let winner = ending["succeeded"]["ask"]["winner"].as_u64().unwrap();
    for (n, result) in both.into_iter().enumerate() {
        match result {
            Ok(()) => assert_eq!(n as u64 % 2, winner),
            Err(EngineError::TaskGone) => assert_ne!(n as u64 % 2, winner),
            Err(other) => panic!("{other}"),
        }
    }
    complete(json!({ "winner": winner })).await.unwrap();
    assert!(matches!(complete(json!({ "winner": 2 })).await, Err(EngineError::TaskGone)));
    for wrong in ["", "x", "frontend_deploy:run:0", "frontend_deploy:other:0", secret] {
        let result = running.engine.complete_task(&TaskToken(wrong.to_owned()), json!(1)).await;
        assert!(matches!(result, Err(EngineError::TaskGone)), "{wrong}");
    }
    running.kill().await;
}

#[tokio::test]
async fn a_completion_without_a_running_engine_is_not_lost() {
    let (world, calls) = (World::new().await, Calls::default());
    let running = Running::new(world.engine(&ask()), note(&calls));
    running.start("run", json!({})).await;
    let token = token(&calls).await;
    running.kill().await;
    world.engine(&ask()).complete_task(&token, json!("yes")).await.unwrap();
    let running = Running::new(world.engine(&ask()), note(&calls));
    assert_eq!(world.ending("run").await, json!({ "succeeded": { "ask": "yes" } }));
    running.kill().await;
    let asked = calls.lock().unwrap().len();
    assert!(asked <= 2, "asked {asked} times");
}

#[tokio::test]
async fn starting_twice_starts_once() {
    let (world, calls) = (World::new().await, Calls::default());
    let running = Running::new(world.engine(&ask()), note(&calls));
    let start = |input: Value| running.engine.start(MACHINE, "run", input);
    let all = join_all((0..10).map(|_| start(json!({ "a": 1, "b": 2.5 })))).await;
    assert!(all.into_iter().all(|result| result.is_ok()));
    assert!(matches!(start(json!({ "a": 2 })).await, Err(EngineError::AlreadyExists(name)) if name == "run"));
    let token = token(&calls).await;
    running.engine.complete_task(&token, json!(1)).await.unwrap();
    world.ending("run").await;
    start(json!({ "b": 2.5, "a": 1 })).await.unwrap();
    assert_eq!(calls.lock().unwrap().len(), 1);
    assert!(matches!(running.engine.describe(MACHINE, "no").await, Err(EngineError::NotFound(_))));
    assert!(matches!(running.engine.stop(MACHINE, "no", "x").await, Err(EngineError::NotFound(_))));
    running.kill().await;
}

struct DroppedFlag(Arc<AtomicBool>);

impl Drop for DroppedFlag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn stop_drops_the_running_task_and_lasts() {
    let world = World::new().await;
    let (started, dropped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (has_started, was_dropped) = (started.clone(), dropped.clone());
    let tasks = Do::new(move |_| {
        let flag = DroppedFlag(was_dropped.clone());
        has_started.store(true, Ordering::SeqCst);
        async move {
            let _flag = flag;
            std::future::pending().await
        }
    });
    let definition = machine("Work", json!({ "Work": task("work", json!({ "End": true })) }));
    let running = Running::new(world.engine(&definition), tasks);
    running.start("run", json!({})).await;
    until("the task runs", || async { started.load(Ordering::SeqCst).then_some(()) }).await;
    assert_eq!(running.status("run").await, ExecutionStatus::Running);
    running.engine.stop(MACHINE, "run", "enough").await.unwrap();
    running.engine.stop(MACHINE, "run", "again").await.unwrap();
    assert_eq!(running.status("run").await, ExecutionStatus::Aborted);
    until("the task is dropped", || async { dropped.load(Ordering::SeqCst).then_some(()) }).await;
    assert_eq!(world.ending("run").await, json!({ "aborted": { "cause": "enough" } }));
    running.kill().await;
}

#[tokio::test]
async fn stop_ends_a_waiting_execution() {
    let (world, calls) = (World::new().await, Calls::default());
    let running = Running::new(world.engine(&ask()), note(&calls));
    running.start("run", json!({})).await;
    let token = token(&calls).await;
    running.engine.stop(MACHINE, "run", "enough").await.unwrap();
    assert!(matches!(running.engine.complete_task(&token, json!(1)).await, Err(EngineError::TaskGone)));
    running.kill().await;
    let row = world.store.execution("frontend_deploy:run").await.unwrap().unwrap();
    let days = (row.ttl.expect("a time to go") - row.started_at.as_second()) / 86_400;
    assert_eq!((row.status.as_str(), days), ("ABORTED", 90));
}

#[tokio::test]
async fn a_panic_is_a_failure_of_the_task_alone() {
    let world = World::new().await;
    let tasks = Do::new(|payload: Value| async move {
        assert!(payload["input"]["calm"] == true, "a panic on purpose");
        Ok(json!("fine"))
    });
    let catch = json!({ "Catch": [{ "ErrorEquals": ["Bouncer.Panic"], "ResultPath": "$.caught", "Next": "Caught" }], "End": true });
    let definition = machine("Work", json!({ "Work": task("work", catch), "Caught": { "Type": "Succeed" } }));
    let running = Running::new(world.engine(&definition), tasks);
    running.start("wild", json!({ "calm": false })).await;
    running.start("calm", json!({ "calm": true })).await;
    assert_eq!(world.ending("wild").await["succeeded"]["caught"]["Error"], "Bouncer.Panic");
    assert_eq!(world.ending("calm").await["succeeded"]["work"]["result"], "fine");
    running.kill().await;
}

#[tokio::test]
async fn no_more_tasks_run_at_once_than_allowed() {
    let world = World::new().await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let open = CancellationToken::new();
    let (counted, peak, gate) = (now.clone(), most.clone(), open.clone());
    let tasks = Do::new(move |_| {
        let (counted, peak, gate) = (counted.clone(), peak.clone(), gate.clone());
        async move {
            peak.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            gate.cancelled().await;
            tokio::task::yield_now().await;
            counted.fetch_sub(1, Ordering::SeqCst);
            Ok(Value::Null)
        }
    });
    let definition = machine("Work", json!({ "Work": task("work", json!({ "End": true })) }));
    let running = Running::new(engine_on(world.store.clone(), &definition, 3), tasks);
    for n in 0..10 {
        running.start(&format!("run-{n}"), json!({})).await;
    }
    for n in 0..10 {
        let name = format!("run-{n}");
        until("the task is to run", || async { (world.revision(&name).await == 2).then_some(()) }).await;
    }
    until("three run", || async { (now.load(Ordering::SeqCst) == 3).then_some(()) }).await;
    open.cancel();
    for n in 0..10 {
        world.ending(&format!("run-{n}")).await;
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    running.kill().await;
}

#[tokio::test]
async fn an_execution_keeps_the_machine_it_was_started_with() {
    let (world, calls) = (World::new().await, Calls::default());
    let running = Running::new(world.engine(&ask()), note(&calls));
    running.start("old", json!({})).await;
    let token = token(&calls).await;
    running.kill().await;
    let new = machine("Other", json!({ "Other": { "Type": "Pass", "Result": "new", "End": true } }));
    let running = Running::new(world.engine(&new), note(&calls));
    running.start("new", json!({})).await;
    assert_eq!(world.ending("new").await, json!({ "succeeded": "new" }));
    running.engine.complete_task(&token, json!("old")).await.unwrap();
    assert_eq!(world.ending("old").await, json!({ "succeeded": { "ask": "old" } }));
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_waiting_executions_cost_little() {
    let (world, calls) = (World::new().await, Calls::default());
    let states = json!({
        "Ask": callback("ask", json!({ "Next": "After" })),
        "After": task("after", json!({ "ResultPath": "$", "End": true })),
    });
    let definition = machine("Ask", states);
    let running = Running::new(world.engine(&definition), note(&calls));
    for n in 0..1_000 {
        running.start(&format!("run-{n:03}"), json!({ "request_id": format!("req-{n}") })).await;
    }
    until("all have asked", || async { (calls.lock().unwrap().len() == 1_000).then_some(()) }).await;
    until("the last one waits", || async { (world.revision("run-999").await == 3).then_some(()) }).await;
    running.kill().await;
    let mut tokens: Vec<_> =
        calls.lock().unwrap().iter().map(|call| TaskToken(call["token"].as_str().unwrap().to_owned())).collect();
    tokens.sort_by(|a, b| a.0.cmp(&b.0));

    let before = resident_kib();
    let running = Running::new(world.engine(&definition), note(&Calls::default()));
    let name_of = |token: &TaskToken| token.0.split(':').nth(1).unwrap().to_owned();
    let ended = json!({ "succeeded": { "result": null } });
    // Drivers begin in the order of their starts, so when the last one carries on all others wait.
    running.engine.complete_task(&tokens[999], json!(1)).await.unwrap();
    assert_eq!(world.ending("run-999").await, ended);
    let grown = resident_kib().saturating_sub(before);
    println!("999 waiting executions: {grown} KiB");
    assert!(grown < 16 * 1024, "{grown} KiB");
    for token in tokens.iter().step_by(50) {
        running.engine.complete_task(token, json!(1)).await.unwrap();
        assert_eq!(world.ending(&name_of(token)).await, ended);
    }
    running.kill().await;
}

/// Memory of this process, 0 where the system does not say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
