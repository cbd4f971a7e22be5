//! Files that are refused, with the files in the call and with presigned URLs alike.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::{NOT_ACCEPTABLE, accepted, assert_nothing_pending, frontend_files, refused, refused_naming};
use crate::support::{Role, Server, text};

/// Names that leave the site's root or pretend to be another name. `None` where the name cannot be repeated as it is.
const BAD_NAMES: &[(&str, Option<&str>)] = &[
    // Absolute.
    ("/etc/motd.txt", Some("/etc/motd.txt")),
    ("//host/share.txt", Some("//host/share.txt")),
    // Up and out.
    ("..", Some("..")),
    ("../x.js", Some("../x.js")),
    ("a/../b.js", Some("a/../b.js")),
    ("a/..", Some("a/..")),
    ("./../x.js", Some("./../x.js")),
    ("a/../../../x.js", Some("a/../../../x.js")),
    // The other separator.
    ("a\\b.js", Some("b.js")),
    ("..\\x.js", Some("x.js")),
    ("C:\\x.js", Some("x.js")),
    // Cut short by C.
    ("a.js\u{0}.png", None),
    ("\u{0}", None),
    // The same, percent-encoded once or twice.
    ("%2e%2e/x.js", Some("%2e%2e/x.js")),
    ("%2E%2E/x.js", Some("%2E%2E/x.js")),
    (".%2e/x.js", Some(".%2e/x.js")),
    ("a/%2e%2e/b.js", Some("a/%2e%2e/b.js")),
    ("..%2fx.js", Some("..%2fx.js")),
    ("%2fetc%2fmotd.txt", Some("%2fetc%2fmotd.txt")),
    ("a%5cb.js", Some("a%5cb.js")),
    ("a%5C..%5Cb.js", Some("a%5C..%5Cb.js")),
    ("a.js%00.png", Some("a.js%00.png")),
    ("%252e%252e/x.js", Some("%252e%252e/x.js")),
    ("%252e%252e%252fx.js", Some("%252e%252e%252fx.js")),
    // The same, in characters that normalise to them.
    ("\u{ff0e}\u{ff0e}/x.js", None),
    ("\u{2025}/x.js", None),
    ("\u{2024}\u{2024}/x.js", None),
    ("a\u{ff0f}..\u{ff0f}b.js", None),
    ("\u{ff0f}etc\u{ff0f}motd.txt", None),
    ("a\u{ff3c}b.js", None),
    ("\u{ff05}2e\u{ff05}2e/x.js", None),
];

const FORBIDDEN: &[&str] = &[
    "sh", "bash", "exe", "dll", "bat", "cmd", "ps1", "vbs", "msi", "com", "scr", "py", "rb", "pl", "php", "asp",
    "aspx", "jsp", "cgi", "jar", "war", "zip", "tar", "gz", "7z", "bin", "elf",
];

/// Pairs that are one file, or one after normalisation.
const TWINS: &[(&str, &str)] = &[
    ("a.js", "a.js"),
    ("caf\u{e9}.html", "cafe\u{301}.html"),
    ("a.js", "./a.js"),
    ("b/a.js", "b//a.js"),
    ("b/a.js", "b/./a.js"),
];

#[tokio::test]
async fn bad_names_are_refused() {
    let server = shop().await;
    for (name, shown) in BAD_NAMES {
        each_way(&server, &[name], shown.unwrap_or("")).await;
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn forbidden_extensions_are_refused_in_any_case() {
    let server = shop().await;
    for extension in FORBIDDEN {
        let mixed: String =
            extension.char_indices().map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
        for extension in [(*extension).to_owned(), extension.to_uppercase(), mixed] {
            let name = format!("assets/file.{extension}");
            each_way(&server, &[&name], &name).await;
        }
    }
    each_way(&server, &["backup.tar.GZ"], "backup.tar.GZ").await;
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn duplicates_are_refused() {
    let server = shop().await;
    for (first, second) in TWINS {
        each_way(&server, &[first, second], "").await;
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn a_site_needs_its_index() {
    let server = shop().await;
    for files in [&["about.html"][..], &["docs/index.html"], &["INDEX.HTML"], &["index.htm"]] {
        let inline = server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_files("shop", &inline(files))).await;
        refused_naming(inline, NOT_ACCEPTABLE, "index.html");
        let presigned = json!({ "project": "shop", "files": declared(files) });
        let presigned = server.tool(Role::Agent, "bouncer_request_frontend_presigned", presigned).await;
        refused_naming(presigned, NOT_ACCEPTABLE, "index.html");
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn two_hundred_files_at_most_travel_in_a_call() {
    let server = shop().await;
    let names: Vec<String> = (0..200).map(|n| format!("assets/{n}.css")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.insert(0, "index.html");

    let over = server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_files("shop", &inline(&names))).await;
    refused_naming(over, NOT_ACCEPTABLE, "200");
    assert_nothing_pending(&server).await;

    names.pop();
    let full = server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_files("shop", &inline(&names))).await;
    assert_eq!(accepted(full)["file_count"], 200);
}

#[tokio::test]
async fn a_presigned_deploy_has_its_limits_too() {
    let server = shop().await;
    let names: Vec<String> = (0..20_000).map(|n| format!("assets/{n}.css")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.insert(0, "index.html");
    let many = json!({ "project": "shop", "files": declared(&names) });
    let many = server.tool(Role::Agent, "bouncer_request_frontend_presigned", many).await;
    let error = refused(many, NOT_ACCEPTABLE);
    assert!(text(&error["error"]).replace([',', '_', '.', ' '], "").contains("20000"), "{error:#}");

    let half = 2_700_000_000_u64;
    let large = json!([
        { "filename": "index.html", "size": 10 },
        { "filename": "assets/a.webm", "size": half },
        { "filename": "assets/b.webm", "size": half },
    ]);
    let large = json!({ "project": "shop", "files": large });
    refused(server.tool(Role::Agent, "bouncer_request_frontend_presigned", large).await, NOT_ACCEPTABLE);
}

#[tokio::test]
async fn cut_off_base64_is_said_to_be_truncated() {
    let server = shop().await;
    let whole = BASE64_STANDARD.encode("a page that was cut off on its way");
    for cut in 1..4 {
        let content = &whole[..whole.len() - cut];
        let body = refused_naming(deploy_content(&server, content).await, NOT_ACCEPTABLE, "assets/a.css");
        assert!(text(&body["error"]).contains("likely truncated"), "{body:#}");
        assert!(text(&body["suggestion"]).contains("presigned"), "{body:#}");
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn text_that_is_no_base64_is_refused() {
    let server = shop().await;
    for content in ["****", "aGk=aGk=", "a===", "=aaa", "aG k=aaa", "data:text/css;base64,aGk=", "aG\u{e9}\u{e9}aa"] {
        refused_naming(deploy_content(&server, content).await, NOT_ACCEPTABLE, "assets/a.css");
    }
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn too_much_base64_is_refused_before_it_is_decoded() {
    let server = shop().await;
    // Not base64 at all: decoding it would fail with another sentence.
    let (status, body) = deploy_content(&server, &"*".repeat(3_500_001)).await;
    assert!((400..500).contains(&status), "HTTP {status}: {body:#}");
    assert!(["error", "validation_error"].contains(&text(&body["status"])), "{body:#}");
    let said = body.to_string();
    assert!(said.contains("presigned"), "the way out is not named: {body:#}");
    assert!(!said.contains("truncated"), "it was looked into: {body:#}");
    assert_nothing_pending(&server).await;
}

#[tokio::test]
async fn a_declared_hash_must_be_one() {
    let server = shop().await;
    for sha256 in ["abc", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65)] {
        let files = json!([{ "filename": "index.html", "size": 2, "sha256": sha256 }]);
        let arguments = json!({ "project": "shop", "files": files });
        let answer = server.tool(Role::Agent, "bouncer_request_frontend_presigned", arguments).await;
        refused_naming(answer, NOT_ACCEPTABLE, "index.html");
    }
}

#[tokio::test]
async fn over_mcp_a_refusal_is_marked_as_a_failure() {
    let server = shop().await;
    let arguments = frontend_files("shop", &inline(&["index.html", "../x.js"]));
    let call = json!({ "name": "bouncer_deploy_frontend", "arguments": arguments });
    let reply = server.mcp(Role::Agent, "tools/call", call).await;
    assert_eq!(reply["result"]["isError"], true, "{reply:#}");
    assert!(text(&reply["result"]["content"][0]["text"]).contains("../x.js"), "{reply:#}");
}

async fn shop() -> Server {
    let server = Server::start().await;
    server.add_project("shop").await;
    server
}

/// Tries `names` beside a good index, inline and presigned; both must refuse and name `shown`.
async fn each_way(server: &Server, names: &[&str], shown: &str) {
    let names = [&["index.html"], names].concat();
    let inline = frontend_files("shop", &inline(&names));
    let answer = server.tool(Role::Agent, "bouncer_deploy_frontend", inline).await;
    refused_for(answer, &names, shown);
    let presigned = json!({ "project": "shop", "files": declared(&names) });
    let answer = server.tool(Role::Agent, "bouncer_request_frontend_presigned", presigned).await;
    refused_for(answer, &names, shown);
}

fn refused_for(answer: super::Answer, names: &[&str], shown: &str) {
    assert!((400..500).contains(&answer.0), "{names:?}: {:#}", answer.1);
    refused_naming(answer, NOT_ACCEPTABLE, shown);
}

fn inline(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "filename": name, "content": "aGk=" })).collect()
}

fn declared(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "filename": name, "size": 2 })).collect()
}

async fn deploy_content(server: &Server, content: &str) -> super::Answer {
    let files = json!([
        { "filename": "index.html", "content": "aGk=" },
        { "filename": "assets/a.css", "content": content },
    ]);
    server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_files("shop", &files)).await
}
