//! The official conformance suite, server side.

use std::path::Path;

use crate::support::{Forwarder, Role, Server, run_node_tool};

/// What a server with tools alone has to pass.
const APPLY: [&str; 7] = [
    "server-initialize",
    "ping",
    "completion-complete",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
];

#[tokio::test]
async fn the_scenarios_that_apply_pass() {
    let server = Server::start().await;
    let forwarder = Forwarder::start(&server, Role::Agent);
    let home = tempfile::TempDir::with_prefix("bouncer-test-").unwrap();
    let baseline = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm/conformance-baseline.yml");
    let url = format!("{}/mcp", forwarder.url());

    let arguments = ["server", "--url", &url, "--expected-failures", baseline.to_str().unwrap()];
    let run = run_node_tool("conformance", home.path(), &arguments, &[]).await;

    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    for scenario in APPLY {
        // "✓ ping: 1 passed, 0 failed": run, and with at least one check.
        let line = run.stdout.lines().find(|line| line.contains(&format!(" {scenario}: ")));
        let line = line.unwrap_or_else(|| panic!("{scenario} did not run:\n{}", run.stdout));
        assert!(line.contains("0 failed") && !line.contains(" 0 passed"), "{line}");
    }
}
