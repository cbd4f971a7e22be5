//! What a server needs beside the files that pass through it: little, however large or many they are.

use std::path::Path;

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{Role, Server, Site, text};

/// What a publish may take above an idle server.
const BOUND_KIB: u64 = 64 << 10;

/// The server's memory in KiB, now and at its highest; `None` where the system does not say.
fn memory(server: &Server) -> Option<(u64, u64)> {
    let file = std::fs::read(server.data_dir().join("server.json")).ok()?;
    let file: Value = serde_json::from_slice(&file).ok()?;
    let status = std::fs::read_to_string(Path::new("/proc").join(file["pid"].to_string()).join("status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// Uploads and publishes a site; how far above idle the server's memory was at its highest.
async fn highest(site: &Site) -> Option<u64> {
    let server = Server::start().await;
    server.add_project("shop").await;
    let (idle, _) = memory(&server)?;
    let declared = site.declared();
    let (status, ready) = server
        .tool(Role::Agent, "bouncer_request_frontend_presigned", json!({ "project": "shop", "files": declared }))
        .await;
    assert_eq!(status, 200, "{ready:#}");
    upload(&ready, site).await;
    let confirm = json!({
        "request_id": ready["request_id"], "project": "shop", "files": declared, "reason": "a test", "source": "tests",
    });
    let (status, pending) = server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", confirm).await;
    assert_eq!(status, 200, "{pending:#}");
    let id = text(&pending["request_id"]);
    let (status, body) = server.decide(Role::Approver, id, "approve").await;
    assert_eq!(status, 200, "{body:#}");
    let ended = server.ended(id).await;
    assert_eq!(ended["result"]["deployed_count"], site.files().len(), "{ended:#}");
    let (_, highest) = memory(&server)?;
    println!("{} files, {} bytes: {} KiB above idle", site.files().len(), site.total_size(), highest - idle);
    Some(highest - idle)
}

/// Puts every file that was asked for, many at once over kept connections.
async fn upload(ready: &Value, site: &Site) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = async |issued: &Value| {
        let headers = issued["headers"].as_object().unwrap().iter();
        let request = client.put(text(&issued["presigned_url"]));
        let request = headers.fold(request, |request, (name, value)| request.header(name, text(value)));
        let bytes = site.file(text(&issued["filename"])).bytes.clone();
        assert_eq!(request.body(bytes).send().await.unwrap().status(), 200);
    };
    let files = ready["files"].as_array().unwrap();
    futures::stream::iter(files).for_each_concurrent(16, put).await;
}

#[tokio::test]
async fn one_file_larger_than_the_bound() {
    let mut site = Site::new(9, 0, 0);
    site.put("assets/film.bin.svg", vec![7; 80 << 20]);
    let Some(highest) = highest(&site).await else { return };
    assert!(highest < BOUND_KIB, "{highest} KiB above idle");
}

#[tokio::test]
async fn many_small_files() {
    let Some(highest) = highest(&Site::new(10, 50, 449)).await else { return };
    assert!(highest < BOUND_KIB, "{highest} KiB above idle");
}
