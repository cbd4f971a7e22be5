//! Callers that never finish what they say.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::authority;
use crate::support::{Role, Server};
use crate::tools::accepted;

/// More than the requests that are worked on at once, and than the files a process may open by default.
const CALLERS: usize = 1200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_keep_nobody_else_waiting() {
    let server = Server::start().await;
    let mut slow = Vec::new();
    for n in 0..CALLERS {
        let mut connection = TcpStream::connect(authority(&server)).await.expect("the server takes connections");
        let said = "POST /v1/tools/bouncer_help HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ";
        connection.write_all(&said.as_bytes()[..n % said.len()]).await.expect("it listens");
        slow.push(connection);
    }
    for _ in 0..20 {
        let help = server.tool(Role::Agent, "bouncer_help", json!({}));
        accepted(timeout(Duration::from_secs(10), help).await.expect("others are answered"));
    }
    drop(slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_keep_nobody_else_waiting() {
    let server = Server::start().await;
    let mut slow = Vec::new();
    for n in 0..600 {
        let mut connection = TcpStream::connect(authority(&server)).await.expect("the server takes connections");
        // Some are large, and take all places that large ones have.
        let length = if n % 10 == 0 { 3_000_000 } else { 100 };
        let head = format!(
            "POST /v1/tools/bouncer_help HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{{",
            server.key(Role::Agent)
        );
        connection.write_all(head.as_bytes()).await.expect("it listens");
        slow.push(connection);
    }
    for _ in 0..20 {
        let help = server.tool(Role::Agent, "bouncer_help", json!({}));
        accepted(timeout(Duration::from_secs(10), help).await.expect("others are answered"));
    }
    drop(slow);
}
