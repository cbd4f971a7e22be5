//! `mcporter`, an MCP client nobody here wrote, over both transports.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::node::run_node_tool;
use super::server::{Role, Server};

/// How the client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP at `/mcp`.
    Http,
    /// The process `bouncer mcp`.
    Stdio,
}

/// An mcporter configured for one server and one key.
pub struct Mcporter<'a> {
    server: &'a Server,
    config: PathBuf,
    key: String,
}

impl Transport {
    fn entry(self) -> &'static str {
        match self {
            Self::Http => "bouncer",
            Self::Stdio => "bouncer-stdio",
        }
    }
}

impl<'a> Mcporter<'a> {
    pub fn new(server: &'a Server, role: Role) -> Self {
        Self::with_key(server, server.key(role))
    }

    pub fn with_key(server: &'a Server, key: &str) -> Self {
        let url = server.url();
        let entries = json!({
            // Keeps it from reading the configurations of editors.
            "imports": [],
            "mcpServers": {
                Transport::Http.entry(): {
                    "baseUrl": format!("{url}/mcp"),
                    "headers": { "Authorization": "Bearer ${BOUNCER_KEY}" },
                },
                Transport::Stdio.entry(): {
                    "command": env!("CARGO_BIN_EXE_bouncer"),
                    "args": ["mcp"],
                    "env": { "BOUNCER_URL": url, "BOUNCER_KEY": "${BOUNCER_KEY}" },
                },
            },
        });
        let config = server.scratch().join("mcporter.json");
        std::fs::write(&config, entries.to_string()).expect("the configuration can be written");
        Self { server, config, key: key.to_owned() }
    }

    /// Calls a tool: the exit code (0 says it succeeded) and the object it answered, or mcporter's own error object.
    pub async fn call(&self, transport: Transport, tool: &str, arguments: &Value) -> (i32, Value) {
        let selector = format!("{}.{tool}", transport.entry());
        self.run(&["call", &selector, "--args", &arguments.to_string(), "--output", "json", "--no-oauth"]).await
    }

    /// The tools the server offers, as mcporter lists them: `{"status":"ok","tools":[…],…}`.
    pub async fn list(&self, transport: Transport) -> (i32, Value) {
        self.run(&["list", transport.entry(), "--json"]).await
    }

    async fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let config = self.config.to_str().expect("a temporary path is UTF-8");
        let arguments = [&["--config", config], arguments].concat();
        let environment = [("BOUNCER_KEY", self.key.as_str())];
        let finished = run_node_tool("mcporter", self.server.scratch(), &arguments, &environment).await;
        let answer = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("no JSON: {finished:#?}"));
        (finished.code.unwrap_or_else(|| panic!("ended by a signal: {finished:#?}")), answer)
    }
}
