//! The edge: keys, hosts, origins, sizes, broken bodies.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{accepted, ask_frontend, assert_nothing_pending, frontend_request};
use crate::support::{Role, Server, Site, answer, text};

#[tokio::test]
async fn without_a_known_key_nothing_is_answered() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let agent = server.key(Role::Agent);
    let near = format!("{}x", &agent[..agent.len() - 1]);
    let credentials = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer bncr_unknown".to_owned()),
        Some(format!("Bearer {near}")),
        Some(format!("Bearer {agent}x")),
        Some(format!("Bearer {}", agent.to_uppercase())),
        Some(format!("Basic {agent}")),
        Some(agent.to_owned()),
    ];
    let mcp = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    for (path, body) in [
        ("/v1/tools/bouncer_deploy_frontend", frontend_request("shop", &Site::new(1, 0, 0))),
        ("/v1/tools/bouncer_help", json!({})),
        ("/v1/requests/no-such-request/decision", json!({ "decision": "approve" })),
        ("/mcp", mcp),
    ] {
        for credential in &credentials {
            let request = post(&server, path).json(&body);
            let request = match credential {
                Some(credential) => request.header("authorization", credential),
                None => request,
            };
            let (status, body) = answer(request).await;
            assert_eq!(status, 401, "{path} with {credential:?}: {body:#}");
        }
    }
    assert_nothing_pending(&server).await;
    assert_eq!(server.request(Method::GET, "/healthz").send().await.unwrap().status(), 200, "health needs no key");
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let server = Server::start().await;
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    for path in ["/v1/tools/bouncer_help", "/mcp"] {
        for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"]
        {
            let status = help(&server, path).header("host", host).send().await.unwrap().status();
            assert_eq!(status, 403, "{path} as {host}");
        }
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
            let status = help(&server, path).header("host", &host).send().await.unwrap().status();
            assert_eq!(status, 200, "{path} as {host}");
        }
    }
    let site = server.request(Method::GET, "/sites/shop/").header("host", "evil.example").send().await.unwrap();
    assert_eq!(site.status(), 403);
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    let server = Server::start().await;
    for path in ["/v1/tools/bouncer_help", "/mcp"] {
        for origin in ["http://evil.example", "https://127.0.0.1.evil.example", "null", "file://", "http://10.0.0.1"] {
            let status = help(&server, path).header("origin", origin).send().await.unwrap().status();
            assert_eq!(status, 403, "{path} from {origin}");
        }
        let own = server.url();
        assert_eq!(help(&server, path).header("origin", own).send().await.unwrap().status(), 200, "{path} from {own}");
    }
}

#[tokio::test]
async fn a_hundred_megabytes_are_too_much() {
    let server = Server::start().await;
    let key = server.key(Role::Agent);
    let size = 100 * 1024 * 1024;
    for path in ["/v1/tools/bouncer_deploy_frontend", "/mcp"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n",
            authority(&server)
        );
        let announced = format!("{head}content-length: {size}\r\n\r\n");
        assert_eq!(status_while_sending(&server, &announced, &[b'x'; 65536], size / 65536).await, 413, "{path}");

        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat();
        let unannounced = format!("{head}transfer-encoding: chunked\r\n\r\n");
        assert_eq!(status_while_sending(&server, &unannounced, &chunk, size / 65536).await, 413, "{path}, chunked");
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let body = frontend_request("shop", &Site::new(61, 1, 1)).to_string();
    let mut connection = connect(&server).await;
    let head = format!(
        "POST /v1/tools/bouncer_deploy_frontend HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        authority(&server),
        server.key(Role::Agent),
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&body.as_bytes()[..body.len() / 2]).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut said = Vec::new();
    connection.read_to_end(&mut said).await.unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");

    assert_nothing_pending(&server).await;
    ask_frontend(&server, "shop", &Site::new(61, 1, 1)).await;
}

#[tokio::test]
async fn other_methods_and_paths_are_not_there() {
    let server = Server::start().await;
    let key = server.key(Role::Admin);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = server.request(method.clone(), "/v1/tools/bouncer_help").bearer_auth(key).send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
    }
    for path in ["/v1/nope", "/v2/tools/bouncer_help", "/sites", "/records.db", "/credentials.json"] {
        let response = server.request(Method::GET, path).bearer_auth(key).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_visitor_cannot_climb_out_of_a_site() {
    let server = Server::start().await;
    server.add_project("shop").await;
    for path in [
        "/sites/shop/../../credentials.json",
        "/sites/shop/%2e%2e/%2e%2e/credentials.json",
        "/sites/shop/..%2f..%2fcredentials.json",
        "/sites/shop/..%5c..%5ccredentials.json",
        "/sites/shop//etc/passwd",
        "/sites/../credentials.json",
        "/sites/%2e%2e/credentials.json",
        "/sites/shop/%00",
    ] {
        // By hand: an HTTP client would tidy the path first.
        let mut connection = connect(&server).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", authority(&server));
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        connection.read_to_end(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with("HTTP/1.1 4"), "{path}: {said}");
        assert!(!said.contains("bncr_"), "{path} gives away the keys");
    }
}

#[tokio::test]
async fn keys_and_urls_stay_out_of_the_log() {
    let mut server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(62, 0, 1);
    let declared = json!({ "project": "shop", "files": site.declared() });
    let ready = accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", declared).await);
    super::upload_all(&ready, &site).await;
    server.stop();

    let log = server.stderr();
    for role in [Role::Admin, Role::Approver, Role::Agent] {
        assert!(!log.contains(server.key(role)), "{role:?}'s key is in the log");
    }
    assert!(!log.contains("X-Amz-Signature="), "a presigned URL is in the log:\n{log}");
    let signature = text(&ready["files"][0]["presigned_url"]).split("X-Amz-Signature=").nth(1).unwrap();
    assert!(!log.contains(&signature[..64]), "a signature is in the log:\n{log}");
}

fn post(server: &Server, path: &str) -> reqwest::RequestBuilder {
    server.request(Method::POST, path).header("accept", "application/json, text/event-stream")
}

/// A call that is answered with 200 over HTTP and MCP alike, but for headers added to it.
fn help(server: &Server, path: &str) -> reqwest::RequestBuilder {
    let body: Value = match path {
        "/mcp" => json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }),
        _ => json!({}),
    };
    post(server, path).bearer_auth(server.key(Role::Agent)).json(&body)
}

fn authority(server: &Server) -> &str {
    server.url().trim_start_matches("http://")
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(authority(server)).await.expect("the server takes connections")
}

/// Sends `head` and then `piece` up to `times`, until an answer comes; the HTTP status of that.
async fn status_while_sending(server: &Server, head: &str, piece: &[u8], times: usize) -> u16 {
    let (mut reader, mut writer) = connect(server).await.into_split();
    writer.write_all(head.as_bytes()).await.unwrap();
    let send = async {
        for _ in 0..times {
            // The server may close while we send; the answer counts.
            if writer.write_all(piece).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await
    };
    let mut start = [0; 12];
    tokio::select! {
        () = send => unreachable!("sending never ends the wait"),
        read = reader.read_exact(&mut start) => { read.expect("an answer comes before the end"); }
    }
    let start = std::str::from_utf8(&start).unwrap();
    start.strip_prefix("HTTP/1.1 ").and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{start}"))
}
