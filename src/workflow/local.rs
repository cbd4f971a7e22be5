//! The engine of the local profile: executions as rows, one driver for each that has not ended.
//!
//! Whoever changes an execution (its driver, a completed token, a stop) reads the row, asks the interpreter what
//! becomes of it, and writes that on condition that nobody else did. A driver that lost the race reads again.

use super::asl::execution::{MAX_SNAPSHOT_BYTES, id};
use super::asl::{Definition, Event, Execution, IllegalEvent};
use super::rows::{ApplyError, encode};
use crate::domain::canonical;
use crate::domain::error::chain;
use crate::domain::time::Time;
use crate::kinds::KINDS;
use crate::requests::engine::{Engine, EngineError, ExecutionStatus, Machine, TaskToken, Tasks};
use crate::storage::error::Source;
use crate::storage::executions::ExecutionRow;
use crate::storage::{Store, StoreError};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many tasks run at once, over all executions.
    pub tasks_at_once: usize,
    /// The text of each state machine, for executions that start from now on.
    pub definitions: HashMap<Machine, String>,
}

impl Default for Settings {
    /// 32 tasks at once, and the machines of `statemachines/`.
    fn default() -> Self {
        let definitions = KINDS.machines().into_iter().map(|machine| (machine, machine.definition.to_owned()));
        Self { tasks_at_once: 32, definitions: definitions.collect() }
    }
}

/// How many of the drivers' calls of the store are under way at once: a start with a thousand waiting executions
/// must not open a thousand connections.
const STORE_CALLS_AT_ONCE: usize = 16;

/// Runs state machines in this process, on the executions table.
pub struct LocalEngine {
    pub(super) store: Store,
    texts: HashMap<Machine, String>,
    pub(super) parsed: Mutex<HashMap<String, Arc<Definition>>>,
    drivers: Mutex<HashMap<String, Arc<Notify>>>,
    launches: mpsc::UnboundedSender<String>,
    launched: tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>,
    pub(super) task_permits: Semaphore,
    pub(super) store_permits: Semaphore,
}

impl LocalEngine {
    /// Over the tables of a store, with the default settings. Nothing happens until [`LocalEngine::run`].
    pub fn new(store: Store) -> Arc<Self> {
        Self::with_settings(store, Settings::default())
    }

    /// Over the tables of a store.
    pub fn with_settings(store: Store, settings: Settings) -> Arc<Self> {
        let (launches, launched) = mpsc::unbounded_channel();
        Arc::new(Self {
            store,
            texts: settings.definitions,
            parsed: Mutex::default(),
            drivers: Mutex::default(),
            launches,
            launched: tokio::sync::Mutex::new(launched),
            task_permits: Semaphore::new(settings.tasks_at_once.max(1)),
            store_permits: Semaphore::new(STORE_CALLS_AT_ONCE),
        })
    }

    /// Carries on with every execution that has not ended, and drives those that start from now on, until
    /// `shutdown`. When it returns, nothing of this engine runs any more; tasks that ran were dropped and will run
    /// again.
    pub async fn run(self: Arc<Self>, tasks: Arc<dyn Tasks>, shutdown: CancellationToken) {
        let mut launched = self.launched.lock().await;
        let mut drivers = JoinSet::new();
        let running = self.persistently("list the running executions", || self.store.running_executions());
        let running = tokio::select! {
            running = running => running,
            () = shutdown.cancelled() => return,
        };
        match running {
            Ok(names) => names.into_iter().for_each(|name| self.spawn_driver(&mut drivers, name, &tasks)),
            Err(error) => tracing::error!(%error, "the running executions cannot be read"),
        }
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(name) = launched.recv() => self.spawn_driver(&mut drivers, name, &tasks),
                Some(ended) = drivers.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "an execution's driver ended unexpectedly");
                    }
                }
            }
        }
        drivers.shutdown().await;
    }

    fn spawn_driver(self: &Arc<Self>, drivers: &mut JoinSet<()>, name: String, tasks: &Arc<dyn Tasks>) {
        let changed = Arc::new(Notify::new());
        let mut registered = lock(&self.drivers);
        if registered.contains_key(&name) {
            return;
        }
        registered.insert(name.clone(), changed.clone());
        let registration = Registration { engine: self.clone(), name };
        let tasks = tasks.clone();
        drivers.spawn(async move {
            let registration = registration;
            registration.engine.drive(&registration.name, tasks.as_ref(), &changed).await;
        });
    }

    /// Tells an execution's driver that its row was changed by somebody else.
    fn wake(&self, name: &str) {
        if let Some(changed) = lock(&self.drivers).get(name) {
            changed.notify_one();
        }
    }

    /// Applies an event on behalf of a caller, deciding again whenever somebody else was faster.
    async fn apply_for_caller(
        &self,
        name: &str,
        decide: impl Fn(&Execution) -> Decision,
    ) -> Result<Applied, EngineError> {
        loop {
            let Some(loaded) = self.load(name).await.map_err(unavailable)? else { return Ok(Applied::NotFound) };
            let event = match decide(&loaded.execution) {
                Decision::Apply(event) => event,
                Decision::AlreadyDone => return Ok(Applied::Done),
                Decision::Refuse => return Ok(Applied::Refused),
            };
            match self.apply(&loaded, event).await {
                Ok(_) => return Ok(Applied::Done),
                Err(ApplyError::Illegal(IllegalEvent)) => return Ok(Applied::Refused),
                Err(ApplyError::Store(StoreError::Conflict)) => {}
                Err(ApplyError::Store(error)) => return Err(unavailable(error)),
            }
        }
    }
}

/// What a caller's event means for the execution as it stands.
enum Decision {
    Apply(Event),
    AlreadyDone,
    Refuse,
}

/// What became of a caller's event.
enum Applied {
    Done,
    Refused,
    NotFound,
}

/// Keeps a driver findable as long as it lives.
struct Registration {
    engine: Arc<LocalEngine>,
    name: String,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.engine.drivers).remove(&self.name);
    }
}

#[async_trait]
impl Engine for LocalEngine {
    async fn start(&self, machine: Machine, name: &str, input: Value) -> Result<(), EngineError> {
        let input_hash = canonical::hash(&input).map_err(unavailable)?.to_string();
        let text = self.texts.get(&machine).ok_or_else(|| unavailable(format!("no file for {}", machine.name)))?;
        let definition = self.definition(text);
        let definition = definition.map_err(|refusal| unavailable(format!("{}: {refusal}", machine.name)))?;
        let execution = Execution::start(machine.name, name, input, &definition.start_at, Time::now().timestamp());
        if execution.size() > MAX_SNAPSHOT_BYTES {
            return Err(unavailable(format!("the input of {name} is larger than an execution can hold")));
        }
        let (id, started_at) = (execution.id(), execution.started_at);
        let snapshot = encode(&execution).map_err(unavailable)?;
        let row = ExecutionRow::new(id.clone(), started_at, input_hash.clone(), snapshot, text.clone());
        match self.store.create_execution(&row).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => match self.store.execution(&id).await.map_err(unavailable)? {
                Some(there) if there.input_hash == input_hash => {}
                Some(_) => return Err(EngineError::AlreadyExists(name.to_owned())),
                None => return Err(unavailable(format!("the record of {name} went away meanwhile"))),
            },
            Err(error) => return Err(unavailable(error)),
        }
        // Nobody listens before `run`, which then finds the row by itself.
        let _ = self.launches.send(id);
        Ok(())
    }

    async fn stop(&self, machine: Machine, name: &str, cause: &str) -> Result<(), EngineError> {
        let id = id(machine.name, name);
        let applied = self.apply_for_caller(&id, |execution| match execution.status() {
            ExecutionStatus::Running => Decision::Apply(Event::Stop { cause: cause.to_owned() }),
            _ => Decision::AlreadyDone,
        });
        match applied.await? {
            Applied::NotFound => Err(EngineError::NotFound(name.to_owned())),
            Applied::Done | Applied::Refused => {
                self.wake(&id);
                Ok(())
            }
        }
    }

    async fn describe(&self, machine: Machine, name: &str) -> Result<ExecutionStatus, EngineError> {
        let row = self.store.execution(&id(machine.name, name)).await.map_err(unavailable)?;
        let row = row.ok_or_else(|| EngineError::NotFound(name.to_owned()))?;
        serde_json::from_value(Value::String(row.status)).map_err(unavailable)
    }

    async fn complete_task(&self, token: &TaskToken, output: Value) -> Result<(), EngineError> {
        let (id, _) = token.0.rsplit_once(':').ok_or(EngineError::TaskGone)?;
        let applied = self.apply_for_caller(id, |execution| match execution.was_completed(token, &output) {
            Some(true) => Decision::AlreadyDone,
            Some(false) => Decision::Refuse,
            None => Decision::Apply(Event::TokenCompleted { token: token.clone(), output: output.clone() }),
        });
        match applied.await? {
            Applied::Done => {
                self.wake(id);
                Ok(())
            }
            Applied::Refused | Applied::NotFound => Err(EngineError::TaskGone),
        }
    }
}

fn unavailable(error: impl Into<Source>) -> EngineError {
    EngineError::Unavailable(chain(error.into().as_ref()))
}

/// None of these locks is held over anything that could panic half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
