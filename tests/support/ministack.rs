//! ministack, an emulator of AWS that nobody here wrote, as a process of its own.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::boto::Boto;
use super::process;
use super::python::python_tool;
use super::wait::{DEADLINE, wait_until};

/// A running emulator. Dropping it kills it and the functions it runs.
pub struct Ministack {
    child: Child,
    endpoint: String,
    folder: TempDir,
}

impl Ministack {
    /// Starts an empty one with more environment than it needs, and waits until it answers.
    pub async fn start(environment: &[(&str, &str)]) -> Self {
        let folder = TempDir::with_prefix("bouncer-test-ministack-").expect("a temporary folder");
        // Free now; should somebody else take it in between, the program ends and the test says so.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let endpoint = format!("http://127.0.0.1:{port}");
        let log = File::create(folder.path().join("log")).expect("the log file");
        let child = process::isolated(python_tool("emulator", "ministack"), folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            // Where its functions find AWS. On AWS they need no such setting.
            .env("AWS_ENDPOINT_URL", &endpoint)
            // Side listeners that BIND_HOST does not cover.
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log file, again"))
            .stderr(log)
            .spawn()
            .expect("ministack starts");
        let mut ministack = Self { child, endpoint, folder };
        wait_until("ministack to answer", DEADLINE, async || {
            let ended = ministack.child.try_wait().expect("ministack can be waited for");
            assert!(ended.is_none(), "ministack ended at once:\n{}", ministack.log());
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
        ministack
    }

    /// `http://127.0.0.1:PORT`, for every service.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A temporary folder of this test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// boto3, speaking to it as the account's owner.
    pub fn boto(&self) -> Boto {
        Boto::start(&self.endpoint, self.folder())
    }

    /// The processes in which a Lambda function runs now.
    pub fn processes_of(&self, function: &str) -> Vec<u32> {
        let named = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
        let runs_it = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == named.as_bytes())
        };
        children_of(self.child.id()).into_iter().filter(runs_it).collect()
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let functions = children_of(self.child.id());
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        functions.into_iter().for_each(kill);
        if std::thread::panicking() {
            let log = self.log();
            let skipped = log.lines().count().saturating_sub(60);
            eprintln!("--- ministack's log ---");
            log.lines().skip(skipped).for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Ends a process as a power cut would.
pub fn kill(pid: u32) {
    // The shell's own `kill`, because not every machine has the program. It may have ended by itself.
    drop(Command::new("sh").args(["-c", "kill -KILL \"$0\" 2>/dev/null", &pid.to_string()]).status());
}

/// As Linux tells it; elsewhere nothing is known, and a function ends when it finds its runtime gone.
fn children_of(parent: u32) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let is_child = |pid: &u32| {
        // `pid (name) state ppid …`, where the name may hold anything.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}
