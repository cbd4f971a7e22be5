//! Requests that end without a deploy.

use serde_json::{Value, json};

use super::installation::{Installation, at};
use crate::support::{Role, Site, text};
use crate::tools::frontend_request;

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_request_publishes_nothing() {
    let installation = Installation::new().await;
    let target = installation.add_project("shop").await;

    let id = installation.ask(&target, &Site::new(121, 1, 2)).await;
    let (status, decided) = installation.server.decide(Role::Approver, &id, "deny").await;
    assert_eq!(status, 200, "{decided:#}");

    let ended = installation.server.ended(&id).await;
    assert_eq!(ended["status"], "denied", "{ended:#}");
    assert_eq!(installation.execution(&id).await["status"], "SUCCEEDED");
    assert_untouched(&installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_decides_expires() {
    let installation = Installation::new().await;
    let target = installation.add_project("shop").await;
    // The emulator reads no TimeoutSecondsPath.
    let of = json!({ "stateMachineArn": installation.output("StateMachineArn") });
    let machine = installation.boto.call("stepfunctions", "describe_state_machine", of.clone()).await;
    let mut definition: Value = serde_json::from_str(machine["definition"].as_str().unwrap()).unwrap();
    let file = std::fs::read_to_string(at("statemachines/frontend_deploy.asl.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(definition["States"]["Ask"]["TimeoutSecondsPath"], file["States"]["Ask"]["TimeoutSecondsPath"]);
    let ask = definition["States"]["Ask"].as_object_mut().unwrap();
    assert_eq!(ask.remove("TimeoutSecondsPath"), Some(json!("$.window_seconds")));
    ask.insert("TimeoutSeconds".into(), json!(1));
    let update = json!({ "stateMachineArn": of["stateMachineArn"], "definition": definition.to_string() });
    installation.boto.call("stepfunctions", "update_state_machine", update).await;

    // Each wait is a second; the request's own window ends them.
    let credentials =
        [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("BOUNCER_APPROVAL_WINDOW", "3")];
    let host = installation.host_with(&credentials).await;
    let arguments = frontend_request(&target.project, &Site::new(122, 1, 2));
    let (status, pending) = host.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await;
    assert_eq!(status, 200, "{pending:#}");
    let id = text(&pending["request_id"]).to_owned();

    let ended = installation.server.ended(&id).await;
    assert_eq!(ended["status"], "expired", "{ended:#}");
    let (status, late) = installation.server.decide(Role::Approver, &id, "approve").await;
    assert_eq!(status, 409, "{late:#}");
    assert_eq!(installation.execution(&id).await["status"], "SUCCEEDED");
    assert_untouched(&installation).await;
}

/// Nothing is in the site's bucket, and the project has no history.
async fn assert_untouched(installation: &Installation) {
    assert_eq!(installation.keys_of("shop-site").await, []);
    let history = installation.boto.call("dynamodb", "scan", json!({ "TableName": "bouncer-deploy-history" })).await;
    assert_eq!(history["Count"], 0, "{history:#}");
}
