//! A publish that takes longer than a function may.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::gate::Gate;
use super::installation::{Installation, TASK_FUNCTION};
use crate::support::{Role, Site, wait_until};

const DEADLINE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_long_publish_goes_on_in_the_next_call_of_its_function() {
    let gate = Gate::start().await;
    let installation = Installation::with(&[("AWS_ENDPOINT_URL_S3", &gate.url)]).await;
    gate.leads_to(installation.ministack.endpoint());
    let target = installation.add_project("shop").await;
    // A slice keeps 45 s to finish in and is given 5 s at least.
    let shorter = json!({ "FunctionName": TASK_FUNCTION, "Timeout": 50 });
    installation.boto.call("lambda", "update_function_configuration", shorter).await;
    let site = Site::new(161, 2, 60);

    let id = installation.ask(&target, &site).await;
    gate.behaviour.put_takes.store(3_000, Ordering::SeqCst);
    let (status, decided) = installation.server.decide(Role::Approver, &id, "approve").await;
    assert_eq!(status, 200, "{decided:#}");
    // The first slice: 3 s for the release, 3 s for the assets; then one page more, and its time is over.
    wait_until("the next slice", DEADLINE, async || (entered(&installation, &id, "Publish").await > 1).then_some(()))
        .await;
    gate.behaviour.put_takes.store(0, Ordering::SeqCst);

    let ended = installation.server.ended(&id).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    assert_eq!(ended["result"]["deployed_count"], 63, "{ended:#}");
    installation.assert_published(&target.bucket, &site).await;
    assert_eq!(installation.execution(&id).await["status"], "SUCCEEDED");
    assert_eq!(entered(&installation, &id, "Complete").await, 1);
}

/// How often the request's execution has entered a state.
async fn entered(installation: &Installation, request_id: &str, state: &str) -> usize {
    let of = json!({ "executionArn": installation.execution_arn(request_id) });
    let history = installation.boto.call("stepfunctions", "get_execution_history", of).await;
    let events = history["events"].as_array().unwrap();
    events.iter().filter(|event| event["stateEnteredEventDetails"]["name"] == state).count()
}
