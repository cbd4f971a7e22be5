//! What AWS refuses: each a clear result, and nothing half-written without being named.

use serde_json::{Value, json};

use super::installation::{Installation, Target};
use crate::support::{Site, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_be_assumed_publishes_nothing() {
    let installation = Installation::new().await;
    let site = Site::new(151, 1, 2);

    let mut ghost = installation.prepare("ghost").await;
    ghost.role = ghost.role.replace("deploy-ghost", "deploy-nobody");
    let stranger = installation.prepare("stranger").await;
    let other =
        installation.deploy_role("other", &stranger.bucket, &stranger.distribution, "another-installation").await;
    // Its name is not one that Bouncer may assume, whomever it trusts.
    let mut foreign = installation.prepare("foreign").await;
    foreign.role = foreign.role.replace("bouncer-frontend-deploy-foreign", "administrator");
    for target in [ghost, Target { role: other, ..stranger }, foreign] {
        installation.register(&target).await;

        let ended = installation.deploy(&target, &site).await;

        assert_failed(&ended, &target.role);
        assert_eq!(ended["result"]["failed_files"], json!([]), "{ended:#}");
        assert_eq!(installation.keys_of(&target.bucket).await, []);
        let execution = installation.execution(text(&ended["request_id"])).await;
        assert_eq!(execution["status"], "FAILED", "{execution:#}");
        assert_eq!(execution["error"], "Bouncer.DeployFailed", "{execution:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_take_the_site_is_named() {
    let installation = Installation::new().await;
    let site = Site::new(152, 2, 3);

    let mut target = installation.prepare("lost").await;
    target.bucket = "no-such-bucket-here".to_owned();
    target.role = installation
        .deploy_role("lost-2", &target.bucket, &target.distribution, installation.output("ExternalId"))
        .await;
    installation.register(&target).await;
    let ended = installation.deploy(&target, &site).await;
    assert_failed(&ended, "no-such-bucket-here");

    // A bucket of this name is in another region than the project says.
    let afar = json!({ "Bucket": "afar-site", "CreateBucketConfiguration": { "LocationConstraint": "eu-west-1" } });
    installation.boto.call("s3", "create_bucket", afar).await;
    let mut target = installation.prepare("near").await;
    target.bucket = "afar-site".to_owned();
    let external_id = installation.output("ExternalId");
    target.role = installation.deploy_role("afar", &target.bucket, &target.distribution, external_id).await;
    installation.register(&target).await;
    let ended = installation.deploy(&target, &site).await;
    assert_failed(&ended, "the bucket 'afar-site' is in another region than the project's frontend_region says");

    // One key is denied: the pages, which come last, are not begun, and the key is named.
    let target = installation.add_project("shop").await;
    let denied = site.files().iter().find(|file| file.path.starts_with("assets/")).unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{}/{}", target.bucket, denied.path),
    }] });
    let role_name = target.role.rsplit('/').next().unwrap();
    let of = json!({ "RoleName": role_name, "PolicyName": "one-key" });
    let mut put = of.clone();
    put["PolicyDocument"] = json!(policy.to_string());
    installation.boto.call("iam", "put_role_policy", put).await;
    let ended = installation.deploy(&target, &site).await;
    assert_failed(&ended, &denied.path);
    assert_eq!(ended["result"]["failed_count"], 1, "{ended:#}");
    assert_eq!(ended["result"]["failed_files"][0]["filename"], denied.path.as_str(), "{ended:#}");
    assert!(text(&ended["result"]["failed_files"][0]["reason"]).contains("denied"), "{ended:#}");
    let keys = installation.keys_of(&target.bucket).await;
    assert!(keys.iter().all(|(key, _)| key.starts_with("assets/") && *key != denied.path), "{keys:#?}");

    // Once it is allowed, the same request again puts everything right.
    installation.boto.call("iam", "delete_role_policy", of).await;
    let ended = installation.deploy(&target, &site).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    installation.assert_published(&target.bucket, &site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cdn_that_is_not_told_hides_nothing() {
    let installation = Installation::new().await;

    // The role may, but there is no such distribution.
    let mut gone = installation.prepare("gone").await;
    gone.distribution = "E2NOTTHERE0000".to_owned();
    gone.role =
        installation.deploy_role("gone-2", &gone.bucket, &gone.distribution, installation.output("ExternalId")).await;
    // There is one, but the role may not.
    let mut shut = installation.prepare("shut").await;
    shut.role = installation.deploy_role("shut-2", &shut.bucket, "", installation.output("ExternalId")).await;
    for (target, word) in [(gone, "There is no distribution"), (shut, "was denied")] {
        installation.register(&target).await;
        let site = Site::new(153, 1, 2);

        let ended = installation.deploy(&target, &site).await;

        assert_eq!(ended["status"], "completed", "{ended:#}");
        let result = &ended["result"];
        assert_eq!(result["deploy_status"], "deployed", "{ended:#}");
        assert_eq!(result["cf_invalidation"], "failed", "{ended:#}");
        assert_eq!(result["cf_invalidation_failed"], true, "{ended:#}");
        let error = text(&result["cf_invalidation_error"]);
        assert!(error.contains(word) && error.contains(&target.distribution), "{error}");
        assert!(error.contains("aws cloudfront create-invalidation"), "the way out is named: {error}");
        installation.assert_published(&target.bucket, &site).await;
        let execution = installation.execution(text(&ended["request_id"])).await;
        assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
    }
}

/// The deploy did not go live, visitors get the old site, and the reason names `what`.
fn assert_failed(ended: &Value, what: &str) {
    assert_eq!(ended["status"], "failed", "{ended:#}");
    assert_eq!(ended["result"]["deploy_status"], "deploy_failed", "{ended:#}");
    assert!(text(&ended["result"]["error_summary"]).contains(what), "{what} is not named: {ended:#}");
}
