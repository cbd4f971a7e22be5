//! What every tool answers, word by word: its success and each of its refusals. A change of any of them shows here.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{accepted, upload_all};
use crate::support::{Options, Role, Server, Sheet, Site, answer, text, wait_until};

/// A server with the projects "shop" and "blog".
async fn start() -> Server {
    let server = Server::start().await;
    server.add_project("blog").await;
    server.add_project("shop").await;
    server
}

fn site() -> Site {
    let mut site = Site::new(1, 0, 0);
    site.put("index.html", "<!doctype html>\n<title>one</title>\n");
    site.put("assets/app-1a2b3c4d.js", "console.log('one')\n");
    site.put("robots.txt", "User-agent: *\n");
    site
}

fn other_site() -> Site {
    let mut site = site();
    site.put("index.html", "<!doctype html>\n<title>two</title>\n");
    site.put("assets/app-5e6f7a8b.js", "console.log('two')\n");
    site.remove("assets/app-1a2b3c4d.js");
    site
}

fn question(site: &Site) -> Value {
    json!({
        "project": "shop", "files": site.inline(), "reason": "A new page", "source": "Build bot (release 7)",
        "trust_scope": "release",
    })
}

/// `base` with some members replaced.
fn with(base: &Value, change: Value) -> Value {
    let mut changed = base.clone();
    changed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    changed
}

/// One file beside a good index.html.
fn beside_index(file: Value) -> Value {
    json!({ "files": [{ "filename": "index.html", "content": "aGk=" }, file] })
}

async fn ask(server: &Server, site: &Site) -> String {
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", question(site)).await);
    text(&pending["request_id"]).to_owned()
}

async fn publish(server: &Server, site: &Site) -> String {
    let id = ask(server, site).await;
    accepted(server.decide(Role::Approver, &id, "approve").await);
    assert_eq!(server.ended(&id).await["status"], "completed");
    id
}

/// Calls a tool with each of the arguments and puts the answers on a sheet.
async fn calls(sheet: &mut Sheet, server: &Server, role: Role, tool: &str, cases: &[(&str, Value)]) {
    for (title, arguments) in cases {
        sheet.add_answer(title, &server.tool(role, tool, arguments.clone()).await);
    }
}

#[tokio::test]
async fn help_and_catalogue() {
    let server = start().await;
    let mut sheet = Sheet::default();
    for role in [Role::Agent, Role::Admin] {
        let title = format!("{role:?}");
        calls(&mut sheet, &server, role, "bouncer_help", &[(title.as_str(), json!({}))]).await;
    }
    sheet.check("tools/help");

    let mut sheet = Sheet::default();
    let list = server.request(Method::GET, "/v1/tools").bearer_auth(server.key(Role::Admin));
    let (_, list) = answer(list).await;
    for tool in list["tools"].as_array().unwrap() {
        let input = &tool["input_schema"];
        let about = json!({ "description": tool["description"], "arguments": input["properties"], "required": input["required"] });
        sheet.add(text(&tool["name"]), &format!("{about:#}"));
    }
    sheet.check("tools/catalogue");
}

#[tokio::test]
async fn projects() {
    let server = Server::start().await;
    let mut sheet = Sheet::default();
    let shop = json!({ "project": "shop", "bucket": "shop-site" });
    calls(&mut sheet, &server, Role::Agent, "bouncer_project_list", &[("none", json!({}))]).await;
    let full = json!({
        "project": "blog", "bucket": "blog-site", "name": "The blog", "region": "eu-west-1",
        "distribution": "E2EXAMPLE1ABC", "role": "arn:aws:iam::123456789012:role/blog-frontend-deploy",
        "cache_rules": [{ "pattern": "fonts/**", "cache_control": "max-age=86400" }], "enabled": false,
    });
    let cases = [
        ("added", shop.clone()),
        ("added with everything", full.clone()),
        ("changed", with(&shop, json!({ "name": "The shop" }))),
        ("no bucket", json!({ "project": "shop" })),
        ("a bad id", with(&shop, json!({ "project": "No Shop" }))),
        ("a bad bucket", with(&shop, json!({ "bucket": "Shop_Site" }))),
        ("a bad region", with(&shop, json!({ "region": "Frankfurt" }))),
        ("a bad role", with(&shop, json!({ "role": "admin" }))),
        ("a bad distribution", with(&shop, json!({ "distribution": "x y" }))),
        ("a bad cache rule", with(&shop, json!({ "cache_rules": [{ "pattern": "[", "cache_control": "no-cache" }] }))),
        ("another project's bucket", with(&shop, json!({ "project": "store" }))),
        ("the staging bucket", with(&shop, json!({ "bucket": "bouncer-uploads-000000000000" }))),
    ];
    calls(&mut sheet, &server, Role::Admin, "bouncer_project_add", &cases).await;
    calls(&mut sheet, &server, Role::Agent, "bouncer_project_add", &[("not an admin", shop)]).await;
    sheet.check("tools/project_add");

    let mut sheet = Sheet::default();
    calls(&mut sheet, &server, Role::Agent, "bouncer_project_list", &[("two", json!({}))]).await;
    sheet.check("tools/project_list");

    let mut sheet = Sheet::default();
    let cases = [
        ("bare", json!({ "project": "shop" })),
        ("with everything", json!({ "project": "blog" })),
        ("unknown", json!({ "project": "nope" })),
        ("not even an id", json!({ "project": "../shop\u{1b}[2J" })),
        ("missing", json!({})),
    ];
    calls(&mut sheet, &server, Role::Agent, "bouncer_project_show", &cases).await;
    sheet.check("tools/project_show");
}

#[tokio::test]
async fn deploy_frontend() {
    let server = start().await;
    let tool = "bouncer_deploy_frontend";
    let admin = async |arguments: Value| accepted(server.tool(Role::Admin, "bouncer_project_add", arguments).await);
    admin(json!({ "project": "off", "bucket": "off-site", "enabled": false })).await;
    let role = "arn:aws:iam::123456789012:role/cloud-frontend-deploy";
    admin(json!({ "project": "cloud", "bucket": "cloud-site", "role": role })).await;
    let good = question(&site());
    let index = json!({ "filename": "index.html", "content": "aGk=" });
    let file = |name: &str, content: &str| beside_index(json!({ "filename": name, "content": content }));
    let many: Vec<Value> = (0..201).map(|n| json!({ "filename": format!("{n}.txt"), "content": "" })).collect();
    let cases = [
        ("asked", good.clone()),
        ("with a window of its own", with(&good, json!({ "approval_window": 3600 }))),
        ("with unknown arguments", with(&good, json!({ "zeta": 1, "alpha": 2 }))),
        ("an unknown project", with(&good, json!({ "project": "nope" }))),
        ("a disabled project", with(&good, json!({ "project": "off" }))),
        ("a project that needs AWS", with(&good, json!({ "project": "cloud" }))),
        ("another account", with(&good, json!({ "account": "123456789012" }))),
        ("a window that is too short", with(&good, json!({ "approval_window": 59 }))),
        ("a blank reason", with(&good, json!({ "reason": " " }))),
        ("a reason without end", with(&good, json!({ "reason": "x".repeat(2001) }))),
        ("a project that is a number", with(&good, json!({ "project": 7 }))),
        ("a file that is a text", with(&good, json!({ "files": ["index.html"] }))),
        ("a file without content", with(&good, json!({ "files": [{ "filename": "index.html" }] }))),
        ("no files", with(&good, json!({ "files": [] }))),
        ("no index.html", with(&good, json!({ "files": [{ "filename": "a.html", "content": "aGk=" }] }))),
        ("a path that climbs", with(&good, file("../etc/motd", "aGk="))),
        ("an absolute path", with(&good, file("/etc/motd", "aGk="))),
        ("an encoded path", with(&good, file("a/%2e%2e/b.js", "aGk="))),
        ("a backslash", with(&good, file("a\\b.js", "aGk="))),
        ("a control character", with(&good, file("a\u{0}.js", "aGk="))),
        ("an executable", with(&good, file("tool.EXE", "aGk="))),
        ("a name twice", with(&good, json!({ "files": [index, index] }))),
        (
            "a name in two Unicode forms",
            with(
                &good,
                json!({ "files": [
            index, { "filename": "caf\u{e9}.txt", "content": "" }, { "filename": "cafe\u{301}.txt", "content": "" },
        ] }),
            ),
        ),
        ("truncated base64", with(&good, file("a.js", "aGkhI"))),
        ("no base64", with(&good, file("a.js", "****"))),
        ("too much base64", with(&good, file("a.js", &"A".repeat(3_500_004)))),
        (
            "a bad content type",
            with(
                &good,
                beside_index(json!({
                    "filename": "a.js", "content": "aGk=", "content_type": "text/plain\r\nx-injected: 1",
                })),
            ),
        ),
        ("too many files", with(&good, json!({ "files": many }))),
    ];
    let mut sheet = Sheet::default();
    calls(&mut sheet, &server, Role::Agent, tool, &cases).await;
    sheet.check("tools/deploy_frontend");
}

#[tokio::test]
async fn presigned_frontend() {
    let server = start().await;
    let (request, confirm) = ("bouncer_request_frontend_presigned", "bouncer_confirm_frontend_deploy");
    publish(&server, &site()).await;
    let new = other_site();
    let files = json!([
        { "filename": "assets/app-5e6f7a8b.js", "sha256": new.file("assets/app-5e6f7a8b.js").sha256() },
        { "filename": "index.html", "size": new.file("index.html").bytes.len() },
        { "filename": "robots.txt", "sha256": new.file("robots.txt").sha256(), "content_type": "text/plain" },
    ]);
    let wanted = json!({ "project": "shop", "files": files, "reason": "A new page", "source": "Build bot" });
    let file = |change: Value| json!({ "files": [with(&json!({ "filename": "index.html" }), change)] });
    let mut sheet = Sheet::default();
    let cases = [
        ("addresses", wanted.clone()),
        ("an unknown project", with(&wanted, json!({ "project": "nope" }))),
        ("a hash that is none", with(&wanted, file(json!({ "sha256": "abc" })))),
        ("a size that is none", with(&wanted, file(json!({ "size": -1 })))),
        ("too large", with(&wanted, file(json!({ "size": 5_000_000_001u64 })))),
        ("no index.html", with(&wanted, json!({ "files": [{ "filename": "a.js" }] }))),
        ("no files", with(&wanted, json!({ "files": null }))),
    ];
    calls(&mut sheet, &server, Role::Agent, request, &cases).await;
    sheet.check("tools/request_frontend_presigned");

    let ready = accepted(server.tool(Role::Agent, request, wanted.clone()).await);
    let good = with(&wanted, json!({ "request_id": ready["request_id"] }));
    let mut sheet = Sheet::default();
    let cases = [
        ("nothing has arrived", good.clone()),
        ("an unknown request", with(&good, json!({ "request_id": "req-0123456789abcdef" }))),
        ("another list", with(&good, json!({ "files": [{ "filename": "index.html" }] }))),
        ("another project", with(&good, json!({ "project": "blog" }))),
        ("no request", with(&good, json!({ "request_id": "" }))),
    ];
    calls(&mut sheet, &server, Role::Agent, confirm, &cases).await;
    calls(&mut sheet, &server, Role::Approver, confirm, &[("another caller", good.clone())]).await;
    upload_all(&ready, &new).await;
    calls(&mut sheet, &server, Role::Agent, confirm, &[("asked", good.clone()), ("asked again", good.clone())]).await;
    accepted(server.decide(Role::Approver, text(&ready["request_id"]), "deny").await);
    calls(&mut sheet, &server, Role::Agent, confirm, &[("asked after the decision", good)]).await;

    let short = json!({ "project": "shop", "files": [{ "filename": "index.html", "size": 5 }] });
    let ready = accepted(server.tool(Role::Agent, request, short.clone()).await);
    upload_all(&ready, &new).await;
    let good =
        with(&short, json!({ "request_id": ready["request_id"], "reason": "A new page", "source": "Build bot" }));
    calls(&mut sheet, &server, Role::Agent, confirm, &[("another size", good)]).await;
    sheet.check("tools/confirm_frontend_deploy");

    let mut sheet = Sheet::default();
    let compared = json!({ "project": "shop", "files": new.declared() });
    let cases = [
        ("compared", compared.clone()),
        ("an unknown project", with(&compared, json!({ "project": "nope" }))),
        ("without a hash", with(&compared, json!({ "files": [{ "filename": "index.html", "size": 3 }] }))),
    ];
    calls(&mut sheet, &server, Role::Agent, "bouncer_frontend_diff", &cases).await;
    sheet.check("tools/frontend_diff");
}

#[tokio::test]
async fn uploads() {
    let server = Server::start().await;
    let one = json!({ "filename": "docs/read me.txt", "content_type": "text/plain", "reason": "Logs", "source": "CI" });
    let mut sheet = Sheet::default();
    let cases = [
        ("an address", one.clone()),
        ("traversal is removed", with(&one, json!({ "filename": "../../a/./b.txt" }))),
        ("nothing left of the name", with(&one, json!({ "filename": "../.." }))),
        ("a window that is too long", with(&one, json!({ "expires_in": 3601 }))),
        ("another account", with(&one, json!({ "account": "123456789012" }))),
        ("a bad content type", with(&one, json!({ "content_type": "text" }))),
        ("no reason", with(&one, json!({ "reason": null }))),
    ];
    calls(&mut sheet, &server, Role::Agent, "bouncer_request_presigned", &cases).await;
    sheet.check("tools/request_presigned");

    let file = |name: &str| json!({ "filename": name, "content_type": "text/plain" });
    let batch = json!({ "files": [file("a.txt"), file("a.txt"), file("b/a.txt")], "reason": "Logs", "source": "CI" });
    let many: Vec<Value> = (0..51).map(|n| file(&format!("{n}.txt"))).collect();
    let mut sheet = Sheet::default();
    let cases = [
        ("addresses", batch.clone()),
        ("too many", with(&batch, json!({ "files": many }))),
        ("none", with(&batch, json!({ "files": [] }))),
    ];
    calls(&mut sheet, &server, Role::Agent, "bouncer_request_presigned_batch", &cases).await;
    sheet.check("tools/request_presigned_batch");

    let ready = accepted(server.tool(Role::Agent, "bouncer_request_presigned_batch", batch).await);
    assert_eq!(super::put(&ready["files"][0], b"arrived".to_vec()).await, 200);
    let id = &ready["batch_id"];
    let mut sheet = Sheet::default();
    let cases = [
        ("one of three", json!({ "batch_id": id })),
        ("only that one", json!({ "batch_id": id, "files": [{ "s3_key": ready["files"][0]["s3_key"] }] })),
        ("a key outside", json!({ "batch_id": id, "files": [{ "s3_key": "blobs/shop/00/00" }] })),
        ("an unknown batch", json!({ "batch_id": "batch-0123456789ab" })),
        ("no batch", json!({ "batch_id": "batch-X" })),
    ];
    calls(&mut sheet, &server, Role::Agent, "bouncer_confirm_upload", &cases).await;
    calls(
        &mut sheet,
        &server,
        Role::Approver,
        "bouncer_confirm_upload",
        &[("another caller", json!({ "batch_id": id }))],
    )
    .await;
    sheet.check("tools/confirm_upload");
}

#[tokio::test]
async fn from_the_question_to_the_end() {
    let server = start().await;
    let (show, status, deploy) = ("bouncer_request_show", "bouncer_status", "bouncer_deploy_status");
    publish(&server, &site()).await;
    let waiting = ask(&server, &other_site()).await;
    let denied = ask(&server, &other_site()).await;
    let failed = ask(&server, &site()).await;
    let mut decisions = Sheet::default();
    let (mut states, mut deploys, mut shown) = (Sheet::default(), Sheet::default(), Sheet::default());
    let (mut pending, mut history) = (Sheet::default(), Sheet::default());
    let deploy_of = |id: &str| json!({ "deploy_id": id.replace("req-", "frontend-") });
    let look = async |title: &str, id: &str, states: &mut Sheet, deploys: &mut Sheet, shown: &mut Sheet| {
        let request = json!({ "request_id": id });
        calls(states, &server, Role::Agent, status, &[(title, request.clone())]).await;
        calls(deploys, &server, Role::Agent, deploy, &[(title, deploy_of(id))]).await;
        calls(shown, &server, Role::Approver, show, &[(title, request)]).await;
    };
    look("waiting", &waiting, &mut states, &mut deploys, &mut shown).await;
    let cases = [
        ("three", json!({})),
        ("of one source", json!({ "source": "Build bot (release 7)", "limit": 1 })),
        ("of another source", json!({ "source": "somebody" })),
        ("a limit that is too low", json!({ "limit": 0 })),
        ("a limit that is too high", json!({ "limit": 101 })),
        ("a limit that is none", json!({ "limit": "ten" })),
    ];
    calls(&mut pending, &server, Role::Approver, "bouncer_list_pending", &cases).await;
    pending.check("tools/list_pending");

    for (title, role, id, word) in [
        ("by an agent", Role::Agent, &denied, "approve"),
        ("of an unknown request", Role::Approver, &"req-0123456789abcdef".to_owned(), "approve"),
        ("denied", Role::Approver, &denied, "deny"),
        ("denied again", Role::Approver, &denied, "deny"),
        ("approved after it was denied", Role::Admin, &denied, "approve"),
        ("a word that was not offered", Role::Approver, &waiting, "maybe"),
        ("approved", Role::Approver, &waiting, "approve"),
    ] {
        decisions.add_answer(title, &server.decide(role, id, word).await);
    }
    server.ended(&waiting).await;
    decisions.add_answer("approved when it is done", &server.decide(Role::Approver, &waiting, "approve").await);
    decisions.add_answer("on ground that has moved", &server.decide(Role::Approver, &failed, "approve").await);
    server.ended(&failed).await;
    let own = accepted(server.tool(Role::Approver, "bouncer_deploy_frontend", question(&site())).await);
    decisions.add_answer("of one's own", &server.decide(Role::Approver, text(&own["request_id"]), "approve").await);
    let upload = json!({ "project": "shop", "files": [{ "filename": "index.html" }] });
    let upload = accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", upload).await);
    decisions.add_answer(
        "before the files are there",
        &server.decide(Role::Approver, text(&upload["request_id"]), "approve").await,
    );
    decisions.check("tools/decision");

    look("completed", &waiting, &mut states, &mut deploys, &mut shown).await;
    look("denied", &denied, &mut states, &mut deploys, &mut shown).await;
    look("failed", &failed, &mut states, &mut deploys, &mut shown).await;
    look("waiting for its files", text(&upload["request_id"]), &mut states, &mut deploys, &mut shown).await;
    look("another caller's", text(&own["request_id"]), &mut states, &mut deploys, &mut shown).await;
    look("unknown", "req-0123456789abcdef", &mut states, &mut deploys, &mut shown).await;
    look("no id", "nonsense", &mut states, &mut deploys, &mut shown).await;
    states.check("tools/status");
    deploys.check("tools/deploy_status");
    shown.check("tools/request_show");

    let cases = [
        ("three", json!({ "project": "shop" })),
        ("the newest", json!({ "project": "shop", "limit": 1 })),
        ("none", json!({ "project": "blog" })),
        ("of an unknown project", json!({ "project": "nope" })),
        ("a limit that is too high", json!({ "project": "shop", "limit": 101 })),
    ];
    calls(&mut history, &server, Role::Agent, "bouncer_deploy_history", &cases).await;
    history.check("tools/deploy_history");
}

#[tokio::test]
async fn what_ended_otherwise() {
    let server = Server::start_with(Options { arguments: &["--approval-window", "1"], ..Options::default() }).await;
    server.add_project("shop").await;
    let mut sheet = Sheet::default();
    let expired = ask(&server, &site()).await;
    // Expired is what the clock says; the time of its end is there once the workflow has closed it.
    wait_until("the expired request to be closed", Duration::from_secs(20), async || {
        let (_, status) = server.tool(Role::Agent, "bouncer_status", json!({ "request_id": expired })).await;
        (!status["finished_at"].is_null()).then_some(())
    })
    .await;
    sheet.add_answer("approved too late", &server.decide(Role::Approver, &expired, "approve").await);
    let id = json!({ "deploy_id": expired.replace("req-", "frontend-") });
    sheet.add_answer("expired", &server.tool(Role::Agent, "bouncer_deploy_status", id).await);

    // Its entry page is lost after it was asked for: the other page goes live, that one cannot.
    let mut lost = site();
    lost.put("about.html", "<!doctype html>\n<title>about</title>\n");
    let long = with(&question(&lost), json!({ "approval_window": 60 }));
    let partial = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", long).await);
    let id = text(&partial["request_id"]);
    let sha256 = lost.file("index.html").sha256();
    let blob = format!("blobs/shop/{}/{sha256}", &sha256[..2]);
    server.storage().delete("bouncer-uploads-000000000000", &blob).await;
    accepted(server.decide(Role::Approver, id, "approve").await);
    server.ended(id).await;
    sheet.add_answer("partly deployed", &server.tool(Role::Agent, "bouncer_status", json!({ "request_id": id })).await);
    sheet.check("tools/other_ends");
}

#[tokio::test]
async fn keys() {
    let server = Server::start().await;
    let mut sheet = Sheet::default();
    let good = json!({ "name": "Build bot", "role": "agent" });
    let cases = [
        ("made", good.clone()),
        ("an unknown role", with(&good, json!({ "role": "king" }))),
        ("a name of two lines", with(&good, json!({ "name": "a\nb" }))),
        ("no name", json!({ "role": "agent" })),
    ];
    calls(&mut sheet, &server, Role::Admin, "bouncer_key_create", &cases).await;
    calls(&mut sheet, &server, Role::Approver, "bouncer_key_create", &[("not an admin", good)]).await;
    sheet.check("tools/key_create");

    let mut sheet = Sheet::default();
    calls(&mut sheet, &server, Role::Admin, "bouncer_key_list", &[("four", json!({}))]).await;
    calls(&mut sheet, &server, Role::Agent, "bouncer_key_list", &[("not an admin", json!({}))]).await;
    sheet.check("tools/key_list");

    let listed = accepted(server.tool(Role::Admin, "bouncer_key_list", json!({})).await);
    let id_of = |name: &str| {
        let key = listed["keys"].as_array().unwrap().iter().find(|key| key["name"] == name).expect("the key");
        json!({ "key_id": key["key_id"] })
    };
    let mut sheet = Sheet::default();
    let cases = [
        ("revoked", id_of("Build bot")),
        ("revoked again", id_of("Build bot")),
        ("the last admin", id_of("local admin")),
        ("unknown", json!({ "key_id": "key-0123456789ab" })),
        ("none", json!({})),
    ];
    calls(&mut sheet, &server, Role::Admin, "bouncer_key_revoke", &cases).await;
    calls(&mut sheet, &server, Role::Agent, "bouncer_key_revoke", &[("not an admin", id_of("Build bot"))]).await;
    sheet.check("tools/key_revoke");
}

#[tokio::test]
async fn the_edge() {
    let server = Server::start().await;
    let mut sheet = Sheet::default();
    let call = || server.request(Method::POST, "/v1/tools/bouncer_help");
    let key = server.key(Role::Agent);
    let health = server.request(Method::GET, "/v1/health").bearer_auth(key);
    let get = |path: &str| server.request(Method::GET, path);
    for (title, request) in [
        ("alive", get("/healthz")),
        ("health", health),
        ("no key", call()),
        ("an unknown key", call().bearer_auth("bncr_unknown")),
        ("another scheme", call().basic_auth("agent", Some(key))),
        ("a foreign host", call().bearer_auth(key).header("host", "evil.example")),
        ("a foreign origin", call().bearer_auth(key).header("origin", "http://evil.example")),
        ("no JSON", call().bearer_auth(key).body("{")),
        ("no object", call().bearer_auth(key).body("[]")),
        ("an unknown tool", server.request(Method::POST, "/v1/tools/bouncer_nope").bearer_auth(key)),
        ("an unknown address", get("/v1/nope").bearer_auth(key)),
        ("MCP without a key", server.request(Method::POST, "/mcp")),
    ] {
        sheet.add_answer(title, &answer(request).await);
    }
    sheet.add("too large", &announce(&server, 73 << 20).await);
    for path in ["/sites/nope/", "/sites/%20/"] {
        let page = get(path).send().await.unwrap();
        sheet.add(&format!("{path}: HTTP {}", page.status().as_u16()), &page.text().await.unwrap());
    }
    sheet.check("tools/edge");

    server.add_project("shop").await;
    let mut sheet = Sheet::default();
    for (title, name, arguments) in [
        ("an answer", "bouncer_project_show", json!({ "project": "shop" })),
        ("a refusal", "bouncer_project_show", json!({ "project": "nope" })),
        ("a missing argument", "bouncer_status", json!({})),
        ("a bad argument", "bouncer_list_pending", json!({ "limit": 0 })),
        ("an unknown tool", "bouncer_nope", json!({})),
        ("not an admin", "bouncer_key_list", json!({})),
    ] {
        let reply = server.mcp(Role::Agent, "tools/call", json!({ "name": name, "arguments": arguments })).await;
        sheet.add(title, &format!("{reply:#}"));
    }
    sheet.add("no parameters", &format!("{:#}", server.mcp(Role::Agent, "tools/call", json!({})).await));
    sheet.add("an unknown method", &format!("{:#}", server.mcp(Role::Agent, "tools/nope", json!({})).await));
    sheet.check("tools/mcp");
}

/// The answer to a call that announces a body of so many bytes and has not sent any.
async fn announce(server: &Server, length: u64) -> String {
    let host = server.url().trim_start_matches("http://");
    let head = format!(
        "POST /v1/tools/bouncer_help HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
        server.key(Role::Agent)
    );
    let mut connection = TcpStream::connect(host).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    connection.read_to_string(&mut said).await.unwrap();
    let (head, body) = said.split_once("\r\n\r\n").expect("an HTTP answer");
    let body: Value = serde_json::from_str(body).expect("a JSON answer");
    format!("{}\n{body:#}", head.lines().next().unwrap_or_default())
}

#[test]
fn no_snapshot_waits_to_be_looked_at() {
    fn search(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a folder of the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                search(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "new" || extension == "pending-snap") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for dir in ["src", "tests"] {
        search(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut found);
    }
    assert!(found.is_empty(), "look at these and rename or remove them: {found:?}");
}
