//! Invalidations that take their time, or that CloudFront does not take yet.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::gate::Gate;
use super::installation::{Installation, TASK_FUNCTION};
use crate::support::{Role, Site, text, wait_until};

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_is_asked_for_until_it_is_taken_and_then_waited_for() {
    let gate = Gate::start().await;
    gate.behaviour.too_many.store(3, Ordering::SeqCst);
    gate.behaviour.holds.store(true, Ordering::SeqCst);
    let installation = Installation::with(&[("AWS_ENDPOINT_URL_CLOUDFRONT", &gate.url)]).await;
    gate.leads_to(installation.ministack.endpoint());
    let target = installation.add_project("shop").await;
    let site = Site::new(141, 1, 2);

    let id = installation.begin(&target, &site).await;
    wait_until("the state machine to look again", DEADLINE, async || {
        (gate.behaviour.looked.load(Ordering::SeqCst) >= 3).then_some(())
    })
    .await;
    assert_eq!(gate.behaviour.too_many.load(Ordering::SeqCst), 0);
    // Its files are live, and it still runs.
    installation.assert_published(&target.bucket, &site).await;
    let of = json!({ "request_id": id });
    let (_, running) = installation.server.tool(Role::Agent, "bouncer_status", of).await;
    assert_eq!(running["status"], "running", "{running:#}");

    // The task once more, as after an answer that was lost.
    let before = gate.behaviour.asked.load(Ordering::SeqCst);
    let payload = json!({ "task": "frontend.invalidate", "request_id": id }).to_string();
    let invoke = json!({ "FunctionName": TASK_FUNCTION, "Payload": payload });
    let repeated = installation.boto.call("lambda", "invoke", invoke).await;
    assert_eq!(repeated.get("FunctionError"), None, "{repeated:#}");
    let answer = BASE64_STANDARD.decode(text(&repeated["Payload"])).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["outcome"], "waiting");
    assert_eq!(gate.behaviour.asked.load(Ordering::SeqCst), before + 1, "it did ask again");

    gate.behaviour.holds.store(false, Ordering::SeqCst);
    let ended = installation.server.ended(&id).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(ended["result"]["cf_invalidation"]["status"], "Completed", "{ended:#}");
    let made = installation.invalidations(&target.distribution).await;
    assert_eq!(made.len(), 1, "{made:#?}");
    assert_eq!(made[0]["Id"], ended["result"]["cf_invalidation"]["id"]);
    assert_eq!(made[0]["InvalidationBatch"]["CallerReference"], id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_does_not_wait_for_ever() {
    let gate = Gate::start().await;
    gate.behaviour.holds.store(true, Ordering::SeqCst);
    let environment = [("AWS_ENDPOINT_URL_CLOUDFRONT", gate.url.as_str()), ("SFN_WAIT_SCALE", "0")];
    let installation = Installation::with(&environment).await;
    gate.leads_to(installation.ministack.endpoint());
    let target = installation.add_project("shop").await;

    let ended = installation.deploy(&target, &Site::new(142, 0, 1)).await;

    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_eq!(ended["result"]["cf_invalidation"]["status"], "InProgress", "{ended:#}");
    assert_eq!(gate.behaviour.looked.load(Ordering::SeqCst), 60);
    let execution = installation.execution(text(&ended["request_id"])).await;
    assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
}
