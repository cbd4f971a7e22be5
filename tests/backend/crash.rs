//! The server dies at each step, and the deploy ends as if it had not.

use serde_json::{Value, json};

use super::world::{STACK, World, topic};
use crate::support::{Outcome, text};

/// Kills the server when the deploy is there, starts it again, and lets the deploy end.
async fn dies_at(hint: &str) {
    let mut world = World::new().await;
    if hint.starts_with("Building") {
        world.codebuild.outcome(Outcome::Hold);
    }
    world.push("Add the news", &topic("News"));
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]).to_owned();
    world.approve(text(&asked["request_id"])).await;
    if !hint.is_empty() {
        world.reaches(&deploy_id, hint, |status: &Value| status["progress_hint"] == hint).await;
    }
    world.server.kill9();
    world.codebuild.outcome(Outcome::Succeed);
    world.server.restart().await;
    let question = world.question(&deploy_id).await;
    world.server.kill9();
    world.server.restart().await;
    world.approve(&question).await;
    world.server.kill9();
    world.server.restart().await;
    let ended = world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    assert_eq!(world.codebuild.started(), 1, "one build, however often the server died");
    let stacks = world.boto.call("cloudformation", "describe_stacks", json!({ "StackName": STACK })).await;
    assert_eq!(stacks["Stacks"][0]["StackStatus"], "CREATE_COMPLETE", "{stacks:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_after_the_approval() {
    dies_at("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_builds() {
    dies_at("Building: BUILD phase").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits_for_infrastructure_approval() {
    dies_at("Waiting for infrastructure approval").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_many_moments_one_stack_comes_of_it() {
    let mut world = World::new().await;
    world.push("Add the news", &topic("News"));
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]).to_owned();
    world.approve(text(&asked["request_id"])).await;
    let mut approved = false;
    for round in 0..12u64 {
        // Moments that differ from round to round, not waits for something.
        tokio::time::sleep(std::time::Duration::from_millis(90 + 170 * (round % 5))).await;
        world.server.kill9();
        world.server.restart().await;
        let status = world.deploy_status(&deploy_id).await;
        if status["progress_hint"] == "Waiting for infrastructure approval" && !approved {
            world.approve(text(&status["infrastructure_request_id"])).await;
            approved = true;
        }
    }
    if !approved {
        let question = world.question(&deploy_id).await;
        world.approve(&question).await;
    }
    let ended = world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    assert_eq!(world.codebuild.started(), 1);
}
