//! Sessions, forms, headers and previews, byte by byte.

use reqwest::header::HeaderMap;
use serde_json::json;

use super::sessions::{Session, approver_key, cookie_of, form, from_origin, get, page_url, sign_in, sign_in_link};
use crate::support::{Role, Server, Site, text};
use crate::tools::{accepted, approve, frontend_request};

async fn asked(server: &Server, site: &Site) -> String {
    let request = frontend_request("shop", site);
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", request).await);
    text(&pending["request_id"]).to_owned()
}

async fn status(server: &Server, request_id: &str) -> String {
    let (_, body) = server.tool(Role::Approver, "bouncer_status", json!({ "request_id": request_id })).await;
    text(&body["status"]).to_owned()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_stands_for_its_key_and_ends_with_it() {
    let server = Server::start().await;
    let key = approver_key(&server, "ann").await;

    let answer = sign_in(&server, &key).await;
    let set = header(answer.headers(), "set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains(&key), "the key itself is in the cookie");
    assert!(!set.contains("Domain"), "{set}");

    // Three sessions: one is signed out, one loses its key, and a made-up one never was.
    let (first, second) = (Session::of(&server, &key).await, Session::of(&server, &key).await);
    assert_ne!(first.cookie, second.cookie);
    let out = first.post(&server, "/sign-out", &[]).send().await.unwrap();
    assert_eq!((out.status().as_u16(), header(out.headers(), "location")), (303, "/sign-in"));
    assert_eq!(first.get(&server, "/").await.status(), 303);
    assert_eq!(second.get(&server, "/").await.status(), 200);

    let listed = accepted(server.tool(Role::Admin, "bouncer_key_list", json!({})).await);
    let names: Vec<&str> = listed["keys"].as_array().unwrap().iter().map(|key| text(&key["name"])).collect();
    assert_eq!(names.len(), 4, "sessions are no keys: {names:?}");
    let ann = listed["keys"].as_array().unwrap().iter().find(|key| key["name"] == "ann").unwrap();
    accepted(server.tool(Role::Admin, "bouncer_key_revoke", json!({ "key_id": ann["key_id"] })).await);
    assert_eq!(second.get(&server, "/").await.status(), 303, "the session outlives its key");
    assert_eq!(sign_in(&server, &key).await.status(), 401);

    let made_up = format!("bouncer_session=bpass_{}", "0".repeat(64));
    assert_eq!(get(&server, "/").header("cookie", made_up).send().await.unwrap().status(), 303);
    // A session is no key, and a key no session.
    let secret = second.cookie.split_once('=').unwrap().1.to_owned();
    assert_eq!(server.tool_with_key(&secret, "bouncer_help", &json!({})).await.0, 401);
    let agent = format!("bouncer_session={}", server.key(Role::Agent));
    assert_eq!(get(&server, "/").header("cookie", agent).send().await.unwrap().status(), 303);

    let log = server.stderr();
    assert!(!log.contains(&key) && !log.contains(&secret), "a secret is in the log:\n{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_in_once_and_keys_are_not_guessed_for_long() {
    let mut server = Server::start().await;
    let link = async |server: &Server| sign_in_link(server).await.split_once('#').unwrap().1.to_owned();
    let old = link(&server).await;
    let used = form(&server, "/sign-in/link", &[("link", &old)]).send().await.unwrap();
    assert_eq!(used.status(), 303);
    let cookie = cookie_of(&used);
    assert_eq!(get(&server, "/").header("cookie", &cookie).send().await.unwrap().status(), 200);
    let again = form(&server, "/sign-in/link", &[("link", &old)]).send().await.unwrap();
    assert_eq!(again.status(), 401);
    assert!(again.text().await.unwrap().contains("used before"));
    // The session is a record, so it outlives the process; the next start prints another link.
    server.restart().await;
    assert_eq!(get(&server, "/").header("cookie", &cookie).send().await.unwrap().status(), 200);
    assert_ne!(link(&server).await, old);

    for _ in 0..10 {
        assert_eq!(sign_in(&server, "bncr_0123456789").await.status(), 401);
    }
    let blocked = sign_in(&server, server.key(Role::Approver)).await;
    assert_eq!(blocked.status(), 429);
    assert!(blocked.text().await.unwrap().contains("Too many keys"));
    assert_eq!(get(&server, "/").header("cookie", &cookie).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_pages_own_form_decides() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let id = asked(&server, &Site::new(1, 0, 1)).await;
    let path = format!("/requests/{id}/decision");
    let approver = Session::of(&server, server.key(Role::Approver)).await;
    let agent = Session::of(&server, server.key(Role::Agent)).await;
    let plan = approver.plan(&server, &id).await;
    let yes = [("decision", "approve"), ("plan", plan.as_str())];

    let refused = async |request: reqwest::RequestBuilder, code: u16, word: &str| {
        let answer = request.send().await.unwrap();
        let (status, page) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!(status, code, "{word}: {page}");
        assert!(page.contains(word), "{word}: {page}");
    };
    let origin = page_url(&server);
    let without_origin = server.client().post(format!("{origin}{path}")).header("cookie", &approver.cookie);
    let body = format!("csrf={}&decision=approve&plan={plan}", approver.token);
    let encoded = "application/x-www-form-urlencoded";
    refused(without_origin.header("content-type", encoded).body(body), 403, "not sent by the page").await;
    let with =
        |token: &str| form(&server, &path, &[&[("csrf", token)], &yes[..]].concat()).header("cookie", &approver.cookie);
    refused(with(""), 403, "not sent by the page").await;
    refused(with(&agent.token), 403, "not sent by the page").await;
    let from = |origin: &str| from_origin(approver.post(&server, &path, &yes), origin);
    for foreign in ["https://evil.example", "null", "http://localhost:1", server.url()] {
        let answer = from(foreign).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{foreign}");
    }
    let cross = approver.post(&server, &path, &yes).header("sec-fetch-site", "same-site");
    refused(cross, 403, "not sent by the page").await;
    refused(form(&server, &path, &yes), 401, "not signed in").await;
    refused(approver.post(&server, &path, &[("decision", "maybe")]), 400, "names no decision").await;
    refused(approver.post(&server, &path, &[("plan", &plan)]), 400, "names no decision").await;
    let other_plan = [("decision", "approve"), ("plan", &"0".repeat(64))];
    refused(approver.post(&server, &path, &other_plan), 409, "another hash").await;
    refused(agent.post(&server, &path, &yes), 403, "").await;
    assert_eq!(status(&server, &id).await, "pending_approval", "something was decided");

    let answer = approver.post(&server, &path, &yes).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(answer.headers(), "location")),
        (303, format!("/requests/{id}").as_str())
    );
    let ended = server.ended(&id).await;
    assert_eq!((text(&ended["status"]), text(&ended["decided_by"])), ("completed", "local approver"));
    refused(approver.post(&server, &path, &yes), 409, "already handled by local approver").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_closed_to_everything_else() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let id = asked(&server, &Site::new(1, 0, 1)).await;
    let approver = Session::of(&server, server.key(Role::Approver)).await;

    let (page, live) = (format!("/requests/{id}"), format!("/requests/{id}/live"));
    for path in ["/", "/sign-in", "/history", &page, &live, "/requests/nothing", "/nowhere/at/all"] {
        let page = get(&server, path).header("cookie", &approver.cookie).header("accept", "text/html");
        let page = page.send().await.unwrap();
        let headers = page.headers().clone();
        let policy = header(&headers, "content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&headers, "cache-control"), "no-store", "{path}");
        assert_eq!(header(&headers, "referrer-policy"), "same-origin", "{path}");
        let html = page.text().await.unwrap();
        assert!(!html.contains("style=\"") && !html.contains("onclick"), "{path} has inline styles or scripts");
    }
    // What pages are made of has its hash in its name.
    let html = approver.get(&server, "/").await.text().await.unwrap();
    for start in ["/static/style-", "/static/page-", "/static/icon-"] {
        let at = html.find(start).expect("the page names its files");
        let path = html[at..].split('"').next().unwrap();
        let file = get(&server, path).send().await.unwrap();
        assert_eq!(file.status(), 200, "{path}");
        assert!(header(file.headers(), "cache-control").contains("immutable"), "{path}");
    }
    assert_eq!(get(&server, "/static/style.css").send().await.unwrap().status(), 404);

    // Without a session each page leads to the sign-in and back, and nothing else.
    let away = get(&server, &format!("/requests/{id}?page=2")).send().await.unwrap();
    assert_eq!(header(away.headers(), "location"), format!("/sign-in?next=/requests/{id}%3Fpage%3D2"));
    let back = form(&server, "/sign-in", &[("key", server.key(Role::Approver)), ("next", "//evil.example")]);
    assert_eq!(header(back.send().await.unwrap().headers(), "location"), "/");
    for path in ["/live", "/events", &format!("/requests/{id}/live"), &format!("/requests/{id}/events")] {
        assert_eq!(get(&server, path).send().await.unwrap().status(), 401, "{path}");
    }
    // A link on another site brings no cookie; the page asks once more from here.
    let linked = get(&server, &format!("/requests/{id}")).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(linked.status(), 200);
    assert!(linked.text().await.unwrap().contains(&format!("0;url=/requests/{id}")));

    // Published sites have loopback's number to themselves, and are nobody under the page's name.
    let number = server.client().get(format!("{}/requests/{id}", server.url())).send().await.unwrap();
    assert_eq!(header(number.headers(), "location"), format!("{}/requests/{id}", page_url(&server)));
    accepted(server.decide(Role::Approver, &id, "approve").await);
    server.ended(&id).await;
    let site = server.visit("shop", "index.html").await;
    assert_eq!(header(site.headers(), "content-security-policy"), "");
    let site = get(&server, "/sites/shop/index.html").send().await.unwrap();
    assert!(header(site.headers(), "content-security-policy").starts_with("sandbox "));
    assert!(!header(site.headers(), "content-security-policy").contains("allow-same-origin"));
    // What runs without an origin may read public files, and nothing else.
    for (path, status) in [("/sites/shop/index.html", 200), ("/v1/tools", 403), ("/", 403), ("/healthz", 403)] {
        let answer = approver.get_from(&server, path, "null").await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_its_own_requests_alone() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let id = asked(&server, &Site::new(1, 0, 1)).await;
    let (_, other) = server.tool(Role::Admin, "bouncer_key_create", json!({ "name": "other", "role": "agent" })).await;
    let other = Session::of(&server, text(&other["key"])).await;
    let mine = Session::of(&server, server.key(Role::Agent)).await;

    assert!(mine.get(&server, "/").await.text().await.unwrap().contains(&id));
    let page = mine.get(&server, &format!("/requests/{id}")).await.text().await.unwrap();
    assert!(page.contains("Only approvers can decide.") && !page.contains("value=\"approve\""), "{page}");
    assert!(!other.get(&server, "/").await.text().await.unwrap().contains(&id));
    for path in ["", "/live", "/events", "/preview"] {
        let answer = other.get(&server, &format!("/requests/{id}{path}")).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(other.get(&server, &id.replace("req-", "/deploys/frontend-")).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_the_staged_site_under_its_own_name() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let mut site = Site::new(5, 1, 2);
    site.put("docs/index.html", "<!doctype html>docs");
    site.put("caf\u{e9} menu.html", "<!doctype html>menu");
    let id = asked(&server, &site).await;
    let other = asked(&server, &Site::new(6, 0, 0)).await;
    let approver = Session::of(&server, server.key(Role::Approver)).await;

    let opened = approver.get(&server, &format!("/requests/{id}/preview")).await;
    let entrance = header(opened.headers(), "location").to_owned();
    let (name, path) = entrance.trim_start_matches("http://").split_once('/').unwrap();
    assert!(name.starts_with(&format!("{id}.preview.localhost:")), "{entrance}");
    let at =
        |name: &str, path: &str| server.client().get(format!("{}{path}", server.url())).header("host", name.to_owned());
    let entering = at(name, &format!("/{path}")).send().await.unwrap();
    assert_eq!((entering.status().as_u16(), header(entering.headers(), "location")), (303, "/"));
    let cookie = cookie_of(&entering);
    assert_eq!(at(name, &format!("/{path}")).send().await.unwrap().status(), 403, "the link works twice");

    for file in site.files() {
        let path: String =
            file.path.bytes().map(|byte| if byte == b'/' { "/".into() } else { format!("%{byte:02x}") }).collect();
        let shown = at(name, &format!("/{path}")).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(shown.status(), 200, "{}", file.path);
        let kept = header(shown.headers(), "cache-control").to_owned();
        let right = match file.path.as_str() {
            path if path.ends_with(".html") => "no-cache, no-store, must-revalidate",
            path if path.starts_with("assets/") => "max-age=31536000, immutable",
            _ => "no-cache",
        };
        assert_eq!(kept, right, "{}", file.path);
        assert!(shown.bytes().await.unwrap() == file.bytes, "{} has other bytes", file.path);
    }
    let show =
        async |name: &str, path: &str| at(name, path).header("cookie", &cookie).send().await.unwrap().status().as_u16();
    assert_eq!(show(name, "/").await, 200);
    assert_eq!(show(name, "/docs/").await, 200);
    assert_eq!(show(name, "/nothing.html").await, 404);
    // Nothing else of the server is there, whatever key it is asked with.
    for path in ["/v1/tools", "/healthz", "/sign-in", "/mcp", &format!("/requests/{id}"), "/sites/shop/"] {
        let answer =
            at(name, path).header("cookie", &cookie).bearer_auth(server.key(Role::Admin)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    // The cookie opens this one preview.
    let elsewhere = name.replace(&id, &other);
    assert_eq!(show(&elsewhere, "/").await, 403);
    assert_eq!(at(name, "/").send().await.unwrap().status(), 403);
    let from = at(name, "/").header("cookie", &cookie).header("origin", page_url(&server)).send().await.unwrap();
    assert_eq!(from.status(), 403, "another origin is let in");
    assert_eq!(show("x.preview.localhost", "/").await, 403);

    // It ends with the session, and none of its secrets is told.
    approver.post(&server, "/sign-out", &[]).send().await.unwrap();
    assert_eq!(show(name, "/").await, 403);
    let log = server.stderr();
    let secrets = [cookie.split_once('=').unwrap().1, path.split_once('=').unwrap().1];
    assert!(!secrets.iter().any(|secret| log.contains(secret)), "a pass is in the log:\n{log}");
}

/// What turns text around, hides, or steers a reader of it.
const TRICKS: &str =
    "\u{202E}\u{202C}\u{2066}\u{2069}\u{200F}\u{61C}\u{1B}\u{9B}\u{2028}\u{200B}\u{FEFF}\u{AD}\u{E0041}\u{3164}\r";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_foreign_text_hides() {
    let server = Server::start().await;
    server.add_project("shop").await;
    let session = Session::of(&server, &approver_key(&server, "ann").await).await;
    let mut site = Site::new(7, 1, 1);
    site.put("in\u{200B}dex.html", "<!doctype html>twin");
    let first = asked(&server, &site).await;
    approve(&server, &json!(first)).await;
    assert_eq!(server.ended(&first).await["status"], "completed");
    site.put("in\u{200B}dex.html", "<!doctype html>\u{202E}twin\u{2066}");
    let mut request = frontend_request("shop", &site);
    request["reason"] = json!(format!("why{TRICKS}not"));
    request["source"] = json!(format!("bot{TRICKS}"));
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", request).await);
    let path = format!("/requests/{}", text(&pending["request_id"]));

    for path in [path.clone(), format!("{path}/live"), "/".into(), "/live".into()] {
        let page = session.get(&server, &path).await.text().await.unwrap();
        let raw: Vec<char> = page.chars().filter(|c| TRICKS.contains(*c)).collect();
        assert!(raw.is_empty(), "{path} has {raw:?}");
    }
    let page = session.get(&server, &path).await.text().await.unwrap();
    for shown in [r"why\u{202e}\u{202c}", r"bot\u{202e}", r"in\u{200b}dex.html", r"\u{202e}twin\u{2066}"] {
        assert!(page.contains(shown), "{shown} is missing in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_pages_read_a_record_once() {
    const PAGES: usize = 200;
    let mut server = Server::start().await;
    server.add_project("shop").await;
    let id = asked(&server, &Site::new(1, 0, 1)).await;
    let approver = Session::of(&server, server.key(Role::Approver)).await;
    let mut pages = Vec::new();
    for _ in 0..PAGES {
        let page = approver.get(&server, &format!("/requests/{id}/events")).await;
        assert_eq!(page.status(), 200);
        assert_eq!(header(page.headers(), "content-type"), "text/event-stream");
        pages.push(page);
    }
    let path = format!("/requests/{id}/decision");
    let plan = approver.plan(&server, &id).await;
    let yes = [("decision", "approve"), ("plan", plan.as_str())];
    assert_eq!(approver.post(&server, &path, &yes).send().await.unwrap().status(), 303);
    // Every page is told of the end, and its stream is over then.
    let told = pages.into_iter().map(|page| tokio::spawn(async move { page.text().await.unwrap() }));
    for page in futures::future::join_all(told).await {
        let page = page.unwrap();
        assert!(page.contains("Waits for a decision") && page.contains("event: last"), "{page}");
        assert!(page.contains("Completed"), "{page}");
    }
    // A server that is told to stop waits for no open page.
    let waiting = asked(&server, &Site::new(2, 0, 1)).await;
    let open = approver.get(&server, &format!("/requests/{waiting}/events")).await;
    let start = std::time::Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(start.elapsed() < std::time::Duration::from_secs(9), "stopping took {:?}", start.elapsed());
    drop(open);
}
