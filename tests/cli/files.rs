//! Files that do not keep still, or are none.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{Cli, Role, Server, Site};

/// What happens to a file between hashing and upload.
#[derive(Clone, Copy, Debug)]
enum Change {
    Grows,
    Shrinks,
    /// Other bytes, while size and time of change stay: only the storage can tell.
    Flips,
    Goes,
}

#[tokio::test]
async fn a_file_that_changes_before_its_upload_ends_the_deploy() {
    for change in [Change::Grows, Change::Shrinks, Change::Flips, Change::Goes] {
        let server = Server::start().await;
        server.add_project("shop").await;
        let mut site = Site::new(511, 1, 2);
        site.put("assets/late.js", vec![b'x'; 300_000]);
        let meddler = Meddler::start(&server, site.dir().join("assets/late.js"), change).await;

        let dir = site.dir().to_str().unwrap();
        let deploy = ["frontend", "deploy", dir, "--project", "shop", "--reason", "a test"];
        let deployed = Cli::on(&server, &deploy).env("BOUNCER_URL", &meddler.url).run().await;

        assert_eq!(deployed.code, Some(1), "{change:?}: {}", deployed.stderr);
        assert!(deployed.stderr.contains("error: 'assets/late.js' "), "{change:?}: {}", deployed.stderr);
        if !matches!(change, Change::Goes) {
            assert!(deployed.stderr.contains("changed while it was uploaded"), "{change:?}: {}", deployed.stderr);
        }
        let (_, pending) = server.tool(Role::Approver, "bouncer_list_pending", json!({})).await;
        assert_eq!(pending["count"], 0, "{change:?}: nobody is asked about bytes that nobody has seen: {pending:#}");
    }
}

#[tokio::test]
async fn a_pipe_among_the_files_is_named_and_not_waited_for() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(512, 1, 1);
    let made = Command::new("mkfifo").arg(site.dir().join("assets/pipe.js")).status().unwrap();
    assert!(made.success());

    let dir = site.dir().to_str().unwrap();
    let deploy = ["frontend", "deploy", dir, "--project", "shop", "--reason", "a test"];
    let refused = Cli::on(&server, &deploy).run().await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("'assets/pipe.js' is neither a file nor a folder"), "{}", refused.stderr);

    std::fs::write(site.dir().join(".bouncerignore"), "*/pipe.js\n").unwrap();
    let left_out = Cli::on(&server, &deploy).run().await;
    assert_eq!(left_out.code, Some(0), "{}", left_out.stderr);
}

/// Stands before the server, and changes a file once upload addresses are asked for. Dropping it closes it.
struct Meddler {
    url: String,
    serving: JoinHandle<()>,
}

struct Plan {
    upstream: String,
    file: PathBuf,
    change: Change,
    client: reqwest::Client,
}

impl Meddler {
    async fn start(server: &Server, file: PathBuf, change: Change) -> Self {
        let plan = Plan { upstream: server.url().to_owned(), file, change, client: server.client().clone() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(Arc::new(plan));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, serving }
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(
    State(plan): State<Arc<Plan>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Bytes) {
    if uri.path().ends_with("/bouncer_request_frontend_presigned") {
        meddle(&plan.file, plan.change);
    }
    let request = plan.client.request(method, format!("{}{uri}", plan.upstream)).headers(headers).body(body);
    let response = request.send().await.unwrap();
    (response.status(), response.bytes().await.unwrap())
}

fn meddle(file: &PathBuf, change: Change) {
    let mut bytes = std::fs::read(file).unwrap();
    match change {
        Change::Grows => bytes.push(b'y'),
        Change::Shrinks => bytes.truncate(100),
        Change::Flips => bytes[150_000] ^= 1,
        Change::Goes => return std::fs::remove_file(file).unwrap(),
    }
    let modified = std::fs::metadata(file).unwrap().modified().unwrap();
    std::fs::write(file, bytes).unwrap();
    std::fs::File::options().append(true).open(file).unwrap().set_modified(modified).unwrap();
}
