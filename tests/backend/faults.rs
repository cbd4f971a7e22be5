//! CloudFormation, CodeBuild and GitHub at their worst: they throttle, fail, do what was asked and do not say so, and other
//! people work on the same things.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::world::{Ground, STACK, World, topic};
use crate::support::{Boto, CallProxy, Mishap, Outcome, text};

/// As often as the SDK tries one call; then the task fails, and the state machine repeats it.
const TRIES_OF_A_CALL: usize = 5;

/// A FIFO queue whose name cannot be one: CloudFormation takes the template and the making of the queue fails.
const BROKEN: &str = "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  Orders:\n    Type: AWS::SQS::Queue\n    \
    Properties:\n      FifoQueue: true\n      QueueName: not-a-fifo-name\n";

/// A server that meets its services through proxies.
struct Rough {
    world: World,
    cloudformation: CallProxy,
    codebuild: CallProxy,
    github: CallProxy,
}

impl Rough {
    async fn new() -> Self {
        let ground = Ground::new().await;
        let cloudformation = CallProxy::before(ground.ministack.endpoint()).await;
        let codebuild = CallProxy::before(ground.codebuild.url()).await;
        let github = CallProxy::before(ground.github.url()).await;
        let world = ground
            .serve(&[
                ("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url()),
                ("AWS_ENDPOINT_URL_CODEBUILD", codebuild.url()),
                ("BOUNCER_GITHUB_API_URL", github.url()),
            ])
            .await;
        Self { world, cloudformation, codebuild, github }
    }

    /// Deploys a topic and checks that it went well.
    async fn deploys(&self) {
        self.world.push("Add the news", &topic("News"));
        let ended = self.world.deploy().await;
        assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
        assert_eq!(stack_status(&self.world).await, "CREATE_COMPLETE");
        for (service, proxy) in
            [("CloudFormation", &self.cloudformation), ("CodeBuild", &self.codebuild), ("GitHub", &self.github)]
        {
            assert_eq!(proxy.left(), 0, "{service} was not as bad as it should have been");
        }
    }

    /// Deploys a topic while answers of this operation of CloudFormation get lost; it has its effect once all the same.
    async fn deploys_without_answers(&self, times: usize, operation: &'static str) {
        self.cloudformation.first(times, operation, Mishap::LoseAnswer);
        self.deploys().await;
        let begun =
            events(&self.world).await.iter().filter(|it| **it == (STACK.into(), "CREATE_IN_PROGRESS".into())).count();
        assert_eq!(begun, 1, "the stack was made once");
    }
}

async fn stack_status(world: &World) -> String {
    let stacks = world.boto.call("cloudformation", "describe_stacks", json!({ "StackName": STACK })).await;
    text(&stacks["Stacks"][0]["StackStatus"]).to_owned()
}

/// The rows of the stack's events: what, and its status.
async fn events(world: &World) -> Vec<(String, String)> {
    let told = world.boto.call("cloudformation", "describe_stack_events", json!({ "StackName": STACK })).await;
    let rows = told["StackEvents"].as_array().cloned().unwrap_or_default();
    let word = |row: &Value, name: &str| text(&row[name]).to_owned();
    rows.iter().map(|row| (word(row, "LogicalResourceId"), word(row, "ResourceStatus"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_events_are_asked_for_again() {
    let rough = Rough::new().await;
    let throttled = Mishap::Refuse(400, "Throttling");
    rough.cloudformation.first_after("ExecuteChangeSet", 2, "DescribeStackEvents", throttled);
    rough.deploys().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_whose_making_was_not_confirmed_is_made_once() {
    Rough::new().await.deploys_without_answers(1, "CreateChangeSet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_whose_making_stays_unconfirmed_is_found() {
    Rough::new().await.deploys_without_answers(TRIES_OF_A_CALL + 1, "CreateChangeSet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_was_not_confirmed_is_one_execution() {
    Rough::new().await.deploys_without_answers(1, "ExecuteChangeSet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_stays_unconfirmed_is_one_execution() {
    let rough = Rough::new().await;
    rough.deploys_without_answers(TRIES_OF_A_CALL, "ExecuteChangeSet").await;
    assert_eq!(rough.cloudformation.count("ExecuteChangeSet"), TRIES_OF_A_CALL, "the next task finds it executed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_was_not_heard_is_asked_for_again() {
    let rough = Rough::new().await;
    rough.cloudformation.first(TRIES_OF_A_CALL + 1, "ExecuteChangeSet", Mishap::Refuse(500, "InternalFailure"));
    rough.deploys().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_that_somebody_deletes_meanwhile_is_missed() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    assert_eq!(world.deploy().await["status"], "SUCCESS");
    world.push("Rename", &topic("Gossip"));
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]);
    world.approve(text(&asked["request_id"])).await;
    let question = world.question(deploy_id).await;
    let change_set = json!({ "StackName": STACK, "ChangeSetName": deploy_id });
    world.boto.call("cloudformation", "delete_change_set", change_set).await;
    world.approve(&question).await;
    let ended = world.ended(deploy_id).await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    let summary = text(&ended["error_summary"]);
    assert!(summary.contains("change set is gone") && summary.contains("submit a new request"), "{summary}");
    assert_eq!(stack_status(&world).await, "CREATE_COMPLETE", "nothing was updated");
    assert_eq!(world.deploy().await["status"], "SUCCESS", "the project is free for the next");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_whose_creation_was_rolled_back_is_left_to_a_person() {
    let rough = Rough::new().await;
    let world = &rough.world;
    world.push("Add the orders", BROKEN);
    assert_eq!(world.deploy().await["status"], "FAILED");
    assert_eq!(stack_status(world).await, "ROLLBACK_COMPLETE");
    let made = rough.cloudformation.count("CreateChangeSet");

    world.push("Add the news", &topic("News"));
    let ended = world.deploy().await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    let summary = text(&ended["error_summary"]);
    assert!(summary.contains("is in ROLLBACK_COMPLETE"), "{summary}");
    assert!(summary.contains(&format!("aws cloudformation delete-stack --stack-name {STACK}")), "{summary}");
    assert_eq!(rough.cloudformation.count("CreateChangeSet"), made, "nothing was asked of it");
    assert_eq!(rough.cloudformation.count("DeleteStack"), 0);
    assert_eq!(stack_status(world).await, "ROLLBACK_COMPLETE", "it is still there");

    world.boto.call("cloudformation", "delete_stack", json!({ "StackName": STACK })).await;
    let ended = world.deploy().await;
    assert_eq!(ended["status"], "SUCCESS", "after the person did so: {ended:#}");
}

/// Three topics that are named.
fn topics(display_name: &str) -> String {
    let one = |name: &str| {
        format!("  {name}:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: {display_name}\n")
    };
    format!("AWSTemplateFormatVersion: 2010-09-09\nResources:\n{}{}{}", one("News"), one("Sports"), one("Weather"))
}

/// The answer with the oldest events, up to where so many rows of a finished update are in it.
fn until_updated(answer: &str, shown: usize) -> String {
    let rows: Vec<&str> = answer.split_inclusive("</member>").collect();
    let is_updated = |row: &&str| row.contains("<ResourceStatus>UPDATE_COMPLETE</ResourceStatus>");
    let hidden = rows.iter().filter(|row| is_updated(row)).count().saturating_sub(shown);
    if hidden == 0 {
        return answer.to_owned();
    }
    // Newest first: everything down to the last row that is hidden goes.
    let (head, _) = answer.split_once("<member>").expect("there are rows");
    let last = rows.iter().enumerate().filter(|(_, row)| is_updated(row)).nth(hidden - 1).expect("so many are there").0;
    format!("{head}{}", rows[last + 1..].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_stack_is_counted_as_it_goes() {
    let rough = Rough::new().await;
    let world = &rough.world;
    world.push("Add three", &topics("First"));
    assert_eq!(world.deploy().await["status"], "SUCCESS");

    let shown = Arc::new(AtomicUsize::new(0));
    let slowly = {
        let shown = shown.clone();
        Arc::new(move |answer: String| until_updated(&answer, shown.load(Ordering::SeqCst)))
    };
    rough.cloudformation.first(usize::MAX, "DescribeStackEvents", Mishap::Rewrite(slowly));
    world.push("Rename them", &topics("Second"));
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]);
    world.approve(text(&asked["request_id"])).await;
    let question = world.question(deploy_id).await;
    world.approve(&question).await;
    for done in 0..3_usize {
        shown.store(done, Ordering::SeqCst);
        let hint = format!("Updating stack: {done} of 3 resources");
        let status = world.reaches(deploy_id, &hint, |status| status["progress_hint"] == hint.as_str()).await;
        assert_eq!(status["status"], "RUNNING", "{status:#}");
        assert_eq!(
            (&status["progress"]["done"], &status["progress"]["total"]),
            (&json!(done), &json!(3)),
            "{status:#}"
        );
    }
    shown.store(usize::MAX, Ordering::SeqCst);
    let ended = world.ended(deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_start_was_not_confirmed_is_one_build() {
    let rough = Rough::new().await;
    rough.codebuild.first(1, "StartBuild", Mishap::LoseAnswer);
    rough.deploys().await;
    assert_eq!(rough.world.codebuild.started(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_start_stays_unconfirmed_is_found() {
    let rough = Rough::new().await;
    rough.codebuild.first(TRIES_OF_A_CALL, "StartBuild", Mishap::LoseAnswer);
    rough.deploys().await;
    assert_eq!(rough.world.codebuild.started(), 1);
    assert_eq!(rough.codebuild.count("StartBuild"), TRIES_OF_A_CALL, "the next task finds the build");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_codebuild_is_asked_again() {
    let rough = Rough::new().await;
    rough.codebuild.first(1, "StartBuild", Mishap::Refuse(400, "ThrottlingException"));
    rough.codebuild.first_after("StartBuild", 1, "BatchGetBuilds", Mishap::Refuse(400, "ThrottlingException"));
    rough.deploys().await;
    assert_eq!(rough.world.codebuild.started(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_somebody_stops_is_a_failure_that_says_so() {
    let world = World::new().await;
    world.codebuild.outcome(Outcome::Hold);
    world.push("Take long", &topic("News"));
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]);
    world.approve(text(&asked["request_id"])).await;
    world.reaches(deploy_id, "building", |status| status["progress_hint"] == "Building: BUILD phase").await;
    let somebody = Boto::start(world.codebuild.url(), world.server.scratch());
    let builds = somebody.call("codebuild", "list_builds_for_project", json!({ "projectName": "bouncer-build" })).await;
    somebody.call("codebuild", "stop_build", json!({ "id": builds["ids"][0] })).await;
    let ended = world.ended(deploy_id).await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert_eq!(ended["build_status"], "STOPPED", "{ended:#}");
    let summary = text(&ended["error_summary"]);
    assert!(summary.contains("build was stopped"), "{summary}");
    let nothing = world.boto.try_call("cloudformation", "describe_stacks", json!({ "StackName": STACK })).await;
    assert_eq!(nothing.expect_err("no stack").code, "ValidationError");
    world.codebuild.outcome(Outcome::Succeed);
    assert_eq!(world.asked().await["status"], "pending_approval");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_github_fails_to_give_is_fetched_again() {
    let rough = Rough::new().await;
    rough.github.first(2, "archives", Mishap::Refuse(502, "Bad Gateway"));
    rough.deploys().await;
    assert_eq!(rough.github.count("archives"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_is_down_after_the_approval_is_waited_for() {
    let rough = Rough::new().await;
    let world = &rough.world;
    world.push("Add the news", &topic("News"));
    let asked = world.asked().await;
    let deploy_id = text(&asked["deploy_id"]);
    rough.github.first(2, "repos", Mishap::Refuse(503, "Service Unavailable"));
    world.approve(text(&asked["request_id"])).await;
    let question = world.question(deploy_id).await;
    world.approve(&question).await;
    let ended = world.ended(deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    assert_eq!(rough.github.left(), 0);
}
