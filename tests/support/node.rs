//! The Node tools that `scripts/test` installs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::groups::assert_may_use;
use super::process::{self, Finished};
use super::server::{Role, Server};

const DEADLINE: Duration = Duration::from_secs(60);

/// The path of a program in the npm folder.
///
/// # Panics
/// When the set-up was not done: a test without its tools has not passed.
pub fn node_tool(name: &str) -> PathBuf {
    assert_may_use(name, &["browser", "clients", "emulator"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".testenv/npm/node_modules/.bin").join(name);
    assert!(path.exists(), "{name} is not installed ({}): run scripts/test --setup-only clients", path.display());
    path
}

/// Runs a program of the npm folder to its end, with `home` as its home and working folder.
pub async fn run_node_tool(name: &str, home: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    let mut command = process::isolated(node_tool(name), home);
    command.args(arguments).envs(environment.iter().copied()).env("NO_COLOR", "1");
    process::run(command, Vec::new(), DEADLINE).await
}

/// A loopback proxy that adds a key to every request, for clients that cannot.
pub struct Forwarder {
    child: Child,
    url: String,
}

impl Forwarder {
    /// Forwards to `server` with the key of `role`.
    pub fn start(server: &Server, role: Role) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm/forwarder.mjs");
        let mut child = process::isolated("node", server.scratch())
            .arg(script)
            .env("TARGET", server.url())
            .env("KEY", server.key(role))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("node starts: Node 20 or newer is needed");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut url).expect("the forwarder says where it listens");
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "the forwarder did not start");
        Self { child, url }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
