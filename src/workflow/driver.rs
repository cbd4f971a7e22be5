//! Drives one execution: does what its snapshot asks for, stores what came of it, and so on to the end.

use super::asl::Event;
use super::asl::execution::Failure;
use super::asl::interpreter::Action;
use super::local::LocalEngine;
use super::rows::Loaded;
use crate::requests::engine::{ErrorName, TaskFailure, Tasks};
use futures::FutureExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::Notify;

impl LocalEngine {
    /// Returns when the execution has ended, or cannot be read. May be dropped at any point: the row says where to
    /// carry on.
    pub(super) async fn drive(&self, name: &str, tasks: &dyn Tasks, changed: &Notify) {
        let mut current = self.load_persistently(name).await;
        while let Some(loaded) = current {
            current = match loaded.execution.next_action() {
                Action::Ended => return,
                Action::Proceed => self.apply_persistently(loaded, Event::Proceed).await,
                Action::RunTask { payload, deadline } => {
                    self.run_task(name, loaded, tasks, payload, deadline, changed).await
                }
                Action::WaitUntil(until) => self.wait(name, loaded, Some(until), changed).await,
                Action::WaitForToken { deadline } => self.wait(name, loaded, deadline, changed).await,
            };
        }
    }

    /// Waits until a time or until somebody changes the execution, and says what it is then. Many executions spend
    /// their days here, so the snapshot is not kept meanwhile.
    async fn wait(&self, name: &str, loaded: Loaded, until: Option<Timestamp>, changed: &Notify) -> Option<Loaded> {
        let attempt = loaded.execution.attempt();
        drop(loaded);
        tokio::select! {
            () = clock_reaches(until) => {}
            () = changed.notified() => return self.load_persistently(name).await,
        }
        let loaded = self.load_persistently(name).await?;
        if loaded.execution.attempt() == attempt {
            self.apply_persistently(loaded, Event::Due).await
        } else {
            Some(loaded)
        }
    }

    async fn run_task(
        &self,
        name: &str,
        loaded: Loaded,
        tasks: &dyn Tasks,
        payload: Value,
        deadline: Option<Timestamp>,
        changed: &Notify,
    ) -> Option<Loaded> {
        let event = tokio::select! {
            result = self.call(tasks, payload) => Event::TaskReturned(result),
            () = clock_reaches(deadline) => Event::Due,
            now = self.left_by_others(name, &loaded, changed) => return now,
        };
        self.apply_persistently(loaded, event).await
    }

    /// Waits until somebody else takes the execution out of the attempt it is in. A token that was completed does
    /// not: the task is let finish what it is doing.
    async fn left_by_others(&self, name: &str, loaded: &Loaded, changed: &Notify) -> Option<Loaded> {
        loop {
            changed.notified().await;
            let now = self.load_persistently(name).await?;
            if now.execution.attempt() != loaded.execution.attempt() {
                return Some(now);
            }
        }
    }

    async fn call(&self, tasks: &dyn Tasks, payload: Value) -> Result<Value, Failure> {
        let _permit = self.task_permits.acquire().await;
        match AssertUnwindSafe(tasks.run(payload)).catch_unwind().await {
            Ok(result) => result.map_err(|error| failure(&error)),
            Err(_) => {
                tracing::error!("a task panicked");
                Err(failure(&TaskFailure {
                    name: ErrorName::Panic.to_string(),
                    cause: "The task ended by a fault of its own.".into(),
                }))
            }
        }
    }
}

/// A task's error in the form that a Lambda function's has in Step Functions.
fn failure(error: &TaskFailure) -> Failure {
    Failure::new(error.name.as_str(), json!({ "errorMessage": error.cause, "errorType": error.name }).to_string())
}

/// Returns when the clock on the wall shows a time; never without one. Sleeps in pieces, because a sleep does not
/// notice when the clock is set or the machine was suspended.
async fn clock_reaches(time: Option<Timestamp>) {
    const PIECE: Duration = Duration::from_secs(30);
    let Some(time) = time else { return std::future::pending().await };
    loop {
        match Duration::try_from(time.duration_since(Timestamp::now())) {
            Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(PIECE)).await,
            _ => return,
        }
    }
}
