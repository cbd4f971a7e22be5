//! `bouncer serve` as a process of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use tempfile::TempDir;

use super::process;
use super::wait::{DEADLINE, wait_until};

/// Whose key a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Admin,
    Approver,
    Agent,
}

/// A running server: most often one on a data folder of its own. Dropping it kills the process and removes the folder.
pub struct Server {
    child: Option<Child>,
    url: String,
    keys: Credentials,
    client: reqwest::Client,
    options: Options,
    folder: TempDir,
}

/// How a server is started, where that differs from the usual.
#[derive(Clone, Default)]
pub struct Options {
    /// Further arguments of `bouncer serve`.
    pub arguments: &'static [&'static str],
    /// Further environment variables.
    pub environment: &'static [(&'static str, &'static str)],
    /// The same, where the values are known only when the test runs.
    pub variables: Vec<(String, String)>,
    /// No file of the server can grow beyond so many KiB, as if the disk were full then.
    pub file_limit_kib: Option<u32>,
}

/// One key for each role; the content of D/credentials.json.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    pub admin: String,
    pub approver: String,
    pub agent: String,
}

/// D/server.json
#[derive(Deserialize)]
struct Address {
    url: String,
    pid: u32,
}

/// Most tests ask more at once than one caller may.
const NO_ASK_LIMITS: [(&str, &str); 2] = [("BOUNCER_ASKS_PER_MINUTE", "0"), ("BOUNCER_PENDING_PER_CALLER", "0")];

impl Server {
    /// Starts the binary on an empty data folder and waits until it answers.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// As [`Server::start`], with options.
    pub async fn start_with(options: Options) -> Self {
        let folder = scratch_folder();
        let client = http_client();
        let (child, url) = spawn(folder.path(), &options, &client).await;
        let keys = read_json(&folder.path().join("data/credentials.json")).expect("credentials.json is there");
        Self { child: Some(child), url, keys, client, options, folder }
    }

    /// One that runs elsewhere, as a Lambda function does. It cannot be stopped or restarted from here.
    pub fn at(url: &str, keys: Credentials) -> Self {
        Self {
            child: None,
            url: url.to_owned(),
            keys,
            client: http_client(),
            options: Options::default(),
            folder: scratch_folder(),
        }
    }

    /// Starts the binary with the `aws` profile, which takes its settings from `environment`, and waits until it answers.
    pub async fn hosted(environment: &[(String, String)], keys: Credentials) -> Self {
        let folder = scratch_folder();
        let client = http_client();
        let mut child = process::isolated(env!("CARGO_BIN_EXE_bouncer"), folder.path())
            .args(["serve", "--profile", "aws", "--listen", "127.0.0.1:0"])
            .envs(NO_ASK_LIMITS)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log_file(folder.path())).expect("the log file"))
            .spawn()
            .expect("bouncer starts");
        let url = wait_until("the server to say where it listens", DEADLINE, async || {
            let log = std::fs::read_to_string(log_file(folder.path())).unwrap_or_default();
            let ended = child.try_wait().expect("the server can be waited for");
            assert!(ended.is_none(), "the server ended at once:\n{log}");
            let after = log.split_once("Bouncer listens on ")?.1;
            let url = after.split_once(',')?.0.to_owned();
            client.get(format!("{url}/healthz")).send().await.ok()?.status().is_success().then_some(url)
        })
        .await;
        Self { child: Some(child), url, keys, client, options: Options::default(), folder }
    }

    /// Stops the server if it runs, and starts it again on the same data folder.
    pub async fn restart(&mut self) {
        self.stop();
        let (child, url) = spawn(self.folder.path(), &self.options, &self.client).await;
        self.child = Some(child);
        self.url = url;
    }

    /// As [`Server::restart`], with other options from now on.
    pub async fn restart_with(&mut self, options: Options) {
        self.options = options;
        self.restart().await;
    }

    /// Asks the process to end (SIGTERM) and waits until it has; returns its exit code, `None` when it was not running.
    ///
    /// # Panics
    /// When it does not end in time, or ends by a signal.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        terminate(&child);
        let status = process::wait_or_kill(&mut child, DEADLINE);
        let status = status.unwrap_or_else(|| panic!("the server ignored SIGTERM:\n{}", self.stderr()));
        Some(status.code().unwrap_or_else(|| panic!("the server died ({status}):\n{}", self.stderr())))
    }

    /// Ends the process as a power cut would: SIGKILL, no goodbye.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server can be killed");
            child.wait().expect("the server can be reaped");
        }
    }

    /// The server's data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// `http://127.0.0.1:PORT`; another port after every start.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn key(&self, role: Role) -> &str {
        match role {
            Role::Admin => &self.keys.admin,
            Role::Approver => &self.keys.approver,
            Role::Agent => &self.keys.agent,
        }
    }

    /// Everything the server has logged since its first start.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(log_file(self.folder.path())).unwrap_or_default()
    }

    /// A temporary folder of this server's test, for clients' homes and the like.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.stderr());
        }
    }
}

fn scratch_folder() -> TempDir {
    let folder = TempDir::with_prefix("bouncer-test-").expect("a temporary folder");
    std::fs::create_dir(folder.path().join("data")).expect("the data folder");
    folder
}

fn http_client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.build().expect("an HTTP client")
}

/// Starts the process and waits until it serves; returns it with its address.
async fn spawn(folder: &Path, options: &Options, client: &reqwest::Client) -> (Child, String) {
    let data = folder.join("data");
    let log = File::options().create(true).append(true).open(log_file(folder)).expect("the log file");
    let mut child = command(folder, options)
        .arg("serve")
        .arg("--data-dir")
        .arg(&data)
        .args(["--listen", "127.0.0.1:0"])
        .args(options.arguments)
        .envs(NO_ASK_LIMITS)
        .envs(options.environment.iter().copied())
        .envs(options.variables.iter().cloned())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log file, again"))
        .stderr(log)
        .spawn()
        .expect("bouncer starts");
    let pid = child.id();

    let url = wait_until("the server to say where it listens and that it is healthy", DEADLINE, async || {
        if let Some(status) = child.try_wait().expect("the server can be waited for") {
            let log = std::fs::read_to_string(log_file(folder)).unwrap_or_default();
            panic!("the server ended at once ({status}):\n{log}");
        }
        // After a crash the file of the process before is still there.
        let address: Address = read_json(&data.join("server.json")).filter(|address: &Address| address.pid == pid)?;
        let health = client.get(format!("{}/healthz", address.url)).send().await.ok()?;
        health.status().is_success().then_some(address.url)
    })
    .await;
    (child, url)
}

fn command(folder: &Path, options: &Options) -> Command {
    const PROGRAM: &str = env!("CARGO_BIN_EXE_bouncer");
    let Some(kib) = options.file_limit_kib else { return process::isolated(PROGRAM, folder) };
    // With its signal ignored, a write beyond the limit fails as one to a full disk does. sh counts in 512 bytes.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
    let mut command = process::isolated("sh", folder);
    command.args(["-c", &script, PROGRAM]);
    command
}

fn terminate(child: &Child) {
    // The shell's own `kill`, because not every machine has the program.
    let status = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &child.id().to_string()]).status();
    assert!(status.expect("sh runs").success(), "the server was no longer there to be stopped");
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

/// `None` while the file is not there or half written.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
