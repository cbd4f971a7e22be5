//! Cancelling while things are under way, and what is left when an execution ends by force.

use serde_json::json;

use super::world::{DEPLOY_DEADLINE, Ground, STACK, Scripted, World, topic};
use crate::support::{CallProxy, Change, CloudFormation, Mishap, Outcome, text, wait_until};

const TOPIC: &str = "AWS::SNS::Topic";

fn two_topics() -> Vec<Change> {
    vec![Change::of("Modify", "News", TOPIC), Change::of("Add", "Gossip", TOPIC)]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_runs_is_taken_back_and_the_next_deploy_waits_for_that() {
    let shop = Scripted::new().await;
    let (world, cloudformation) = (&shop.world, &shop.cloudformation);
    cloudformation.plan(two_topics());
    let deploy_id = shop.changes().await;
    cloudformation.resource(STACK, "News", TOPIC, "UPDATE_IN_PROGRESS", "");
    cloudformation.resource(STACK, "News", TOPIC, "UPDATE_COMPLETE", "");
    shop.says(&deploy_id, "Updating stack: 1 of 2 resources").await;

    let (status, body) = shop.cancel(&deploy_id).await;
    assert_eq!((status, text(&body["status"])), (200, "cancelled"), "{body:#}");
    assert_eq!(cloudformation.status(STACK), "UPDATE_ROLLBACK_IN_PROGRESS");
    let ended = world.deploy_status(&deploy_id).await;
    assert_eq!((text(&ended["status"]), text(&ended["sfn_status"])), ("CANCELLED", "ABORTED"), "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("cancelled it"), "{ended:#}");
    let (status, again) = shop.cancel(&deploy_id).await;
    assert_eq!(status, 200, "said again it does what is left, which is nothing: {again:#}");
    assert_eq!(cloudformation.count("CancelUpdateStack"), 1);

    // The lease is free, and the stack is not.
    world.push("Try again", &topic("Gossip"));
    let looks = cloudformation.count("DescribeStacks");
    let next = shop.begins().await;
    let has_looked = async || (cloudformation.count("DescribeStacks") > looks).then_some(());
    wait_until("it to look at the stack", DEPLOY_DEADLINE, has_looked).await;
    assert_eq!(cloudformation.count("CreateChangeSet"), 1, "nothing is asked of a stack that goes back");
    cloudformation.stack(STACK, "UPDATE_ROLLBACK_COMPLETE", "");
    let question = world.question(&next).await;
    world.approve(&question).await;
    shop.is_executed(2).await;
    cloudformation.stack(STACK, "UPDATE_COMPLETE", "");
    assert_eq!(world.ended(&next).await["status"], "SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_is_over_when_it_is_to_be_cancelled_is_a_success() {
    let shop = Scripted::new().await;
    let (world, cloudformation) = (&shop.world, &shop.cloudformation);
    cloudformation.plan(two_topics());
    let deploy_id = shop.changes().await;
    // The deploy looks, and does not see the end.
    cloudformation.hold(1);
    wait_until("the deploy to look", DEPLOY_DEADLINE, async || (cloudformation.to_hold() == 0).then_some(())).await;
    cloudformation.stack(STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "");
    let (status, body) = shop.cancel(&deploy_id).await;
    cloudformation.release();
    assert_eq!(status, 409, "{body:#}");
    assert!(text(&body["error"]).contains("it is completed"), "{body:#}");
    assert_eq!(world.deploy_status(&deploy_id).await["status"], "SUCCESS");
    assert_eq!(cloudformation.count("CancelUpdateStack"), 0);
    cloudformation.stack(STACK, "UPDATE_COMPLETE", "");

    // Its end comes between the look and the word.
    world.push("Once more", &topic("Gossip"));
    let next = shop.begins().await;
    let question = world.question(&next).await;
    world.approve(&question).await;
    shop.is_executed(2).await;
    shop.says(&next, "Updating stack: 0 of 2 resources").await;
    cloudformation.end_at("CancelUpdateStack");
    let (status, body) = shop.cancel(&next).await;
    assert_eq!(status, 409, "{body:#}");
    assert_eq!(world.deploy_status(&next).await["status"], "SUCCESS");
    assert_eq!(cloudformation.status(STACK), "UPDATE_COMPLETE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_nobody_could_note_is_found_and_stopped() {
    let ground = Ground::new().await;
    let codebuild = CallProxy::before(ground.codebuild.url()).await;
    let world = ground.serve(&[("AWS_ENDPOINT_URL_CODEBUILD", codebuild.url())]).await;
    world.codebuild.outcome(Outcome::Hold);
    codebuild.first(1, "StartBuild", Mishap::KeepAnswer);
    world.push("Take long", &topic("News"));
    let asked = world.asked().await;
    world.approve(text(&asked["request_id"])).await;
    wait_until("the build to begin", DEPLOY_DEADLINE, async || (world.codebuild.started() == 1).then_some(())).await;
    cancelled(&world, text(&asked["deploy_id"])).await;
    assert_eq!(world.codebuild.stopped(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_that_nobody_could_note_is_found_and_deleted() {
    let cloudformation = CloudFormation::start().await;
    cloudformation.has_stack(STACK, "UPDATE_COMPLETE");
    cloudformation.plan(two_topics());
    let proxy = CallProxy::before(cloudformation.url()).await;
    proxy.first(1, "CreateChangeSet", Mishap::KeepAnswer);
    let world = World::with(&[("AWS_ENDPOINT_URL_CLOUDFORMATION", proxy.url())]).await;
    world.push("Change it", &topic("News"));
    let asked = world.asked().await;
    world.approve(text(&asked["request_id"])).await;
    let is_made = async || (!cloudformation.change_sets().is_empty()).then_some(());
    wait_until("the change set to be made", DEPLOY_DEADLINE, is_made).await;
    cancelled(&world, text(&asked["deploy_id"])).await;
    assert!(cloudformation.change_sets().is_empty(), "{:?}", cloudformation.change_sets());
    assert_eq!(cloudformation.count("DeleteChangeSet"), 2, "it was still being computed at first");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_when_a_deploy_is_cancelled_does_not_arrive() {
    let ground = Ground::new().await;
    let cloudformation = CloudFormation::start().await;
    cloudformation.has_stack(STACK, "UPDATE_COMPLETE");
    cloudformation.plan(vec![Change::code("Front")]);
    let (stacks, github) =
        (CallProxy::before(cloudformation.url()).await, CallProxy::before(ground.github.url()).await);
    let more = [("AWS_ENDPOINT_URL_CLOUDFORMATION", stacks.url()), ("BOUNCER_GITHUB_API_URL", github.url())];
    let world = ground.serve(&more).await;

    // While the archive is fetched.
    github.first(1, "archives", Mishap::KeepAnswer);
    world.push("Change it", &topic("News"));
    let asked = world.asked().await;
    world.approve(text(&asked["request_id"])).await;
    wait_until("the archive to be asked for", DEPLOY_DEADLINE, async || (github.count("archives") == 1).then_some(()))
        .await;
    cancelled(&world, text(&asked["deploy_id"])).await;
    assert_eq!(world.codebuild.started(), 0);

    // While CloudFormation is told to execute.
    stacks.first(1, "ExecuteChangeSet", Mishap::KeepAnswer);
    let asked = world.asked().await;
    world.approve(text(&asked["request_id"])).await;
    wait_until("it to be executed", DEPLOY_DEADLINE, async || (cloudformation.executed().len() == 1).then_some(()))
        .await;
    cancelled(&world, text(&asked["deploy_id"])).await;
    assert_eq!(cloudformation.status(STACK), "UPDATE_ROLLBACK_IN_PROGRESS");
}

/// Cancels a deploy, which must be possible.
async fn cancelled(world: &World, deploy_id: &str) {
    let arguments = json!({ "deploy_id": deploy_id });
    let (status, body) = world.server.tool(crate::support::Role::Agent, "bouncer_deploy_cancel", arguments).await;
    assert_eq!(status, 200, "{body:#}");
    assert_eq!(world.deploy_status(deploy_id).await["status"], "CANCELLED");
}
