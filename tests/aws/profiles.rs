//! One body of deploys, on every way Bouncer runs: a process with everything inside, a host with an AWS account, and
//! functions in an AWS account.

use serde_json::{Value, json};

use super::installation::{Installation, Published};
use crate::support::{Role, Server, Site, text};
use crate::tools::{frontend_request, give_buckets, upload_all};

#[tokio::test(flavor = "multi_thread")]
async fn in_one_process() {
    let server = Server::start().await;
    server.add_project("shop").await;
    deploys(&Way { server: &server, installation: None }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_host() {
    let installation = Installation::new().await;
    installation.add_project("shop").await;
    let server = installation.host().await;
    deploys(&Way { server: &server, installation: Some(&installation) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_functions() {
    let installation = Installation::new().await;
    installation.add_project("shop").await;
    deploys(&Way { server: &installation.server, installation: Some(&installation) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_on_aws_is_where_its_cdn_is() {
    let installation = Installation::new().await;
    installation.add_project("shop").await;
    let response = installation.server.visit("shop", "index.html").await;
    assert_eq!(response.status(), 404);
    assert!(response.text().await.unwrap().contains("There is nothing at this address."));
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_at_once_give_a_bucket_once() {
    let installation = Installation::new().await;
    give_buckets(&installation.server, 0, 8).await;
}

/// A way to run Bouncer, with a project "shop" that has the bucket "shop-site".
struct Way<'a> {
    server: &'a Server,
    installation: Option<&'a Installation>,
}

impl Way<'_> {
    /// What a visitor gets.
    async fn visit(&self, path: &str) -> Option<Published> {
        if let Some(installation) = self.installation {
            return installation.published("shop-site", path).await;
        }
        let response = self.server.visit("shop", path).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        match response.status().as_u16() {
            404 => None,
            200 => Some(Published {
                content_type: header("content-type"),
                cache_control: header("cache-control"),
                bytes: response.bytes().await.unwrap().to_vec(),
            }),
            other => panic!("{path}: HTTP {other}"),
        }
    }

    /// A call that must succeed.
    async fn ask(&self, role: Role, tool: &str, arguments: Value) -> Value {
        let (status, body) = self.server.tool(role, tool, arguments).await;
        assert_eq!(status, 200, "{tool}: {body:#}");
        body
    }

    /// Decides a pending request and waits for its end.
    async fn end(&self, pending: &Value, decision: &str) -> Value {
        assert_eq!(pending["status"], "pending_approval", "{pending:#}");
        let id = text(&pending["request_id"]);
        let (status, body) = self.server.decide(Role::Approver, id, decision).await;
        assert_eq!(status, 200, "{body:#}");
        self.server.ended(id).await
    }

    async fn assert_shows(&self, site: &Site) {
        for file in site.files() {
            let got = self.visit(&file.path).await.unwrap_or_else(|| panic!("{} is not there", file.path));
            assert!(got.bytes == file.bytes, "{} has other bytes", file.path);
            let page = file.path.ends_with(".html");
            let rule = if page { "no-cache, no-store, must-revalidate" } else { "max-age=31536000, immutable" };
            assert_eq!(got.cache_control, rule, "{}", file.path);
            assert_eq!(got.content_type.starts_with("text/html; charset=utf-8"), page, "{}", file.path);
        }
    }
}

/// Inline and presigned, approved and denied, decided twice, the same again, and what the records say of it.
async fn deploys(way: &Way<'_>) {
    let mut site = Site::new(111, 2, 6);
    let pending = way.ask(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site)).await;
    assert_eq!(pending["changes"]["added"], 9, "{pending:#}");
    assert_eq!(way.visit("index.html").await, None, "nothing is published before the decision");
    let first = way.end(&pending, "approve").await;
    assert_eq!(first["result"]["deploy_status"], "deployed", "{first:#}");
    assert_eq!(first["result"]["deployed_count"], 9, "{first:#}");
    way.assert_shows(&site).await;
    let (status, again) = way.server.decide(Role::Approver, text(&pending["request_id"]), "deny").await;
    assert_eq!(status, 409, "{again:#}");

    // The same once more writes nothing.
    let pending = way.ask(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site)).await;
    let same = way.end(&pending, "approve").await;
    assert_eq!(same["result"]["deployed_count"], 0, "{same:#}");

    // Denied: the site stays.
    let live = Site::new(111, 2, 6);
    site.put("index.html", "<!doctype html><title>new</title>");
    site.put("about.html", "<!doctype html><title>about</title>");
    let pending = way.ask(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site)).await;
    let denied = way.end(&pending, "deny").await;
    assert_eq!(denied["status"], "denied", "{denied:#}");
    way.assert_shows(&live).await;

    // By way of storage: only what is not there yet.
    let declared = json!({ "project": "shop", "files": site.declared() });
    let ready = way.ask(Role::Agent, "bouncer_request_frontend_presigned", declared).await;
    upload_all(&ready, &site).await;
    let confirm = json!({
        "request_id": ready["request_id"], "project": "shop", "files": site.declared(),
        "reason": "a test", "source": "tests",
    });
    let pending = way.ask(Role::Agent, "bouncer_confirm_frontend_deploy", confirm).await;
    let changes =
        json!({ "added": 1, "changed": 1, "removed": 0, "unchanged": 8, "bytes": pending["changes"]["bytes"] });
    assert_eq!(pending["changes"], changes);
    let second = way.end(&pending, "approve").await;
    assert_eq!(second["result"]["deployed_count"], 2, "{second:#}");
    way.assert_shows(&site).await;

    let history = way.ask(Role::Agent, "bouncer_deploy_history", json!({ "project": "shop" })).await;
    let statuses: Vec<&str> = history["deploys"].as_array().unwrap().iter().map(|it| text(&it["status"])).collect();
    assert_eq!(statuses, ["SUCCESS"; 3], "{history:#}");
    let waiting = way.ask(Role::Approver, "bouncer_list_pending", json!({})).await;
    assert_eq!(waiting["count"], 0, "{waiting:#}");
    let (status, stranger) = way.server.tool_with_key("bncr_wrong", "bouncer_help", &json!({})).await;
    assert_eq!(status, 401, "{stranger:#}");
}
