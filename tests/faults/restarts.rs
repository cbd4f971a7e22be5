//! Processes that die between two steps, and records that they left in a state nobody wants.

use std::net::{IpAddr, Ipv4Addr};

use aws_sdk_dynamodb::types::AttributeValue;
use bouncer::domain::audit::Actor;
use bouncer::domain::channel::ChannelName;
use bouncer::domain::ids::{ApproverId, KeyId, RequestId};
use bouncer::domain::request::{Decision, Event, Status, Verdict};
use bouncer::domain::time::Time;
use bouncer::kinds::site::MACHINE;
use bouncer::requests::engine::Engine as _;
use http::Method;
use tokio_util::sync::CancellationToken;

use super::world::{BUCKET, Bouncer, DEADLINE, Raw, STAGING, World, new_site, old_site, publish_settings};
use crate::support::{Fault, Role, Server, Site, text, wait_until};
use crate::tools::frontend_request;

/// Stores a decision as `decide` does, and dies before anything follows from it.
async fn decide_and_die(bouncer: &Bouncer, id: &RequestId) {
    let request = bouncer.app.store.request(id).await.unwrap().unwrap();
    let decision = Decision {
        verdict: Verdict::Approve,
        by: ApproverId::from(&KeyId::random()),
        by_name: "an approver".into(),
        channel: ChannelName::Http,
        reason: None,
        at: Time::now(),
        by_key: None,
        press: 1,
    };
    bouncer
        .app
        .store
        .transition(&request, Event::Approve, Actor::bouncer(), |row| row.decision = Some(decision))
        .await
        .unwrap();
}

async fn assert_runs_once(world: &World, bouncer: &Bouncer, id: &RequestId, site: &Site) {
    bouncer.ended(id).await.assert_completed(site);
    world.assert_holds(BUCKET, site).await;
    let puts = world.puts(BUCKET);
    assert!(puts.len() == site.files().len() && puts.values().all(|times| *times == 1), "{puts:?}");
    bouncer.assert_free().await;
}

#[tokio::test]
async fn a_decision_without_a_running_engine_runs_once() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.kill().await;
    let bouncer = world.bouncer(publish_settings());
    let site = old_site();
    let id = bouncer.start(&site).await;
    bouncer.kill().await;
    assert!(world.puts(BUCKET).is_empty());
    let bouncer = world.bouncer(publish_settings()).at_work().await;
    assert_runs_once(&world, &bouncer, &id, &site).await;
}

#[tokio::test]
async fn a_decision_that_was_not_handed_over_runs_once() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    let id = bouncer.ask(&site).await;
    wait_until("the token", DEADLINE, async || bouncer.app.store.task_token(&id).await.unwrap()).await;
    decide_and_die(&bouncer, &id).await;
    bouncer.kill().await;
    let bouncer = world.bouncer(publish_settings()).at_work().await;
    assert_runs_once(&world, &bouncer, &id, &site).await;
    // A later start finds nothing to do.
    bouncer.kill().await;
    let bouncer = world.bouncer(publish_settings()).at_work().await;
    assert_runs_once(&world, &bouncer, &id, &site).await;
}

#[tokio::test]
async fn a_decision_before_the_token_runs_once() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.kill().await;
    let bouncer = world.bouncer(publish_settings());
    let site = old_site();
    let id = bouncer.ask(&site).await;
    decide_and_die(&bouncer, &id).await;
    let bouncer = world.bouncer(publish_settings()).at_work().await;
    assert_runs_once(&world, &bouncer, &id, &site).await;
}

/// Dies with pages written and the entry page on its way; what then goes wrong for good must not hide that.
async fn dies_between_pages(then: impl AsyncFnOnce(&World, &RequestId), sentence: &str) {
    let (world, bouncer) = World::with_shop().await;
    let (old, new) = (old_site(), new_site());
    bouncer.deploys(&world, &old).await;
    let held = world.proxy.first(1, Method::PUT, BUCKET, "index.html", Fault::Hold(CancellationToken::new()));
    let id = bouncer.start(&new).await;
    wait_until("the entry page to hang", DEADLINE, async || (held.hits() == 1).then_some(())).await;
    bouncer.kill().await;
    world.assert_holds_file(BUCKET, new.file("pages/page-0001.html")).await;

    then(&world, &id).await;
    let bouncer = world.bouncer(publish_settings()).at_work().await;
    bouncer.ended(&id).await.assert_failed("partial_deploy", sentence);
    bouncer.assert_free().await;
    world.proxy.heal();
    bouncer.deploys(&world, &old).await;
    bouncer.deploys(&world, &new).await;
}

#[tokio::test]
async fn dies_between_pages_then_assets_are_denied() {
    let harm = async |world: &World, _: &RequestId| {
        // What is there already is not written again, so one of them has to be gone.
        world.objects.delete(BUCKET, "assets/new-1.js").await.unwrap();
        world.proxy.always(Method::PUT, BUCKET, "assets/*", Fault::ACCESS_DENIED);
    };
    dies_between_pages(harm, "access to the bucket 'shop-site' was denied").await;
}

#[tokio::test]
async fn dies_between_pages_then_the_bucket_is_denied() {
    let harm = async |world: &World, _: &RequestId| {
        world.proxy.always(Method::GET, BUCKET, "", Fault::ACCESS_DENIED);
    };
    dies_between_pages(harm, "could not be compared").await;
}

#[tokio::test]
async fn dies_between_pages_then_the_manifest_is_denied() {
    let harm = async |world: &World, _: &RequestId| {
        world.proxy.always(Method::GET, STAGING, "manifests/*", Fault::ACCESS_DENIED);
    };
    dies_between_pages(harm, &format!("A document in the bucket '{STAGING}' cannot be used.")).await;
}

#[tokio::test]
async fn dies_between_pages_then_the_execution_ends() {
    let harm = async |world: &World, id: &RequestId| end_execution(&world.bouncer(publish_settings()), id).await;
    dies_between_pages(harm, "The workflow ended without recording why.").await;
}

/// Ends an execution in the records as if its last write had been the only one.
async fn end_execution(bouncer: &Bouncer, id: &RequestId) {
    let store = &bouncer.app.store;
    let row = store.execution(&format!("{}:{id}", MACHINE.name)).await.unwrap().unwrap();
    let ended = row.followed_by("FAILED", row.snapshot.clone(), Time::now().timestamp());
    store.update_execution(&ended).await.unwrap();
}

#[tokio::test]
async fn a_request_whose_execution_ended_is_closed_at_the_start() {
    for decided in [Status::Approved, Status::Running] {
        let world = World::new().await;
        let bouncer = world.bouncer(publish_settings());
        bouncer.add_project("shop", BUCKET).await;
        let site = old_site();
        let id = bouncer.start(&site).await;
        if decided == Status::Running {
            let held = world.proxy.first(1, Method::PUT, BUCKET, "assets/*", Fault::Hold(CancellationToken::new()));
            tokio::select! {
                slice = bouncer.slice(&id) => panic!("{slice:?}"),
                () = wait_until("the work to hang", DEADLINE, async || (held.hits() > 0).then_some(())) => {}
            }
        }
        assert_eq!(bouncer.app.store.request(&id).await.unwrap().unwrap().status, decided);
        end_execution(&bouncer, &id).await;

        let bouncer = world.bouncer(publish_settings());
        bouncer::requests::recover::recover(&bouncer.app).await.unwrap();
        let stored = bouncer.app.store.request(&id).await.unwrap().unwrap();
        assert_eq!(stored.status, Status::Failed, "{decided}");
        let result = stored.outcome.unwrap().result;
        assert_eq!(result["deploy_status"], "deploy_failed", "{result:#}");
        assert!(text(&result["error_summary"]).starts_with("The workflow ended without recording why."), "{result:#}");
        bouncer.assert_free().await;
        let bouncer = bouncer.at_work().await;
        bouncer.deploys(&world, &site).await;
    }
}

/// The pointer has moved, and the process dies before the record is closed.
#[tokio::test]
async fn a_live_deploy_whose_execution_ended_is_completed_at_the_start() {
    let world = World::new().await;
    let bouncer = world.bouncer(publish_settings());
    bouncer.add_project("shop", BUCKET).await;
    let site = old_site();
    let id = bouncer.start(&site).await;
    assert_eq!(bouncer.slice(&id).await.unwrap()["outcome"], "deployed");
    bouncer.engine.stop(MACHINE, id.as_str(), "a test").await.unwrap();
    let bouncer = world.bouncer(publish_settings());
    bouncer::requests::recover::recover(&bouncer.app).await.unwrap();
    bouncer.ended(&id).await.assert_completed(&site);
    bouncer.assert_free().await;
}

/// Rows that nobody can read keep nobody else waiting, and the server starts.
#[tokio::test]
async fn a_server_starts_over_damaged_records() {
    let mut server = Server::start().await;
    server.add_project("shop").await;
    let site = Site::new(8, 1, 2);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let (status, body) = server.tool(Role::Agent, "bouncer_deploy_frontend", frontend_request("shop", &site)).await;
        assert_eq!(status, 200, "{body:#}");
        ids.push(text(&body["request_id"]).to_owned());
    }
    server.stop();
    damage(&server, &ids).await;
    server.restart().await;

    let (status, body) = server.decide(Role::Approver, &ids[4], "approve").await;
    assert_eq!(status, 200, "{body:#}");
    let ended = server.ended(&ids[4]).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    for id in &ids[..4] {
        let (status, body) = server.decide(Role::Approver, id, "approve").await;
        assert!(status == 200 || text(&body["error"]).ends_with('.'), "{body:#}");
    }
}

async fn damage(server: &Server, ids: &[String]) {
    let stop = CancellationToken::new();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let endpoints = embedded_aws::start(&server.data_dir(), loopback, stop.clone()).await.unwrap();
    let records = Raw::new(endpoints.records, endpoints.objects, &endpoints.credentials).records;
    let set = async |table: &str, key: (&str, String), attribute: &str, value: AttributeValue| {
        records
            .update_item()
            .table_name(table)
            .key(key.0, AttributeValue::S(key.1))
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", value)
            .send()
            .await
            .unwrap();
    };
    let words = || AttributeValue::S("{ not what it was".into());
    let execution = |id: &str| ("name", format!("frontend_deploy:{id}"));
    set("bouncer-requests", ("request_id", ids[0].clone()), "plan", words()).await;
    set("bouncer-requests", ("request_id", ids[1].clone()), "schema", words()).await;
    set("bouncer-executions", execution(&ids[2]), "snapshot", words()).await;
    set("bouncer-executions", execution(&ids[3]), "revision", words()).await;
    // Rows of nobody.
    set("bouncer-requests", ("request_id", "req-x".into()), "status", AttributeValue::S("approved".into())).await;
    set("bouncer-requests", ("request_id", "req-x".into()), "created_at", words()).await;
    set("bouncer-executions", ("name", "frontend_deploy:req-x".into()), "status", AttributeValue::S("RUNNING".into()))
        .await;
    set("bouncer-executions", ("name", "frontend_deploy:req-x".into()), "started_at", words()).await;
    stop.cancel();
    endpoints.stopped().await;
}
