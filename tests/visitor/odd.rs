//! Content that tools stumble over: odd names, edits that hide, files that become folders, very many files. Published by
//! the command line and read back over HTTP and from storage, bytes and headers.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::crawler::path_of;
use crate::support::{Cli, Role, Server, Storage, Stored, text};
use crate::tools::{accepted, approve, put};

const BUCKET: &str = "shop-site";
const PAGE_RULE: &str = "no-cache, no-store, must-revalidate";

/// A folder to publish, and what visitors are to get of it.
struct Folder {
    dir: TempDir,
    files: BTreeMap<String, Stored>,
}

impl Folder {
    fn new() -> Self {
        let mut folder = Self { dir: TempDir::with_prefix("bouncer-test-odd-").unwrap(), files: BTreeMap::new() };
        folder.write("index.html", "<!doctype html>", "text/html; charset=utf-8", PAGE_RULE);
        folder
    }

    fn write(&mut self, path: &str, content: &str, content_type: &str, cache_control: &str) {
        let at = self.dir.path().join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, content).unwrap();
        let (content_type, cache_control) = (content_type.to_owned(), cache_control.to_owned());
        self.files.insert(path.to_owned(), Stored { bytes: content.into(), content_type, cache_control });
    }

    fn text(&mut self, path: &str, content: &str) {
        self.write(path, content, "text/plain; charset=utf-8", "no-cache");
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.dir.path().join(path)
    }

    /// Publishes it by the command line; the ended request.
    async fn deploy(&self, server: &Server) -> Value {
        let dir = self.dir.path().to_str().unwrap();
        let arguments = ["--json", "frontend", "deploy", dir, "--project", "shop", "--reason", "a test"];
        let asked = Cli::on(server, &arguments).run().await;
        assert_eq!(asked.code, Some(0), "{}", asked.stderr);
        let asked: Value = serde_json::from_str(&asked.stdout).unwrap();
        let ended = approve(server, &asked["request_id"]).await;
        assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
        ended
    }

    async fn assert_arrived(&self, server: &Server) {
        self.assert_those_arrived(server, self.files.keys()).await;
    }

    async fn assert_those_arrived(&self, server: &Server, paths: impl Iterator<Item = &String>) {
        let storage = server.storage();
        let checks = paths.map(|path| self.assert_one_arrived(server, &storage, path));
        stream::iter(checks).buffer_unordered(8).for_each(|()| std::future::ready(())).await;
    }

    async fn assert_one_arrived(&self, server: &Server, storage: &Storage, path: &str) {
        let file = &self.files[path];
        assert_eq!(storage.get(BUCKET, path).await.as_ref(), Some(file), "{path:?} in storage");
        let response = server.visit("shop", path_of(path).trim_start_matches('/')).await;
        assert_eq!(response.status(), 200, "{path:?}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let (content_type, cache_control) = (header("content-type"), header("cache-control"));
        let served = Stored { content_type, cache_control, bytes: response.bytes().await.unwrap().into() };
        assert_eq!(&served, file, "{path:?} as served");
    }
}

async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

/// A name of so many bytes, in parts that file systems take.
fn long_name(length: usize) -> String {
    let parts = "d".repeat(199) + "/";
    let folders = parts.repeat((length - 5) / 200);
    let name = "f".repeat(length - folders.len() - 4);
    format!("{folders}{name}.txt")
}

#[tokio::test]
async fn odd_names_arrive_as_they_are() {
    let server = shop().await;
    let mut folder = Folder::new();
    let long = long_name(1024);
    assert_eq!(long.len(), 1024);
    let names = [
        "with spaces in it.txt",
        " begins with one.txt",
        "\u{fc}ber.txt",
        "cafe\u{301}.txt",
        "100%.txt",
        "a%20b.txt",
        "a b.txt",
        "%41.txt",
        "a+b.txt",
        "a&b=c.txt",
        "what?.txt",
        "a#b.txt",
        "quote'\"s.txt",
        "<tag>.txt",
        "semi;colon:.txt",
        "star*[x]{y}!.txt",
        "~tilde.txt",
        "CASE.txt",
        "case.txt",
        "Case/CASE.txt",
        "\u{4e2d}\u{6587}/\u{9875}\u{9762}.txt",
        "\u{1f389}.txt",
        ".hidden/.file.txt",
        "a..b.txt",
        "folder.txt/file.txt",
        "$HOME`x`|.txt",
        "empty.txt",
        long.as_str(),
    ];
    for name in names {
        folder.text(name, if name == "empty.txt" { "" } else { name });
    }

    let ended = folder.deploy(&server).await;
    assert_eq!(ended["result"]["deployed_count"], folder.files.len(), "{ended:#}");
    folder.assert_arrived(&server).await;
    let stored = server.storage().list(BUCKET, "").await;
    assert_eq!(stored.iter().map(|(key, _)| key).collect::<Vec<_>>(), folder.files.keys().collect::<Vec<_>>());
    // The same again: nothing about the names makes a file look changed.
    assert_eq!(folder.deploy(&server).await["result"]["deployed_count"], 0);
}

/// An upload without a declared hash goes by its name, and the name is as long as a key may be.
#[tokio::test]
async fn the_longest_name_can_be_uploaded_without_a_hash() {
    let server = shop().await;
    let long = long_name(1024);
    let files = json!([{ "filename": "index.html" }, { "filename": long }]);
    let arguments = json!({ "project": "shop", "files": files });
    let ready = accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", arguments).await);
    for issued in ready["files"].as_array().unwrap() {
        assert!(text(&issued["s3_key"]).len() <= 1024, "{issued:#}");
        assert_eq!(put(issued, b"as uploaded".to_vec()).await, 200, "{issued:#}");
    }
    let confirm = json!({
        "request_id": ready["request_id"], "project": "shop", "files": files, "reason": "a test", "source": "tests",
    });
    let pending = accepted(server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", confirm).await);
    let ended = approve(&server, &pending["request_id"]).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_eq!(server.visit("shop", &long).await.bytes().await.unwrap(), "as uploaded");
}

/// Sets a file's time to a year ago, as copies and archives do.
fn age(path: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(365 * 86_400);
    File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

#[tokio::test]
async fn edits_that_hide_are_seen() {
    let server = shop().await;
    let mut folder = Folder::new();
    folder.text("a.txt", "one");
    folder.text("b.txt", "two");
    age(&folder.at("a.txt"));
    folder.deploy(&server).await;

    // As long as before, and older than what is there.
    folder.text("a.txt", "ONE");
    age(&folder.at("a.txt"));
    assert_eq!(folder.deploy(&server).await["result"]["deployed_count"], 1);
    folder.assert_arrived(&server).await;

    // Other headers alone.
    let rules = json!([{ "pattern": "b.*", "cache_control": "max-age=60" }]);
    let change = json!({ "project": "shop", "bucket": BUCKET, "cache_rules": rules });
    accepted(server.tool(Role::Admin, "bouncer_project_add", change).await);
    folder.files.get_mut("b.txt").unwrap().cache_control = "max-age=60".to_owned();
    assert_eq!(folder.deploy(&server).await["result"]["deployed_count"], 1);
    folder.assert_arrived(&server).await;

    // Times alone are no edit.
    for path in folder.files.keys() {
        age(&folder.at(path));
    }
    assert_eq!(folder.deploy(&server).await["result"]["deployed_count"], 0);
}

#[tokio::test]
async fn a_file_becomes_a_folder_and_a_file_again() {
    let server = shop().await;
    let as_file = {
        let mut folder = Folder::new();
        folder.write("docs", "a file", "application/octet-stream", "no-cache");
        folder.write("guide.html", "<p>a page", "text/html; charset=utf-8", PAGE_RULE);
        folder
    };
    let as_folder = {
        let mut folder = Folder::new();
        folder.text("docs/a.txt", "in a folder");
        folder.write("docs/index.html", "<p>an index", "text/html; charset=utf-8", PAGE_RULE);
        folder.text("guide.html/b.txt", "in a folder that looks like a page");
        folder
    };
    for folder in [&as_file, &as_folder, &as_file, &as_folder] {
        folder.deploy(&server).await;
        folder.assert_arrived(&server).await;
    }
    let index = server.visit("shop", "docs/").await;
    assert_eq!(index.bytes().await.unwrap(), "<p>an index");
}

/// `VISITOR_FILES` sets how many (1000).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_may_hold_very_many_files() {
    let many = std::env::var("VISITOR_FILES").map_or(1000, |text| text.parse().expect("VISITOR_FILES is a number"));
    let server = shop().await;
    let mut folder = Folder::new();
    for n in 0..many {
        // Few contents, so that the test is of names and not of bytes.
        folder.text(&format!("many/{n:05} file.txt"), &format!("content {}", n % 50));
    }
    let ended = folder.deploy(&server).await;
    assert_eq!(ended["result"]["deployed_count"], many + 1, "{ended:#}");
    let stored = server.storage().list(BUCKET, "many/").await;
    assert_eq!(stored.len(), many);
    folder.assert_those_arrived(&server, folder.files.keys().step_by(37)).await;

    folder.text("many/00500 file.txt", "another");
    assert_eq!(folder.deploy(&server).await["result"]["deployed_count"], 1);
    folder.assert_those_arrived(&server, folder.files.keys().skip(495).take(10)).await;
}
