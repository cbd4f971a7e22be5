//! The command line against a real server: each way a deploy can end, and its exit code.

use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{Cli, Options, Role, Server, Site, text, wait_until};

fn deploy<'a>(site: &'a Site, more: &[&'a str]) -> Vec<&'a str> {
    let dir = site.dir().to_str().expect("a UTF-8 folder");
    [&["--json", "frontend", "deploy", dir, "--project", "shop", "--reason", "a test"], more].concat()
}

/// The one request that waits.
async fn waiting(server: &Server) -> String {
    wait_until("a request to wait for its decision", Duration::from_secs(30), async || {
        let (_, pending) = server.tool(Role::Approver, "bouncer_list_pending", json!({})).await;
        pending["requests"].get(0).map(|request| text(&request["request_id"]).to_owned())
    })
    .await
}

fn answer(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error} in {stdout}"))
}

/// Deploys with `--wait` while somebody else decides.
async fn decided(server: &Server, site: &Site, verdict: &str) -> (i32, Value) {
    let deploying = Cli::on(server, &deploy(site, &["--wait"])).run();
    let deciding = async {
        let id = waiting(server).await;
        Cli::on(server, &["--json", "request", verdict, &id]).run().await
    };
    let (deployed, decided) = tokio::join!(deploying, deciding);
    assert_eq!(decided.code, Some(0), "{}", decided.stderr);
    (deployed.code.expect("it ended by itself"), answer(&deployed.stdout))
}

#[tokio::test]
async fn a_deploy_ends_as_it_was_decided() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(501, 3, 5);

    let preview = Cli::on(&server, &deploy(&site, &["--dry-run"])).run().await;
    assert_eq!(preview.code, Some(0), "{}", preview.stderr);
    assert_eq!(answer(&preview.stdout)["changes"]["added"], 9, "{}", preview.stdout);

    let (code, denied) = decided(&server, &site, "deny").await;
    assert_eq!(code, 3, "{denied:#}");
    assert_eq!(server.visit("shop", "index.html").await.status(), 404);

    let (code, deployed) = decided(&server, &site, "approve").await;
    assert_eq!(code, 0, "{deployed:#}");
    for file in site.files() {
        let served = server.visit("shop", &file.path).await.bytes().await.unwrap();
        assert!(served == file.bytes, "{} has other bytes", file.path);
    }

    let late = Cli::on(&server, &["request", "approve", text(&deployed["request_id"])]).run().await;
    assert_eq!(late.code, Some(6), "{}", late.stderr);
    assert!(late.stderr.contains("already handled"), "{}", late.stderr);

    let history = Cli::on(&server, &["--json", "deploy", "history", "shop"]).run().await;
    assert_eq!(history.code, Some(0), "{}", history.stderr);
    assert_eq!(answer(&history.stdout)["deploys"].as_array().map(Vec::len), Some(1), "{}", history.stdout);

    let asked = Cli::on(&server, &["--json", "request", "history", "--project", "shop"]).run().await;
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    let statuses: Vec<Value> =
        answer(&asked.stdout)["requests"].as_array().unwrap().iter().map(|request| request["status"].clone()).collect();
    assert_eq!(statuses, ["completed", "denied"], "{}", asked.stdout);
    let stats = Cli::on(&server, &["--json", "stats", "--project", "shop"]).run().await;
    assert_eq!(stats.code, Some(0), "{}", stats.stderr);
    assert_eq!(answer(&stats.stdout)["by_status"], json!({ "completed": 1, "denied": 1 }), "{}", stats.stdout);
    let bad = Cli::on(&server, &["stats", "--since", "7 weeks"]).run().await;
    assert_eq!(bad.code, Some(2), "{}", bad.stderr);
    assert!(bad.stderr.contains("days or hours such as 7d or 12h"), "{}", bad.stderr);
}

#[tokio::test]
async fn a_deploy_that_is_partly_live_says_so() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut site = Site::new(503, 2, 3);
    let (code, deployed) = decided(&server, &site, "approve").await;
    assert_eq!(code, 0, "{deployed:#}");

    // The entry page comes last, and by then its staged content is gone.
    site.put("pages/page-0001.html", "<!doctype html><title>new</title>");
    site.put("index.html", "<!doctype html><title>new entry</title>");
    let deploying = Cli::on(&server, &deploy(&site, &["--wait"])).run();
    let deciding = async {
        let id = waiting(&server).await;
        let hash = site.file("index.html").sha256();
        let staging = format!("blobs/shop/{}/{hash}", &hash[..2]);
        server.storage().delete("bouncer-uploads-000000000000", &staging).await;
        Cli::on(&server, &["request", "approve", &id]).run().await
    };
    let (deployed, approved) = tokio::join!(deploying, deciding);
    assert_eq!(approved.code, Some(0), "{}", approved.stderr);
    assert_eq!(deployed.code, Some(5), "{} {}", deployed.stdout, deployed.stderr);
    let ended = answer(&deployed.stdout);
    assert_eq!(ended["result"]["deploy_status"], "partial_deploy", "{ended:#}");
    assert_eq!(ended["result"]["failed_files"][0]["filename"], "index.html", "{ended:#}");

    let again = Cli::on(&server, &["--json", "deploy", "status", text(&ended["request_id"]), "--watch"]).run().await;
    assert_eq!(again.code, Some(5), "{} {}", again.stdout, again.stderr);
    let shown = Cli::on(&server, &["deploy", "status", text(&ended["request_id"])]).run().await;
    assert!(shown.stdout.contains("index.html"), "{}", shown.stdout);
}

#[tokio::test]
async fn a_deploy_that_nobody_decides_gives_up() {
    let options = Options { arguments: &["--approval-window", "1"], ..Options::default() };
    let server = Server::start_with(options).await;
    server.add_project("shop").await;
    let site = Site::new(502, 1, 1);

    let expired = Cli::on(&server, &deploy(&site, &["--wait"])).run().await;
    assert_eq!(expired.code, Some(4), "{} {}", expired.stdout, expired.stderr);
    assert_eq!(server.visit("shop", "index.html").await.status(), 404);
}

#[tokio::test]
async fn a_second_server_on_the_folder_is_refused() {
    let server = Server::start().await;
    let second = Cli::on(&server, &["serve", "--listen", "127.0.0.1:0"]).run().await;
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("is used by another bouncer server"), "{}", second.stderr);
}

#[tokio::test]
async fn the_demo_shows_both_rounds_and_ends() {
    let home = tempfile::tempdir().unwrap();
    let unasked = Cli::new(home.path(), &["demo"]).run().await;
    assert_eq!(unasked.code, Some(2), "{}", unasked.stderr);

    let demo = Cli::new(home.path(), &["demo", "--yes"]).run().await;
    assert_eq!(demo.code, Some(0), "{}", demo.stderr);
    let shown = format!("{}{}", demo.stdout, demo.stderr);
    for expected in ["cache-control: no-cache, no-store, must-revalidate", "immutable", "2 of 9 files written"] {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
}

#[tokio::test]
async fn doctor_finds_a_running_server_in_order() {
    let server = Server::start().await;
    let doctor = Cli::on(&server, &["doctor"]).run().await;
    assert_eq!(doctor.code, Some(0), "{} {}", doctor.stdout, doctor.stderr);
}
