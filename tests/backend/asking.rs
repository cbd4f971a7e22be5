//! What is found out before anybody is asked: conflicts, duplicates, missing secrets, and what needs no human.

use serde_json::json;

use super::world::{DEPLOY_DEADLINE, World, topic};
use crate::support::{Outcome, Role, text, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn while_one_runs_another_is_a_conflict() {
    let world = World::new().await;
    world.codebuild.outcome(Outcome::Hold);
    world.push("Take long", &topic("News"));
    let first = world.asked().await;
    world.approve(text(&first["request_id"])).await;
    let building = |status: &serde_json::Value| status["status"] == "RUNNING";
    let running = world.reaches(text(&first["deploy_id"]), "running", building).await;
    world.push("Be impatient", &topic("Gossip"));
    let (status, body) = world.ask().await;
    assert_eq!(status, 409, "{body:#}");
    assert_eq!(body["status"], "conflict");
    assert_eq!(body["running_deploy_id"], first["deploy_id"]);
    assert_eq!(body["started_at"], running["started_at"]);
    assert_eq!(body["estimated_remaining"], "5 minutes", "{body:#}");
    assert_eq!(body["hint"], "Use bouncer_deploy_cancel to cancel the running deploy");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_commit_is_asked_for_once() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    let (first, second) = (world.asked().await, world.asked().await);
    assert_eq!(second["duplicate"], true, "{second:#}");
    assert_eq!(first["request_id"], second["request_id"]);
    world.push("Another", &topic("Gossip"));
    let third = world.asked().await;
    assert_ne!(third["request_id"], first["request_id"]);
    assert_eq!(third.get("duplicate"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_ask_for_a_commit_at_one_instant_one_request_comes() {
    let world = World::new().await;
    let (_, made) =
        world.server.tool(Role::Admin, "bouncer_key_create", json!({ "name": "second bot", "role": "agent" })).await;
    let key = text(&made["key"]);
    world.push("Add the news", &topic("News"));
    let ask = json!({ "project": "shop", "reason": "a test", "source": "First bot (news)" });
    let asks = (0..24).map(|_| world.server.tool(Role::Agent, "bouncer_deploy", ask.clone()));
    let answers = futures::future::join_all(asks).await;
    let first = answers.iter().find(|(_, body)| body.get("duplicate").is_none()).expect("one is new").1.clone();
    for (status, body) in &answers {
        assert_eq!(*status, 200, "{body:#}");
        assert_eq!(body["request_id"], first["request_id"]);
        assert_eq!(body.get("asked_by"), None, "{body:#}");
    }
    assert_eq!(answers.iter().filter(|(_, body)| body["duplicate"] == true).count(), 23);
    let (_, pending) = world.server.tool(Role::Approver, "bouncer_list_pending", json!({})).await;
    assert_eq!(pending["count"], 1, "{pending:#}");

    // Another key that asks for the same is told whose it is, and may look at it; it is not its own to cancel.
    let of = json!({ "deploy_id": first["deploy_id"] });
    let (_, unseen) = world.server.tool_with_key(key, "bouncer_deploy_status", &of).await;
    assert_eq!(unseen["status"], "not_found", "{unseen:#}");
    let (_, joined) = world.server.tool_with_key(key, "bouncer_deploy", &ask).await;
    assert_eq!((&joined["duplicate"], text(&joined["asked_by"])), (&json!(true), "First bot (news)"), "{joined:#}");
    assert!(text(&joined["message"]).starts_with("First bot (news) submitted this commit first"), "{joined:#}");
    let (_, seen) = world.server.tool_with_key(key, "bouncer_deploy_status", &of).await;
    assert_eq!(seen["status"], "pending_approval", "{seen:#}");
    let by_request = json!({ "request_id": first["request_id"] });
    assert_eq!(world.server.tool_with_key(key, "bouncer_status", &by_request).await.0, 200);
    assert_eq!(world.server.tool_with_key(key, "bouncer_deploy_cancel", &of).await.0, 403);

    // What was withdrawn does not count any more.
    assert_eq!(world.server.tool(Role::Agent, "bouncer_deploy_cancel", of).await.0, 200);
    let (_, anew) = world.server.tool_with_key(key, "bouncer_deploy", &ask).await;
    assert_eq!(anew.get("duplicate"), None, "{anew:#}");
    assert_ne!(anew["request_id"], first["request_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_are_approved_at_once_one_runs() {
    let world = World::new().await;
    world.push("One", &topic("One"));
    let first = world.asked().await;
    world.push("Two", &topic("Two"));
    let second = world.asked().await;
    tokio::join!(world.approve(text(&first["request_id"])), world.approve(text(&second["request_id"])));
    let (winner, question) = wait_until("one of them to ask", DEPLOY_DEADLINE, async || {
        for asked in [&first, &second] {
            let deploy_id = text(&asked["deploy_id"]);
            if let Some(question) = world.deploy_status(deploy_id).await["infrastructure_request_id"].as_str() {
                return Some((deploy_id.to_owned(), question.to_owned()));
            }
        }
        None
    })
    .await;
    world.approve(&question).await;
    assert_eq!(world.ended(&winner).await["status"], "SUCCESS");
    let loser = if winner == text(&first["deploy_id"]) { &second } else { &first };
    let lost = world.ended(text(&loser["deploy_id"])).await;
    assert_eq!(lost["status"], "FAILED", "{lost:#}");
    assert!(text(&lost["error_summary"]).contains("nother deploy"), "{lost:#}");
    assert_eq!(world.codebuild.started(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_found_before_anybody_is_asked() {
    let world = World::new().await;
    let template =
        format!("{}      TopicName: '{{{{resolve:secretsmanager:shop/name:SecretString:n}}}}'\n", topic("News"));
    world.push("Need a secret", &template);
    let (status, body) = world.ask().await;
    assert_eq!(status, 422, "{body:#}");
    assert_eq!(body["error_code"], "PREFLIGHT_FAILED");
    assert_eq!(body["missing_secrets"], json!(["shop/name"]));
    assert!(text(&body["suggestion"]).contains("put-secret-value --secret-id 'shop/name'"), "{body:#}");
    let secret = json!({ "Name": "shop/name", "SecretString": "{\"n\":\"x\"}" });
    world.boto.call("secretsmanager", "create_secret", secret).await;
    assert_eq!(world.asked().await["status"], "pending_approval");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_refuses_is_said_with_the_way_out() {
    let world = World::new().await;
    let (status, body) = world.ask().await;
    assert_eq!((status, text(&body["error_code"])), (422, "PREFLIGHT_FAILED"), "no such branch yet: {body:#}");
    world.push("Add the news", &topic("News"));
    for (fault, code) in [
        ((401, &[][..]), "PREFLIGHT_FAILED"),
        ((403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1900000000")][..]), "UPSTREAM_ERROR"),
        ((502, &[][..]), "UPSTREAM_ERROR"),
    ] {
        world.github.fail_with(Some(fault));
        let (_, body) = world.ask().await;
        assert_eq!(body["error_code"], code, "{fault:?}: {body:#}");
    }
    world.github.fail_with(Some((401, &[])));
    let (_, body) = world.ask().await;
    assert_eq!(body["secret"], "sam-deployer/github-pat", "{body:#}");
    world.github.fail_with(None);
    let (_, pending) = world.server.tool(Role::Approver, "bouncer_list_pending", json!({})).await;
    assert_eq!(pending["count"], 0, "nothing was asked: {pending:#}");
    world.set_backend(json!({ "github_pat_secret": "nobody/has-this" })).await;
    let (_, body) = world.ask().await;
    assert_eq!(body["secret"], "nobody/has-this", "{body:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_ask_less_but_never_about_infrastructure() {
    let world = World::new().await;
    world.set_backend(json!({ "deploy_mode": "auto_code" })).await;
    world.push("Add the news", &topic("News"));
    assert_eq!(world.asked().await["status"], "pending_approval", "nothing to compare with: a human decides");
    let (_, pending) = world.server.tool(Role::Approver, "bouncer_list_pending", json!({})).await;
    world.approve(text(&pending["requests"][0]["request_id"])).await;
    let deploy_id = text(&pending["requests"][0]["request_id"]).replacen("req-", "deploy-", 1);
    let question = world.question(&deploy_id).await;
    world.approve(&question).await;
    assert_eq!(world.ended(&deploy_id).await["status"], "SUCCESS");

    world.push("Only words", &topic("News"));
    let started = world.asked().await;
    assert_eq!(started["status"], "started", "{started:#}");
    assert_eq!(world.ended(text(&started["deploy_id"])).await["status"], "SUCCESS");

    world.set_backend(json!({ "deploy_mode": "auto_all" })).await;
    world.push("Rename", &topic("Gossip"));
    let started = world.asked().await;
    assert_eq!(started["status"], "started", "{started:#}");
    let question = world.question(text(&started["deploy_id"])).await;
    world.approve(&question).await;
    let ended = world.ended(text(&started["deploy_id"])).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    let (_, request) =
        world.server.tool(Role::Approver, "bouncer_status", json!({ "request_id": started["request_id"] })).await;
    assert_eq!(request["decided_by"], "deploy_mode auto_all", "{request:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn github_is_told_when_the_project_wants_it() {
    let world = World::new().await;
    world.set_backend(json!({ "github_status": true })).await;
    world.push("Add the news", &topic("News"));
    assert_eq!(world.deploy().await["status"], "SUCCESS");
    // The record is closed first, and GitHub is told of what it says.
    wait_until("GitHub to be told", DEPLOY_DEADLINE, async || (world.github.statuses().len() == 3).then_some(())).await;
    assert_eq!(world.github.statuses(), ["pending", "pending", "success"]);
    let states = async || Some(world.github.deployments()).filter(|(_, states)| states.len() == 2);
    let told = wait_until("the deployment to be closed", DEPLOY_DEADLINE, states).await;
    assert_eq!(told, (1, vec!["in_progress".to_owned(), "success".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_ask_do() {
    let world = World::new().await;
    world.push("Add the news", &topic("News"));
    world.set_backend(json!({ "allowed_deployers": ["somebody-else"] })).await;
    assert_eq!(world.ask().await.0, 403);
    world.set_backend(json!({ "allowed_deployers": ["local agent"] })).await;
    assert_eq!(world.ask().await.0, 200);
}
