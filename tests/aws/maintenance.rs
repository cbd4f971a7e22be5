//! A bucket that was filled without Bouncer is adopted, deployed to, and pruned: all with the project's deploy role, in the
//! task function, under the policies of the templates.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::installation::{Installation, Target};
use crate::support::{Role, Site, text};

async fn maintenance(installation: &Installation, tool: &str, arguments: Value) -> Value {
    let (status, started) = installation.server.tool(Role::Admin, tool, arguments).await;
    assert_eq!((status, &started["status"]), (200, &json!("started")), "{started:#}");
    let ended = installation.server.ended(text(&started["request_id"])).await;
    let execution = installation.execution(text(&started["request_id"])).await;
    let expected = if ended["status"] == "completed" { "SUCCEEDED" } else { "FAILED" };
    assert_eq!(execution["status"], expected, "{execution:#}");
    ended
}

async fn fill(installation: &Installation, target: &Target, site: &Site) {
    for file in site.files() {
        let is_page = file.path.ends_with(".html");
        let (content_type, cache_control) = match is_page {
            true => ("text/html; charset=utf-8", "no-cache, no-store, must-revalidate"),
            false => ("application/octet-stream", "max-age=60"),
        };
        let put = json!({
            "bucket": target.bucket, "key": file.path, "body": BASE64_STANDARD.encode(&file.bytes),
            "ContentType": content_type, "CacheControl": cache_control,
        });
        installation.boto.call("s3", "put", put).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_adopted_and_pruned_with_the_deploy_role() {
    let installation = Installation::new().await;
    let target = installation.add_project("shop").await;
    let mut site = Site::new(171, 2, 6);
    // Larger than a part, so that it is read twice.
    site.put("assets/film.png", vec![7; 7 << 20]);
    fill(&installation, &target, &site).await;
    let before = installation.keys_of(&target.bucket).await;

    let adopted = maintenance(&installation, "bouncer_frontend_adopt", json!({ "project": "shop" })).await;
    assert_eq!(adopted["status"], "completed", "{adopted:#}");
    assert_eq!(adopted["result"]["adopted_count"], 10, "{adopted:#}");
    assert_eq!(installation.keys_of(&target.bucket).await, before, "nothing is written");
    assert!(installation.invalidations(&target.distribution).await.is_empty(), "nor is the CDN told anything");

    site.remove("assets/film.png");
    let deployed = installation.deploy(&target, &site).await;
    assert_eq!(deployed["result"]["unchanged_count"], 3, "the pages: {deployed:#}");
    assert_eq!(deployed["result"]["removed_count"], 0, "{deployed:#}");
    let keep = json!({
        "project": "shop", "bucket": target.bucket, "retain_releases": 1, "asset_grace_hours": 0,
    });
    let (status, kept) = installation.server.tool(Role::Admin, "bouncer_project_add", keep).await;
    assert_eq!(status, 200, "{kept:#}");
    let pruned = maintenance(&installation, "bouncer_frontend_prune", json!({ "project": "shop" })).await;
    assert_eq!((&pruned["status"], &pruned["result"]["removed_count"]), (&json!("completed"), &json!(1)), "{pruned:#}");
    installation.assert_published(&target.bucket, &site).await;
}

/// A role that no longer is what the project says: nothing is done, and the record names the role.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_role_nothing_is_adopted() {
    let installation = Installation::new().await;
    let mut target = installation.prepare("shop").await;
    target.role = format!("{}-not", target.role);
    installation.register(&target).await;
    let failed = maintenance(&installation, "bouncer_frontend_adopt", json!({ "project": "shop" })).await;
    assert_eq!(failed["status"], "failed", "{failed:#}");
    let said = text(&failed["result"]["error_summary"]);
    assert!(said.contains(&target.role) && said.ends_with("Nothing was changed."), "{said}");
}
