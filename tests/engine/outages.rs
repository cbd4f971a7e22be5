//! The records go away and come back: nothing advances that is not stored, and nothing is lost.

use super::tour;
use super::world::{Do, Running, World, engine_on, machine, store_at, task, until};
use bouncer::requests::engine::{Engine as _, EngineError};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to the records that can be cut, or lose answers.
struct Line {
    address: SocketAddr,
    up: watch::Sender<bool>,
    /// Every so many answers one is lost, after the records have done what was asked; 0 for none.
    loses_every: Arc<AtomicUsize>,
}

impl Line {
    async fn to(records: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (up, state) = watch::channel(true);
        let loses_every = Arc::new(AtomicUsize::new(0));
        let (loses, answers) = (loses_every.clone(), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (mut state, loses, answers) = (state.clone(), loses.clone(), answers.clone());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let Ok(far) = TcpStream::connect(records).await else { return };
                    let ((mut near_reads, near_writes), (far_reads, mut far_writes)) =
                        (near.into_split(), far.into_split());
                    tokio::select! {
                        _ = tokio::io::copy(&mut near_reads, &mut far_writes) => {}
                        () = hand_back(far_reads, near_writes, &loses, &answers) => {}
                        _ = state.wait_for(|up| !up) => {}
                    }
                });
            }
        });
        Self { address, up, loses_every }
    }
}

async fn hand_back(mut far: OwnedReadHalf, mut near: OwnedWriteHalf, loses_every: &AtomicUsize, answers: &AtomicUsize) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = far.read(&mut buffer).await {
        let every = loses_every.load(Ordering::SeqCst);
        if every > 0 && answers.fetch_add(1, Ordering::SeqCst) % every == every - 1 {
            return;
        }
        if near.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// A step that was stored, and whose answer never came, is not taken twice.
#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_change_nothing() {
    let undisturbed = async {
        let (world, calls) = (World::new().await, tour::Calls::default());
        let running = tour::run(&world.store, &calls, None);
        running.start("tour", json!({})).await;
        world.ending("tour").await;
        running.kill().await;
        tour::distinct(&calls)
    };
    let expected = undisturbed.await;
    futures::future::join_all([2, 3, 4, 5, 7].map(|every| {
        let expected = expected.clone();
        async move {
            let (world, calls) = (World::new().await, tour::Calls::default());
            let line = Line::to(world.records).await;
            line.loses_every.store(every, Ordering::SeqCst);
            let running = tour::run(&store_at(line.address, &world.credentials), &calls, None);
            running.start("tour", json!({})).await;
            assert_eq!(world.ending("tour").await, tour::expected_ending(), "each {every}th answer is lost");
            running.kill().await;
            assert_eq!(tour::distinct(&calls), expected, "each {every}th answer is lost");
            assert_eq!(calls.lock().unwrap().len(), expected.len(), "no task runs twice");
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_records_is_waited_out() {
    let world = World::new().await;
    let line = Line::to(world.records).await;
    let first = Arc::new(AtomicUsize::new(0));
    let second = Arc::new(AtomicUsize::new(0));
    let cut = line.up.clone();
    let (firsts, seconds) = (first.clone(), second.clone());
    let tasks = Do::new(move |payload: Value| {
        if payload["task"] == "first" {
            firsts.fetch_add(1, Ordering::SeqCst);
            // The records go away while the task runs, so that its end cannot be stored.
            cut.send_replace(false);
        } else {
            seconds.fetch_add(1, Ordering::SeqCst);
        }
        async { Ok(Value::Null) }
    });
    let definition = machine(
        "First",
        json!({
            "First": task("first", json!({ "Next": "Second" })),
            "Second": task("second", json!({ "End": true })),
        }),
    );
    let engine = engine_on(store_at(line.address, &world.credentials), &definition, 32);
    let running = Running::new(engine, tasks);
    running.start("run", json!({})).await;
    until("the first task has run", || async { (first.load(Ordering::SeqCst) == 1).then_some(()) }).await;
    // A caller is told; it does not wait.
    let refused = running.engine.stop(super::world::MACHINE, "run", "x").await;
    assert!(matches!(refused, Err(EngineError::Unavailable(_))), "{refused:?}");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(second.load(Ordering::SeqCst), 0, "nothing goes on that is not stored");
    line.up.send_replace(true);
    assert!(world.ending("run").await.get("succeeded").is_some());
    running.kill().await;
    assert_eq!((first.load(Ordering::SeqCst), second.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_starts_without_records_begins_when_they_come() {
    let world = World::new().await;
    let line = Line::to(world.records).await;
    let definition = machine("Work", json!({ "Work": task("work", json!({ "End": true })) }));
    world.engine(&definition).start(super::world::MACHINE, "run", json!({})).await.unwrap();
    line.up.send_replace(false);
    let engine = engine_on(store_at(line.address, &world.credentials), &definition, 32);
    let running = Running::new(engine, Do::new(|_| async { Ok(Value::Null) }));
    tokio::time::sleep(Duration::from_millis(300)).await;
    line.up.send_replace(true);
    assert!(world.ending("run").await.get("succeeded").is_some());
    running.kill().await;
}
