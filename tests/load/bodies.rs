//! Large bodies, and bodies that end too soon.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{authority, peak_memory};
use crate::support::{Role, Server, Site, answer};
use crate::tools::{accepted, frontend_request};

const MEGABYTE: usize = 1 << 20;

/// Sends a chunked body of up to 100 MB to a tool; the HTTP status, which comes before the end.
async fn endless(server: &Server, path: &str) -> u16 {
    let connection = TcpStream::connect(authority(server)).await.expect("the server takes connections");
    let (mut reader, mut writer) = connection.into_split();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        authority(server),
        server.key(Role::Agent)
    );
    writer.write_all(head.as_bytes()).await.unwrap();
    let chunk = [format!("{:x}\r\n", MEGABYTE).as_bytes(), &vec![b'x'; MEGABYTE], b"\r\n"].concat();
    let send = async {
        for _ in 0..100 {
            // The server may close while we send; its answer counts.
            if writer.write_all(&chunk).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await
    };
    let mut start = [0; 12];
    tokio::select! {
        () = send => unreachable!("sending never ends the wait"),
        read = timeout(Duration::from_secs(60), reader.read_exact(&mut start)) => {
            read.expect("an answer comes in time").expect("an answer comes");
        }
    }
    let status = std::str::from_utf8(&start).unwrap().strip_prefix("HTTP/1.1 ");
    status.and_then(|status| status.parse().ok()).expect("an HTTP status")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_hundred_megabytes_at_once_do_not_fill_the_memory() {
    let server = Server::start().await;
    let tool = "/v1/tools/bouncer_deploy_frontend";
    let floods = join_all((0..12).map(|n| endless(&server, if n % 3 == 0 { "/mcp" } else { tool })));
    // Small calls do not wait behind the large ones.
    let others = join_all((0..20).map(|_| async {
        let help = server.tool(Role::Agent, "bouncer_help", json!({}));
        accepted(timeout(Duration::from_secs(20), help).await.expect("a small call is answered meanwhile"));
    }));
    let (statuses, _) = tokio::join!(floods, others);
    assert_eq!(statuses, [413; 12]);
    let peak = peak_memory(&server);
    assert!(peak < 600, "the server took {peak} MB");
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_comes() {
    let server = Server::start().await;
    let decision = "/v1/requests/req-0123456789abcdef/decision";
    for (path, length) in [("/v1/tools/bouncer_help", 73 * MEGABYTE), ("/mcp", 73 * MEGABYTE), (decision, MEGABYTE)] {
        let mut connection = TcpStream::connect(authority(&server)).await.expect("a connection");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {length}\r\n\r\n",
            authority(&server),
            server.key(Role::Approver)
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        let read = timeout(Duration::from_secs(10), connection.read_exact(&mut start)).await;
        read.expect("an answer comes although no body does").expect("an answer comes");
        assert_eq!(std::str::from_utf8(&start).unwrap(), "HTTP/1.1 413", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_break_off_leave_no_trace() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let body = frontend_request("shop", &Site::new(61, 2, 8)).to_string();
    let (tool, mcp) = ("/v1/tools/bouncer_deploy_frontend", "/mcp");
    join_all((0..40).map(|n| {
        let (server, body) = (&server, &body);
        async move {
            let mut connection = TcpStream::connect(authority(server)).await.expect("a connection");
            let head = format!(
                "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
                 accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
                if n % 4 == 0 { mcp } else { tool },
                authority(server),
                server.key(Role::Agent),
                // Some announce a large one, which takes a place among the few.
                body.len() + if n % 2 == 0 { 5 * MEGABYTE } else { 1 },
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(&body.as_bytes()[..body.len() * n / 40]).await.unwrap();
        }
    }))
    .await;

    // The whole body is taken, so no broken one keeps a place.
    let padded = format!("{}{}", body, " ".repeat(2 * MEGABYTE));
    let whole = (0..6).map(|_| {
        let request = server.request(Method::POST, tool).bearer_auth(server.key(Role::Agent));
        answer(request.header("content-type", "application/json").body(padded.clone()))
    });
    let answers = timeout(Duration::from_secs(30), join_all(whole)).await.expect("answered in time");
    for answer in answers {
        assert_eq!(accepted(answer)["status"], "pending_approval");
    }
    let pending: Value = accepted(server.tool(Role::Agent, "bouncer_list_pending", json!({})).await);
    assert_eq!(pending["count"], 6, "a broken body was taken for a whole one: {pending:#}");
}
