//! The other ways a deploy can end, and what the records say of each.

use serde_json::{Value, json};

use super::world::{STACK, World, topic};
use crate::support::{DEADLINE, Outcome, Role, text, wait_until};

/// A FIFO queue whose name cannot be one: CloudFormation takes the template and the making of the queue fails.
const BROKEN: &str = "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  Orders:\n    Type: AWS::SQS::Queue\n    \
    Properties:\n      FifoQueue: true\n      QueueName: not-a-fifo-name\n";

#[tokio::test(flavor = "multi_thread")]
async fn infrastructure_that_is_denied_leaves_the_stack_alone() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    assert_eq!(world.deploy().await["status"], "SUCCESS");
    world.push("Rename", &topic("Gossip"));
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]).to_owned();
    world.approve(text(&asked["request_id"])).await;
    let question = world.question(&deploy_id).await;
    assert_eq!(world.server.decide(Role::Approver, &question, "deny").await.0, 200);
    let ended = world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "CANCELLED", "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("denied the infrastructure changes"), "{ended:#}");
    let change_sets = world.boto.call("cloudformation", "list_change_sets", json!({ "StackName": STACK })).await;
    assert!(!change_sets.to_string().contains(&deploy_id), "the change set is gone: {change_sets:#}");
    assert_eq!(display_name(&world).await, "News");
    // The project is free again.
    world.push("Try again", &topic("Chatter"));
    assert_eq!(world.deploy().await["status"], "SUCCESS");
    assert_eq!(display_name(&world).await, "Chatter");
}

async fn display_name(world: &World) -> String {
    let resources = world.boto.call("cloudformation", "describe_stack_resources", json!({ "StackName": STACK })).await;
    let arn = resources["StackResources"][0]["PhysicalResourceId"].clone();
    let attributes = world.boto.call("sns", "get_topic_attributes", json!({ "TopicArn": arn })).await;
    text(&attributes["Attributes"]["DisplayName"]).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_fails_is_named_first() {
    let world = World::new().await;
    world.push("Add the orders", BROKEN);
    let ended = world.deploy().await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert_eq!(ended["failed_resources"][0]["resource"], "Orders", "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("Orders"), "{ended:#}");
    // The record is closed first, then the history.
    let in_history = async || {
        let (_, history) = world.server.tool(Role::Agent, "bouncer_deploy_history", json!({ "project": "shop" })).await;
        (history["deploys"][0]["status"] == "FAILED").then_some(())
    };
    wait_until("the history to say so", DEADLINE, in_history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_build_tells_its_phase() {
    let world = World::new().await;
    world.codebuild.outcome(Outcome::Fail);
    world.push("Break the build", &topic("News"));
    let ended = world.deploy().await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert_eq!(ended["build_status"], "FAILED");
    let summary = text(&ended["error_summary"]);
    assert!(summary.contains("BUILD") && summary.contains("sam build"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_without_a_package_is_a_failure() {
    let world = World::new().await;
    world.codebuild.outcome(Outcome::LeaveNothing);
    world.push("Forget the package", &topic("News"));
    let ended = world.deploy().await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("packaged.yaml"), "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_is_denied_before_anything_is_built() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    let asked = world.asked().await;
    assert_eq!(world.server.decide(Role::Approver, text(&asked["request_id"]), "deny").await.0, 200);
    let ended = world.ended(text(&asked["deploy_id"])).await;
    assert_eq!(ended["status"], "CANCELLED", "{ended:#}");
    assert_eq!(world.codebuild.started(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_their_own_infrastructure() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    let arguments = json!({ "project": "shop", "reason": "mine" });
    let (_, asked) = world.server.tool(Role::Approver, "bouncer_deploy", arguments).await;
    let (status, _) = world.server.decide(Role::Admin, text(&asked["request_id"]), "approve").await;
    assert_eq!(status, 200);
    let question = world.question(text(&asked["deploy_id"])).await;
    assert_eq!(world.server.decide(Role::Approver, &question, "approve").await.0, 403);
    assert_eq!(world.server.decide(Role::Admin, &question, "approve").await.0, 200);
    assert_eq!(world.ended(text(&asked["deploy_id"])).await["status"], "SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_about_infrastructure_in_time() {
    let world = World::with(&[("BOUNCER_INFRASTRUCTURE_WINDOW", "2")]).await;
    world.push("Add the news", &topic("News"));
    let asked = world.asked().await;
    world.approve(text(&asked["request_id"])).await;
    let ended = world.ended(text(&asked["deploy_id"])).await;
    assert_eq!(ended["status"], "CANCELLED", "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("in time"), "{ended:#}");
}

/// Cancels a deploy that is at this step, and gives how it ended.
async fn cancelled_at(world: &World, is_there: impl Fn(&Value) -> bool) -> Value {
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]).to_owned();
    world.approve(text(&asked["request_id"])).await;
    world.reaches(&deploy_id, "where it is to be cancelled", is_there).await;
    let (status, body) =
        world.server.tool(Role::Agent, "bouncer_deploy_cancel", json!({ "deploy_id": deploy_id })).await;
    assert_eq!(status, 200, "{body:#}");
    assert_eq!(body["status"], "cancelled", "{body:#}");
    let ended = world.deploy_status(&deploy_id).await;
    assert_eq!(ended["status"], "CANCELLED", "the answer comes when it is so: {ended:#}");
    assert_eq!(ended["sfn_status"], "ABORTED", "{ended:#}");
    let locks = world.server.tool(Role::Agent, "bouncer_deploy_status", json!({ "deploy_id": deploy_id })).await;
    assert_eq!(locks.0, 200);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_the_build_and_frees_the_project() {
    let world = World::new().await;
    world.codebuild.outcome(Outcome::Hold);
    world.push("Take long", &topic("News"));
    let building = |status: &Value| status["progress_hint"] == "Building: BUILD phase";
    cancelled_at(&world, building).await;
    assert_eq!(world.codebuild.stopped(), 1);
    world.codebuild.outcome(Outcome::Succeed);
    assert_eq!(world.deploy().await["status"], "SUCCESS", "the project is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_question_takes_it_back() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    let waiting = |status: &Value| status["progress_hint"] == "Waiting for infrastructure approval";
    let ended = cancelled_at(&world, waiting).await;
    let question = text(&ended["infrastructure_request_id"]);
    assert_eq!(world.server.decide(Role::Approver, question, "approve").await.0, 409);
    let (_, pending) = world.server.tool(Role::Approver, "bouncer_list_pending", json!({})).await;
    assert_eq!(pending["count"], 0, "{pending:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_what_waits_withdraws_it() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    let asked = world.asked().await;
    let arguments = json!({ "deploy_id": asked["deploy_id"] });
    assert_eq!(world.server.tool(Role::Agent, "bouncer_deploy_cancel", arguments.clone()).await.0, 200);
    assert_eq!(world.deploy_status(text(&asked["deploy_id"])).await["status"], "CANCELLED");
    assert_eq!(world.server.decide(Role::Approver, text(&asked["request_id"]), "approve").await.0, 409);
    assert_eq!(world.server.tool(Role::Agent, "bouncer_deploy_cancel", arguments).await.0, 409);
    let unknown = json!({ "deploy_id": "deploy-0000000000000000" });
    let (status, body) = world.server.tool(Role::Agent, "bouncer_deploy_cancel", unknown).await;
    assert_eq!((status, text(&body["status"])), (404, "not_found"), "{body:#}");
}
