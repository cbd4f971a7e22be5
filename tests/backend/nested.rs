//! Stacks within stacks: judged by their own change sets, counted, and searched for the cause.

use serde_json::json;

use super::world::{STACK, Scripted};
use crate::support::{Change, Cli, CloudFormation, Role, Sheet, text};

const FUNCTION: &str = "AWS::Lambda::Function";
const TABLE: &str = "AWS::DynamoDB::Table";

#[tokio::test(flavor = "multi_thread")]
async fn new_code_in_nested_stacks_goes_on_by_itself_and_is_counted() {
    let shop = Scripted::new().await;
    let cloudformation = &shop.cloudformation;
    let orders = CloudFormation::child(STACK, "Orders");
    cloudformation.plan(vec![
        Change::code("Front"),
        Change::nested("Orders", vec![Change::code("Take"), Change::code("Pack"), Change::code("Send")]),
    ]);
    let deploy_id = shop.begins().await;
    shop.is_executed(1).await;
    shop.says(&deploy_id, "Updating stack: 0 of 5 resources").await;
    let watch = || Cli::on(&shop.world.server, &["deploy", "status", &deploy_id, "--watch"]);
    let (on_a_pipe, on_a_terminal) = (tokio::spawn(watch().run()), tokio::spawn(watch().run_in_terminal("")));

    cloudformation.resource(STACK, "Front", FUNCTION, "UPDATE_IN_PROGRESS", "");
    cloudformation.nested(STACK, "Orders", "UPDATE_IN_PROGRESS", "");
    cloudformation.stack(&orders, "UPDATE_IN_PROGRESS", "");
    for function in ["Take", "Pack"] {
        cloudformation.resource(&orders, function, FUNCTION, "UPDATE_IN_PROGRESS", "");
        cloudformation.resource(&orders, function, FUNCTION, "UPDATE_COMPLETE", "");
    }
    let status = shop.says(&deploy_id, "Updating stack: 2 of 5 resources").await;
    assert_eq!(status["infrastructure_request_id"], json!(null), "nobody was asked: {status:#}");
    let at_work = status["progress"]["in_progress"].to_string();
    assert!(at_work.contains("Front") && at_work.contains("Orders"), "{status:#}");

    // A look that is throttled for longer than one call of the SDK tries.
    cloudformation.throttle(6);
    cloudformation.resource(STACK, "Front", FUNCTION, "UPDATE_COMPLETE", "");
    cloudformation.resource(&orders, "Send", FUNCTION, "UPDATE_COMPLETE", "");
    cloudformation.stack(&orders, "UPDATE_COMPLETE", "");
    cloudformation.nested(STACK, "Orders", "UPDATE_COMPLETE", "");
    cloudformation.stack(STACK, "UPDATE_COMPLETE", "");
    let ended = shop.world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
    assert_eq!(cloudformation.to_throttle(), 0);

    let lines = on_a_pipe.await.expect("it runs");
    assert_eq!(lines.code, Some(0), "{}", lines.stderr);
    assert!(lines.stderr.contains("Updating stack: 2 of 5 resources\n"), "{}", lines.stderr);
    assert!(!lines.stderr.contains('\u{1b}'), "no escape sequences for a pipe: {}", lines.stderr);
    let screen = on_a_terminal.await.expect("it runs");
    assert_eq!(screen.code, Some(0), "{}", screen.stdout);
    for shown in ["2/5", "Orders", "UPDATE_IN_PROGRESS"] {
        assert!(screen.stdout.contains(shown), "{shown}: {}", screen.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cause_inside_a_nested_stack_stands_first() {
    let shop = Scripted::new().await;
    let (world, cloudformation) = (&shop.world, &shop.cloudformation);
    let orders = CloudFormation::child(STACK, "Orders");
    cloudformation.plan(vec![
        Change::code("Front"),
        Change::nested("Orders", vec![Change::code("Take"), Change::of("Add", "Archive", TABLE)]),
    ]);
    let deploy_id = shop.begins().await;
    let question = world.question(&deploy_id).await;
    let show = json!({ "request_id": question });
    let (_, shown) = world.server.tool(Role::Approver, "bouncer_request_show", show).await;
    let changes = shown["card"]["sections"][0]["rows"].as_array().expect("changes");
    let archive = changes.iter().find(|change| change["cells"][1] == "Archive").expect("what is inside is shown");
    assert_eq!(archive["cells"][3], orders.as_str(), "{shown:#}");
    let facts = shown["card"]["facts"].as_array().expect("facts");
    let change_set = facts.iter().find(|fact| fact["label"] == "Change set").expect("the change set is named");
    world.approve(&question).await;
    shop.is_executed(1).await;
    assert_eq!(cloudformation.executed(), [text(&change_set["value"]["value"])], "what was shown, and only that");

    cloudformation.nested(STACK, "Orders", "UPDATE_IN_PROGRESS", "");
    cloudformation.resource(STACK, "Front", FUNCTION, "UPDATE_IN_PROGRESS", "");
    cloudformation.stack(&orders, "UPDATE_IN_PROGRESS", "");
    cloudformation.resource(&orders, "Archive", TABLE, "CREATE_IN_PROGRESS", "");
    let denied =
        "User: arn:aws:sts::000000000000:assumed-role/shop/x is not authorized to perform: dynamodb:CreateTable";
    cloudformation.resource(&orders, "Archive", TABLE, "CREATE_FAILED", denied);
    cloudformation.resource(&orders, "Take", FUNCTION, "UPDATE_FAILED", "Resource update cancelled");
    let listing =
        "The following resource(s) failed to create: [Archive]. The following resource(s) failed to update: [Take].";
    cloudformation.stack(&orders, "UPDATE_ROLLBACK_IN_PROGRESS", listing);
    let embedded = format!(
        "Embedded stack arn:aws:cloudformation:us-east-1:000000000000:stack/{orders}/1 was not successfully updated. \
         Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: {listing}"
    );
    cloudformation.nested(STACK, "Orders", "UPDATE_FAILED", &embedded);
    cloudformation.resource(STACK, "Front", FUNCTION, "UPDATE_FAILED", "Resource update cancelled");
    let listing = "The following resource(s) failed to update: [Orders, Front].";
    cloudformation.stack(STACK, "UPDATE_ROLLBACK_IN_PROGRESS", listing);
    let rolling = |status: &serde_json::Value| text(&status["progress_hint"]).starts_with("Rolling back");
    let status = world.reaches(&deploy_id, "rolling back", rolling).await;
    assert_eq!(status["progress"]["failed"][0]["resource"], "Archive", "{status:#}");
    cloudformation.stack(&orders, "UPDATE_ROLLBACK_COMPLETE", "");
    cloudformation.stack(STACK, "UPDATE_ROLLBACK_COMPLETE", "");

    let ended = world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    let first = &ended["failed_resources"][0];
    assert_eq!((text(&first["resource"]), text(&first["stack"])), ("Archive", orders.as_str()), "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("dynamodb:CreateTable"), "{ended:#}");
    let screen = Cli::on(&world.server, &["deploy", "status", &deploy_id]).run().await;
    let mut sheet = Sheet::default();
    sheet.add("bouncer deploy status", &(screen.stdout + &screen.stderr));
    sheet.check("backend/nested_failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_change_set_became_after_it_was_shown_is_not_executed() {
    let shop = Scripted::new().await;
    let (world, cloudformation) = (&shop.world, &shop.cloudformation);
    let orders = CloudFormation::child(STACK, "Orders");
    let plan = || vec![Change::nested("Orders", vec![Change::of("Modify", "Archive", TABLE), Change::code("Take")])];
    cloudformation.plan(plan());
    let deploy_id = shop.begins().await;
    let question = world.question(&deploy_id).await;
    cloudformation.alter(&orders, vec![Change::of("Remove", "Archive", TABLE), Change::code("Take")]);
    world.approve(&question).await;
    let ended = world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("something else than what was shown"), "{ended:#}");
    assert!(cloudformation.executed().is_empty());
    assert!(cloudformation.change_sets().is_empty(), "it cannot be executed by hand either");

    cloudformation.plan(plan());
    let deploy_id = shop.begins().await;
    let question = world.question(&deploy_id).await;
    cloudformation.expire_change_sets();
    world.approve(&question).await;
    let ended = world.ended(&deploy_id).await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert!(text(&ended["error_summary"]).contains("can no longer be executed (OBSOLETE)"), "{ended:#}");
    assert!(cloudformation.executed().is_empty());
}
