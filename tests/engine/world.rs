//! Engines on real records: the embedded DynamoDB endpoint on a temporary folder.

use async_trait::async_trait;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use bouncer::requests::engine::{Engine as _, ExecutionStatus, TaskFailure, Tasks};
use bouncer::storage::Store;
use bouncer::workflow::asl::Execution;
use bouncer::workflow::local::{LocalEngine, Settings};
use embedded_aws::{Endpoints, StorageCredentials};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use bouncer::kinds::site::MACHINE;

/// Records of a test's own.
pub struct World {
    pub store: Store,
    pub records: SocketAddr,
    pub credentials: StorageCredentials,
    storage: CancellationToken,
    _endpoints: Endpoints,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = CancellationToken::new();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let endpoints = embedded_aws::start(folder.path(), loopback, storage.clone()).await.unwrap();
        let (records, credentials) = (endpoints.records, endpoints.credentials.clone());
        let store = store_at(records, &credentials);
        store.create_missing_tables().await.unwrap();
        Self { store, records, credentials, storage, _endpoints: endpoints, _folder: folder }
    }

    /// An engine that runs this machine, in the place of the product's.
    pub fn engine(&self, definition: &str) -> Arc<LocalEngine> {
        engine_on(self.store.clone(), definition, 32)
    }

    pub async fn execution(&self, name: &str) -> Execution {
        let row = self.store.execution(&format!("{}:{name}", MACHINE.name)).await.unwrap().expect("the execution");
        serde_json::from_str(&row.snapshot).unwrap()
    }

    pub async fn revision(&self, name: &str) -> u64 {
        let row = self.store.execution(&format!("{}:{name}", MACHINE.name)).await.unwrap();
        row.map_or(0, |row| row.revision)
    }

    /// How the execution ended, as JSON; waits for that.
    pub async fn ending(&self, name: &str) -> Value {
        until("the execution ends", || async {
            let position = serde_json::to_value(&self.execution(name).await.position).unwrap();
            position.get("ended").map(|ended| ended["ending"].clone())
        })
        .await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.storage.cancel();
    }
}

pub fn store_at(records: SocketAddr, credentials: &StorageCredentials) -> Store {
    let keys = Credentials::new(&credentials.access_key_id, &credentials.secret_access_key, None, None, "test");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{records}"))
        .credentials_provider(keys)
        // Tests lose answers on purpose and should not wait a second for each.
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(5)))
        .build();
    Store::new(aws_sdk_dynamodb::Client::from_conf(config), "bouncer-")
}

pub fn engine_on(store: Store, definition: &str, tasks_at_once: usize) -> Arc<LocalEngine> {
    let definitions = HashMap::from([(MACHINE, definition.to_owned())]);
    LocalEngine::with_settings(store, Settings { tasks_at_once, definitions })
}

/// An engine at work.
pub struct Running {
    pub engine: Arc<LocalEngine>,
    shutdown: CancellationToken,
    work: JoinHandle<()>,
}

impl Running {
    pub fn new(engine: Arc<LocalEngine>, tasks: Arc<dyn Tasks>) -> Self {
        let shutdown = CancellationToken::new();
        let work = tokio::spawn(engine.clone().run(tasks, shutdown.clone()));
        Self { engine, shutdown, work }
    }

    /// Stops everything at once, wherever it is.
    pub async fn kill(self) {
        self.shutdown.cancel();
        self.work.await.unwrap();
    }

    pub async fn start(&self, name: &str, input: Value) {
        self.engine.start(MACHINE, name, input).await.unwrap();
    }

    pub async fn status(&self, name: &str) -> ExecutionStatus {
        self.engine.describe(MACHINE, name).await.unwrap()
    }
}

type Work = Box<dyn Fn(Value) -> BoxFuture<'static, Result<Value, TaskFailure>> + Send + Sync>;

/// Tasks that a closure does.
pub struct Do(Work);

impl Do {
    pub fn new<F, W>(work: W) -> Arc<Self>
    where
        W: Fn(Value) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Value, TaskFailure>> + Send + 'static,
    {
        Arc::new(Self(Box::new(move |payload| Box::pin(work(payload)))))
    }
}

#[async_trait]
impl Tasks for Do {
    async fn run(&self, payload: Value) -> Result<Value, TaskFailure> {
        (self.0)(payload).await
    }
}

/// A `Task` state that calls the task with its name, its input and how often it was retried; and these fields.
pub fn task(name: &str, fields: Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "f", "Payload": { "task": name, "input.$": "$", "retry.$": "$$.State.RetryCount" } },
        "ResultSelector": { "result.$": "$.Payload" },
        "ResultPath": format!("$.{name}"),
    });
    state.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    state
}

/// The same with a task token.
pub fn callback(name: &str, fields: Value) -> Value {
    let mut state = task(
        name,
        json!({
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": { "FunctionName": "f", "Payload": { "task": name, "token.$": "$$.Task.Token", "retry.$": "$$.State.RetryCount" } },
        }),
    );
    state.as_object_mut().unwrap().remove("ResultSelector");
    state.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    state
}

pub fn machine(start: &str, states: Value) -> String {
    json!({ "StartAt": start, "States": states }).to_string()
}

/// Asks until there is an answer, for at most half a minute.
pub async fn until<T, F>(what: &str, ask: impl Fn() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "still waiting until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
