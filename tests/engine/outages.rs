//! The records go away and come back: nothing advances that is not stored, and nothing is lost.

use super::world::{Do, Running, World, engine_on, machine, store_at, task, until};
use bouncer::flow::ports::{Engine as _, EngineError};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to the records that can be cut.
struct Line {
    address: SocketAddr,
    up: watch::Sender<bool>,
}

impl Line {
    async fn to(records: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (up, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut state = state.clone();
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(records).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|up| !up) => {}
                    }
                });
            }
        });
        Self { address, up }
    }
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
