//! Tables to seed, and the program that does it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

use embedded_aws::StorageCredentials;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const TABLE: &str = "bouncer-projects";
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub type Item = HashMap<String, AttributeValue>;

/// Where a test's table is.
#[derive(Debug, Clone, Copy)]
pub enum Backend {
    /// The local profile's own DynamoDB API.
    Embedded,
    /// An AWS emulator.
    Ministack,
}

/// A DynamoDB with an empty projects table, and the file to seed it with.
pub struct World {
    pub folder: TempDir,
    pub endpoint: String,
    credentials: StorageCredentials,
    /// Ends with this value.
    _server: Box<dyn std::any::Any + Send + Sync>,
}

impl World {
    pub async fn start(backend: Backend) -> Self {
        let folder = TempDir::with_prefix("seed-test-").expect("a temporary folder");
        let world = match backend {
            Backend::Embedded => {
                let stop = CancellationToken::new();
                let endpoints = embedded_aws::start(&folder.path().join("data"), LOOPBACK, stop.clone()).await.unwrap();
                Self {
                    endpoint: format!("http://{}", endpoints.records),
                    credentials: endpoints.credentials.clone(),
                    _server: Box::new(stop.drop_guard()),
                    folder,
                }
            }
            Backend::Ministack => {
                let ministack = Ministack::start(folder.path());
                let credentials = StorageCredentials { access_key_id: "test".into(), secret_access_key: "test".into() };
                let endpoint = format!("http://127.0.0.1:{}", ministack.port);
                Self { endpoint, credentials, _server: Box::new(ministack), folder }
            }
        };
        create_table(&world.dynamodb(), TABLE).await;
        world
    }

    pub fn dynamodb(&self) -> Client {
        client(&self.endpoint, &self.credentials)
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("configs.toml")
    }

    /// Puts the data file in place.
    pub fn state(&self, toml: &str) {
        std::fs::write(self.file(), toml).unwrap();
    }

    /// Runs the program on the file and the table.
    pub async fn seed(&self, arguments: &[&str]) -> Finished {
        self.seed_through(&self.endpoint, arguments).await
    }

    /// The same, with another file.
    pub async fn seed_file(&self, file: &Path) -> Finished {
        self.seed_with(file, &self.endpoint, &[]).await
    }

    /// The same, with the table reached at another address.
    pub async fn seed_through(&self, endpoint: &str, arguments: &[&str]) -> Finished {
        self.seed_with(&self.file(), endpoint, arguments).await
    }

    async fn seed_with(&self, file: &Path, endpoint: &str, arguments: &[&str]) -> Finished {
        let mut command = program(self.folder.path());
        command
            .env("AWS_ACCESS_KEY_ID", &self.credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.credentials.secret_access_key)
            .env("AWS_REGION", "us-east-1")
            .arg("--file")
            .arg(file)
            .args(["--endpoint-url", endpoint])
            .args(arguments);
        run(command).await
    }

    /// The same, with credentials that a program prints, which an AWS profile names.
    pub async fn seed_by_profile(&self, arguments: &[&str]) -> Finished {
        let StorageCredentials { access_key_id, secret_access_key } = &self.credentials;
        let printed = json!({ "Version": 1, "AccessKeyId": access_key_id, "SecretAccessKey": secret_access_key });
        std::fs::write(self.folder.path().join("printed.json"), printed.to_string()).unwrap();
        let config = self.folder.path().join("config");
        let profile = "[profile dev]\nregion = us-east-1\ncredential_process = cat printed.json\n";
        std::fs::write(&config, profile).unwrap();
        let mut command = program(self.folder.path());
        command
            .envs([("AWS_CONFIG_FILE", config.as_os_str()), ("AWS_PROFILE", "dev".as_ref())])
            .arg("--file")
            .arg(self.file())
            .args(["--endpoint-url", &self.endpoint])
            .args(arguments);
        run(command).await
    }

    /// The row of a project.
    pub async fn row(&self, project: &str) -> Option<Item> {
        let key = AttributeValue::S(project.to_owned());
        let found = self.dynamodb().get_item().table_name(TABLE).key("project_id", key).consistent_read(true);
        found.send().await.unwrap().item
    }

    pub async fn put(&self, row: Item) {
        self.dynamodb().put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    }

    /// Every row, by project.
    pub async fn rows(&self) -> HashMap<String, Item> {
        let rows = self.dynamodb().scan().table_name(TABLE).consistent_read(true).send().await.unwrap();
        let keyed = rows.items.unwrap_or_default().into_iter();
        keyed.map(|row| (row["project_id"].as_s().unwrap().clone(), row)).collect()
    }
}

/// A row of texts; `true` and `false` are switches.
pub fn row(attributes: &[(&str, &str)]) -> Item {
    let value = |text: &str| match text {
        "true" | "false" => AttributeValue::Bool(text == "true"),
        _ => AttributeValue::S(text.to_owned()),
    };
    attributes.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

pub fn client(endpoint: &str, credentials: &StorageCredentials) -> Client {
    let StorageCredentials { access_key_id, secret_access_key } = credentials.clone();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key_id, secret_access_key, None, None, "test"))
        .build();
    Client::from_conf(config)
}

pub async fn create_table(dynamodb: &Client, name: &str) {
    let key = AttributeDefinition::builder().attribute_name("project_id").attribute_type(ScalarAttributeType::S);
    dynamodb
        .create_table()
        .table_name(name)
        .attribute_definitions(key.build().unwrap())
        .key_schema(KeySchemaElement::builder().attribute_name("project_id").key_type(KeyType::Hash).build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}

// --- The program ------------------------------------------------------------------------------------------------------

/// What the program left behind.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Checks how the program ended; shows everything it said otherwise.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// The program, in an environment that holds nothing but `PATH` and a home.
pub fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seed_frontend_configs"));
    command.env_clear().env("HOME", home).env("AWS_EC2_METADATA_DISABLED", "true").current_dir(home);
    for kept in ["PATH", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}

/// Runs a program to its end; the embedded endpoint goes on answering meanwhile.
pub async fn run(mut command: Command) -> Finished {
    let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output().unwrap()).await.unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

// --- ministack --------------------------------------------------------------------------------------------------------

struct Ministack {
    process: Child,
    port: u16,
}

impl Ministack {
    fn start(folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.testenv/emulator/bin/ministack");
        assert!(program.exists(), "{} is not there; run scripts/test --setup-only emulator", program.display());
        // Free now; should somebody else take it in between, the program ends and the test says so.
        let port = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap().port();
        let log = folder.join("ministack.log");
        let output = std::fs::File::create(&log).unwrap();
        let process = Command::new(program)
            .current_dir(folder)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut ministack = Self { process, port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect((LOOPBACK, port)).is_err() {
            let ended = ministack.process.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "ministack does not answer: {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        ministack
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// One body, two tests: on the embedded endpoint and on ministack.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::World::start($crate::support::Backend::Embedded).await).await;
            })+
        }
        mod ministack {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::World::start($crate::support::Backend::Ministack).await).await;
            })+
        }
    };
}
