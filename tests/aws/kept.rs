//! What of a site stays in an account, and what goes: with the rights that the templates give.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::installation::{Installation, Target};
use crate::support::{Role, Site, text};

/// A site of which every version has another page and another asset, and all share one.
fn version(n: usize) -> Site {
    let mut site = Site::new(171, 0, 0);
    site.put("index.html", format!("<p>version {n}</p>"));
    site.put(&format!("page-{n}.html"), format!("<p>a page of version {n}</p>"));
    site.put(&format!("assets/app-{n}.js"), format!("export default {n};"));
    site.put("assets/same.js", "export default 'same';");
    site
}

async fn keep(installation: &Installation, target: &Target, releases: u32) {
    let row = json!({
        "project": target.project, "bucket": target.bucket, "distribution": target.distribution, "role": target.role,
        "retain_releases": releases, "asset_grace_hours": 0,
    });
    let (status, body) = installation.server.tool(Role::Admin, "bouncer_project_add", row).await;
    assert_eq!(status, 200, "{body:#}");
}

/// Deploys a version; its result.
async fn deploy(installation: &Installation, target: &Target, n: usize) -> Value {
    live(&installation.deploy(target, &version(n)).await)
}

fn live(ended: &Value) -> Value {
    let result = &ended["result"];
    assert_eq!(result["deploy_status"], "deployed", "{ended:#}");
    assert_eq!(result["prune_error"], Value::Null, "{ended:#}");
    assert_eq!(text(&result["cf_invalidation"]["status"]), "Completed", "{ended:#}");
    result.clone()
}

/// Checks that the bucket holds a version, and these other keys beside it.
async fn assert_holds(installation: &Installation, target: &Target, n: usize, others: &[&str]) {
    let site = version(n);
    let keys: BTreeSet<String> = installation.keys_of(&target.bucket).await.into_iter().map(|(key, _)| key).collect();
    let paths = site.files().iter().map(|file| file.path.clone());
    assert_eq!(keys, paths.chain(others.iter().map(|key| (*key).to_owned())).collect());
    for file in site.files() {
        let published = installation.published(&target.bucket, &file.path).await.expect("it was listed");
        assert!(published.bytes == file.bytes, "{} has other bytes", file.path);
    }
}

/// What the distribution was told last to forget.
async fn forgotten(installation: &Installation, target: &Target) -> BTreeSet<String> {
    let made = installation.invalidations(&target.distribution).await;
    let paths =
        made.last().expect("an invalidation")["InvalidationBatch"]["Paths"]["Items"].as_array().unwrap().clone();
    paths.iter().map(|path| text(path).to_owned()).collect()
}

fn paths(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_files_go_foreign_ones_stay_and_the_way_back_is_short() {
    let installation = Installation::new().await;
    let target = installation.add_project("shop").await;
    keep(&installation, &target, 1).await;
    deploy(&installation, &target, 1).await;
    assert_eq!(forgotten(&installation, &target).await, paths(&["/*"]));
    // Somebody else's file, and somebody else's bytes under the name of one that was published.
    for key in ["assets/theirs.js", "assets/app-1.js"] {
        let put = json!({ "Bucket": target.bucket, "Key": key, "Body": "export default 9;" });
        installation.boto.call("s3", "put_object", put).await;
    }

    let second = deploy(&installation, &target, 2).await;
    assert_eq!((&second["removed_count"], &second["not_removed_count"]), (&json!(1), &json!(1)), "{second:#}");
    assert_eq!(second["not_removed"][0]["filename"], "assets/app-1.js", "{second:#}");
    assert_holds(&installation, &target, 2, &["assets/theirs.js", "assets/app-1.js"]).await;
    assert_eq!(forgotten(&installation, &target).await, paths(&["/", "/index.html", "/page-1.html"]));
    let third = deploy(&installation, &target, 3).await;
    assert_eq!(third["removed_count"], 2, "{third:#}");
    assert_holds(&installation, &target, 3, &["assets/theirs.js", "assets/app-1.js"]).await;

    let back = json!({ "project": "shop", "reason": "it is broken", "source": "tests" });
    let (status, refused) = installation.server.tool(Role::Agent, "bouncer_frontend_rollback", back.clone()).await;
    assert_eq!((status, &refused["error_code"]), (409, &json!("CONFLICT")), "only one release is kept: {refused:#}");

    keep(&installation, &target, 2).await;
    deploy(&installation, &target, 4).await;
    let (status, pending) = installation.server.tool(Role::Agent, "bouncer_frontend_rollback", back).await;
    assert_eq!((status, &pending["restores"]), (200, &third["release_id"]), "{pending:#}");
    let id = text(&pending["request_id"]);
    let (status, decided) = installation.server.decide(Role::Approver, id, "approve").await;
    assert_eq!(status, 200, "{decided:#}");
    let back = live(&installation.server.ended(id).await);
    assert_eq!((&back["deployed_count"], &back["unchanged_count"]), (&json!(2), &json!(2)), "two pages: {back:#}");
    // The third release has the same files as the new one, so only the fourth is kept beside it.
    assert_holds(&installation, &target, 3, &["assets/theirs.js", "assets/app-1.js", "assets/app-4.js"]).await;
    assert_eq!(forgotten(&installation, &target).await, paths(&["/", "/index.html", "/page-4.html"]));
    assert_eq!(installation.execution(id).await["status"], "SUCCEEDED");
}
