//! From an agent's question over MCP to the live site, every step by the program that does it for real.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::installation::{Installation, Published, Target};
use crate::support::{Mcporter, Role, Site, Transport, run_program, text};

const PAGE: &str = "no-cache, no-store, must-revalidate";
const ASSET: &str = "max-age=31536000, immutable";

#[tokio::test(flavor = "multi_thread")]
async fn a_site_goes_live_and_then_its_next_version() {
    let installation = Installation::new().await;
    let target = installation.add_project("shop").await;
    let agent = Agent(Mcporter::new(&installation.server, Role::Agent));
    let mut site = Site::new(101, 2, 9);

    let first = deploy(&installation, &agent, &site).await;
    assert_eq!(first["result"]["deployed_count"], 12, "{first:#}");
    installation.assert_published(&target.bucket, &site).await;
    headers_are_right(&installation, &target).await;
    records_are_right(&installation, &first).await;
    // What the bucket held before is not known.
    assert_invalidated(&installation, &target, &[(&first, &["/*"])]).await;
    let before = BTreeMap::from_iter(installation.keys_of(&target.bucket).await);

    site.put("index.html", "<!doctype html><title>new</title>");
    site.put("assets/new-0a1b2c3d.js", "export default 1;");
    let second = deploy(&installation, &agent, &site).await;
    assert_eq!(second["result"]["deployed_count"], 2, "{second:#}");
    assert_eq!(second["result"]["unchanged_count"], 11, "{second:#}");
    assert_eq!(text(&second["result"]["cf_invalidation"]["status"]), "Completed", "{second:#}");
    installation.assert_published(&target.bucket, &site).await;
    let after = BTreeMap::from_iter(installation.keys_of(&target.bucket).await);
    let written: Vec<&String> =
        after.iter().filter(|(key, time)| before.get(*key) != Some(time)).map(|it| it.0).collect();
    assert_eq!(written, ["assets/new-0a1b2c3d.js", "index.html"], "only what changed is written");
    assert_invalidated(&installation, &target, &[(&first, &["/*"]), (&second, &["/", "/index.html"])]).await;

    let history = agent.ask("bouncer_deploy_history", json!({ "project": "shop" })).await;
    let deploys: Vec<&Value> = history["deploys"].as_array().unwrap().iter().map(|it| &it["deploy_id"]).collect();
    assert_eq!(deploys, [&second["deploy_id"], &first["deploy_id"]], "{history:#}");
    locks_are_free(&installation).await;
}

struct Agent<'a>(Mcporter<'a>);

impl Agent<'_> {
    /// A call over MCP that must succeed.
    async fn ask(&self, tool: &str, arguments: Value) -> Value {
        let (code, answer) = self.0.call(Transport::Http, tool, &arguments).await;
        assert_eq!(code, 0, "{tool}: {answer:#}");
        answer
    }
}

/// Asks over MCP, uploads to storage, confirms, has it approved over HTTP, and waits for its end.
async fn deploy(installation: &Installation, agent: &Agent<'_>, site: &Site) -> Value {
    let declared = json!({ "project": "shop", "files": site.declared() });
    let ready = agent.ask("bouncer_request_frontend_presigned", declared).await;
    for (index, issued) in ready["files"].as_array().unwrap().iter().enumerate() {
        let bytes = &site.file(text(&issued["filename"])).bytes;
        if index % 2 == 0 {
            with_curl(installation, issued, bytes).await;
        } else {
            with_python(installation, issued, bytes).await;
        }
    }
    let confirm = json!({
        "request_id": ready["request_id"], "project": "shop", "files": site.declared(),
        "reason": "a test", "source": "tests",
    });
    let pending = agent.ask("bouncer_confirm_frontend_deploy", confirm).await;
    assert_eq!(pending["status"], "pending_approval", "{pending:#}");
    let id = text(&pending["request_id"]);

    let (status, decided) = installation.server.decide(Role::Approver, id, "approve").await;
    assert_eq!((status, &decided["status"]), (200, &json!("approved")), "{decided:#}");
    let mut ended = installation.server.ended(id).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_eq!(ended["result"]["cf_invalidation_failed"], Value::Null, "{ended:#}");
    let execution = installation.execution(id).await;
    assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
    ended["deploy_id"] = pending["deploy_id"].clone();
    ended
}

async fn with_curl(installation: &Installation, issued: &Value, bytes: &[u8]) {
    let mut arguments = vec!["--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_code}"];
    arguments.extend(["--request", text(&issued["method"]), "--data-binary", "@-"]);
    let headers: Vec<String> =
        issued["headers"].as_object().unwrap().iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
    for header in &headers {
        arguments.extend(["--header", header]);
    }
    arguments.push(text(&issued["presigned_url"]));
    let curl = run_program("curl", installation.ministack.folder(), &arguments, bytes).await;
    assert_eq!((curl.code, curl.stdout.as_str()), (Some(0), "200"), "{}: {curl:#?}", issued["filename"]);
}

async fn with_python(installation: &Installation, issued: &Value, bytes: &[u8]) {
    let arguments = json!({
        "url": issued["presigned_url"], "method": issued["method"], "headers": issued["headers"],
        "body": BASE64_STANDARD.encode(bytes),
    });
    // One byte more than was declared is refused; storage itself enforces it.
    let mut other = arguments.clone();
    other["body"] = json!(BASE64_STANDARD.encode([bytes, b"!"].concat()));
    assert_eq!(installation.boto.call("s3", "put_presigned", other).await, 400, "{}", issued["filename"]);
    assert_eq!(installation.boto.call("s3", "put_presigned", arguments).await, 200, "{}", issued["filename"]);
}

async fn headers_are_right(installation: &Installation, target: &Target) {
    let keys = installation.keys_of(&target.bucket).await;
    for (key, _) in keys {
        let Published { content_type, cache_control, .. } = installation.published(&target.bucket, &key).await.unwrap();
        assert_eq!(cache_control, if key.ends_with(".html") { PAGE } else { ASSET }, "{key}");
        let expected = match key.rsplit_once('.').unwrap().1 {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "json" => "application/json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" => "image/jpeg",
            "webp" => "image/webp",
            "woff2" => "font/woff2",
            other => panic!("{other}"),
        };
        assert!(content_type.starts_with(expected), "{key}: {content_type}");
    }
}

/// The rows as they are in the tables.
async fn records_are_right(installation: &Installation, ended: &Value) {
    let key = json!({ "TableName": "bouncer-deploy-history", "Key": { "deploy_id": { "S": ended["deploy_id"] } } });
    let row = &installation.boto.call("dynamodb", "get_item", key).await["Item"];
    for (attribute, value) in [
        ("status", "SUCCESS"),
        ("project_id", "shop"),
        ("kind", "frontend"),
        ("reason", "a test"),
        ("release_id", text(&ended["result"]["release_id"])),
    ] {
        assert_eq!(row[attribute]["S"], value, "{attribute}: {row:#}");
    }
    assert!(text(&row["started_at"]["S"]) <= text(&row["finished_at"]["S"]), "{row:#}");

    let key = json!({ "TableName": "bouncer-requests", "Key": { "request_id": { "S": ended["request_id"] } } });
    let row = &installation.boto.call("dynamodb", "get_item", key).await["Item"];
    let ttl: i64 = text(&row["ttl"]["N"]).parse().unwrap();
    let days = (ttl - jiff::Timestamp::now().as_second()) as f64 / 86_400.0;
    assert!((89.9..91.0).contains(&days), "a request is kept for 90 days, not {days}");
}

/// Checks that there are these invalidations and no others, each named by its request.
async fn assert_invalidated(installation: &Installation, target: &Target, expected: &[(&Value, &[&str])]) {
    let made = installation.invalidations(&target.distribution).await;
    let made: Vec<(&str, Vec<&str>)> = made
        .iter()
        .map(|it| {
            let mut paths: Vec<&str> =
                it["InvalidationBatch"]["Paths"]["Items"].as_array().unwrap().iter().map(text).collect();
            paths.sort_unstable();
            (text(&it["InvalidationBatch"]["CallerReference"]), paths)
        })
        .collect();
    let expected: Vec<(&str, Vec<&str>)> =
        expected.iter().map(|(ended, paths)| (text(&ended["request_id"]), paths.to_vec())).collect();
    assert_eq!(made, expected);
}

async fn locks_are_free(installation: &Installation) {
    let locks = installation.boto.call("dynamodb", "scan", json!({ "TableName": "bouncer-deploy-locks" })).await;
    // Names that begin with "/" are no projects': who asked how much stands there too.
    let names = locks["Items"].as_array().unwrap().iter().map(|row| text(&row["project_id"]["S"]));
    let held: Vec<&str> = names.filter(|name| !name.starts_with('/')).collect();
    assert!(held.is_empty(), "{locks:#}");
}
