//! From asking to the stack, as it goes when nothing goes wrong.

use serde_json::json;

use super::world::{STACK, World, topic};
use crate::support::{Github, Role, TOKEN, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_a_stack() {
    let world = World::new().await;
    let sha = world.push("Add the news", &topic("News"));
    let asked = world.asked().await;
    assert_eq!(asked["status"], "pending_approval", "{asked:#}");
    assert_eq!(asked["commit_sha"], sha.as_str());
    assert_eq!(asked["commit_short"], &sha[..7]);
    assert_eq!(asked["commit_message"], "Add the news");
    assert_eq!(asked["branch"], "main");
    let deploy_id = text(&asked["deploy_id"]).to_owned();
    assert_eq!(world.deploy_status(&deploy_id).await["status"], "pending_approval");
    assert_eq!(world.codebuild.started(), 0, "nothing is built before the approval");

    world.approve(text(&asked["request_id"])).await;
    let question = world.question(&deploy_id).await;
    let (_, shown) = world.server.tool(Role::Approver, "bouncer_request_show", json!({ "request_id": question })).await;
    assert_eq!(shown["action"], "infrastructure_change", "{shown:#}");
    let change = &shown["card"]["sections"][0]["rows"][0];
    assert_eq!(change["cells"], json!(["Add", "News", "AWS::SNS::Topic", STACK]), "{shown:#}");
    let facts = shown["card"]["facts"].as_array().expect("facts");
    let fact = |label: &str| facts.iter().find(|fact| fact["label"] == label).map(|fact| text(&fact["value"]["value"]));
    for (label, value) in [("Stack", STACK), ("Branch", "main"), ("Commit", sha.as_str()), ("Message", "Add the news")]
    {
        assert_eq!(fact(label), Some(value), "{shown:#}");
    }
    world.approve(&question).await;

    let ended = world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    let stacks = world.boto.call("cloudformation", "describe_stacks", json!({ "StackName": STACK })).await;
    assert_eq!(stacks["Stacks"][0]["StackStatus"], "CREATE_COMPLETE", "{stacks:#}");
    let key = format!("source/{deploy_id}.zip");
    let source = world.boto.call("s3", "get_object", json!({ "Bucket": "artifacts", "Key": key })).await;
    assert_eq!(source["Body"], base64(&Github::archive_of(&sha)), "the source is that commit's archive");
    assert!(!world.codebuild.environments().contains(TOKEN), "the build must not see the token");
    assert!(!world.server.stderr().contains(TOKEN), "the log must not hold the token");

    let (_, history) = world.server.tool(Role::Agent, "bouncer_deploy_history", json!({ "project": "shop" })).await;
    assert_eq!(history["deploys"][0]["deploy_id"], deploy_id.as_str(), "{history:#}");
    assert_eq!(history["deploys"][0]["status"], "SUCCESS");
    assert_eq!(history["deploys"][0]["commit_sha"], sha.as_str());
    let (_, question) = world.server.tool(Role::Approver, "bouncer_status", json!({ "request_id": question })).await;
    assert_eq!(question["status"], "completed", "{question:#}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_changes_changes_nothing() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    assert_eq!(world.deploy().await["status"], "SUCCESS");
    world.push("Say the same again", &topic("News"));
    let ended = world.deploy().await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    let (_, request) =
        world.server.tool(Role::Approver, "bouncer_status", json!({ "request_id": ended["request_id"] })).await;
    assert_eq!(request["result"]["deploy_status"], "no_changes", "{request:#}");
}
