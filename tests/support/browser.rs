//! Debian's Chromium, driven by the scripts of `tests/web/browser/`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::groups::assert_may_use;
use super::node::node_tool;
use super::process;
use super::server::Server;

const DEADLINE: Duration = Duration::from_secs(90);

/// Runs a script to its end. It is told `world`, where the server is, and where pictures go.
///
/// # Panics
/// When it fails; what it printed, and which pages were open, is shown.
pub async fn run_browser(script: &str, server: &Server, mut world: Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = node_tool("playwright-core");
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("web").join(script.trim_end_matches(".mjs"));
    std::fs::create_dir_all(&shots).expect("a folder for pictures");
    world["api"] = json!(server.url());
    world["tools"] = json!(tools.parent().and_then(Path::parent).and_then(Path::parent).expect("the npm folder"));
    world["chromium"] = json!(chromium());
    world["shots"] = json!(shots);
    // Pictures differ from machine to machine, so those of the documents are made anew only on purpose.
    world["docs"] = json!(std::env::var_os("UPDATE_DOCS").map(|_| root.join("docs/images")));
    let mut command = process::isolated("node", server.scratch());
    command.arg(root.join("tests/web/browser").join(script)).env("WEB", world.to_string());
    let finished = process::run(command, Vec::new(), DEADLINE).await;
    assert_eq!(finished.code, Some(0), "{script}:\n{}\n{}", finished.stdout, finished.stderr);
}

/// The browser: `CHROMIUM`, or where distributions put it.
///
/// # Panics
/// When there is none: a test without its browser has not passed.
fn chromium() -> PathBuf {
    assert_may_use("Chromium", &["browser"]);
    let places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let chosen = std::env::var_os("CHROMIUM").map(PathBuf::from).into_iter();
    let mut found = chosen.chain(places.map(PathBuf::from)).filter(|place| place.exists());
    found.next().expect("Chromium is not installed: scripts/test --setup-only browser installs or names it")
}
