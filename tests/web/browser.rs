//! What a person sees and presses, in Debian's Chromium.

use serde_json::json;

use super::sessions::{approver_key, page_url, sign_in_link};
use crate::backend::{STACK, Scripted, World};
use crate::support::{Change, CloudFormation, Options, Role, Server, listen, run_browser};
use crate::tools::accepted;

/// Windows are short unless a request asks for a longer one, and the page has a second name.
const ARGUMENTS: &[&str] = &["--approval-window", "3", "--allowed-host", "page.localhost"];

async fn server() -> Server {
    let server = Server::start_with(Options { arguments: ARGUMENTS, ..Options::default() }).await;
    server.add_project("coffee").await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_approved_in_a_browser() {
    let server = server().await;
    let second = approver_key(&server, "second approver").await;
    let keys = json!({ "agent": server.key(Role::Agent), "approver": server.key(Role::Approver), "second": second });
    let link = sign_in_link(&server).await;
    run_browser("site.mjs", &server, json!({ "url": page_url(&server), "link": link, "keys": keys })).await;
    let log = server.stderr();
    let printed = log.matches("bpass_").count();
    assert_eq!(printed, 1, "a pass is in the log beside the link that was printed:\n{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_site_reaches_nothing_of_the_approver() {
    let server = server().await;
    let keys = json!({ "agent": server.key(Role::Agent), "approver": server.key(Role::Approver) });
    let named = page_url(&server).replace("localhost", "page.localhost");
    run_browser("preview.mjs", &server, json!({ "url": page_url(&server), "named": named, "keys": keys })).await;
}

/// Tables, of which a deploy may rename one and drop another.
fn tables(tables: &[(&str, &str)]) -> String {
    let table = |(id, name): &(&str, &str)| {
        format!(
            "  {id}:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: {name}\n      \
             BillingMode: PAY_PER_REQUEST\n      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]\n      \
             KeySchema: [{{AttributeName: id, KeyType: HASH}}]\n"
        )
    };
    let tables: String = tables.iter().map(table).collect();
    format!("AWSTemplateFormatVersion: 2010-09-09\nResources:\n{tables}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_that_loses_tables_is_red() {
    let world = World::new().await;
    world.push("Take orders", &tables(&[("Orders", "orders"), ("Carts", "carts")]));
    assert_eq!(world.deploy().await["status"], "SUCCESS");
    world.push("Move the orders, drop the carts", &tables(&[("Orders", "orders-by-post")]));
    let why = json!({
        "project": "shop", "reason": "Orders by post for the winter; nobody fills carts any more",
        "source": "Harbour bot (orders)",
    });
    accepted(world.server.tool(Role::Agent, "bouncer_deploy", why).await);
    let keys = json!({ "approver": world.server.key(Role::Approver) });
    let place = json!({ "url": page_url(&world.server), "keys": keys });
    run_browser("infrastructure.mjs", &world.server, place).await;
}

const FUNCTION: &str = "AWS::Lambda::Function";
const TABLE: &str = "AWS::DynamoDB::Table";

/// Everything that CloudFormation does, when the browser gives the cue for it.
fn cues(cloudformation: &CloudFormation) -> axum::Router {
    let (works, fails) = (cloudformation.clone(), cloudformation.clone());
    let orders = CloudFormation::child(STACK, "Orders");
    let shelf = CloudFormation::child(&orders, "Shelf");
    let work = {
        let (orders, shelf) = (orders.clone(), shelf.clone());
        move || {
            works.resource(STACK, "Front", FUNCTION, "UPDATE_IN_PROGRESS", "");
            works.resource(STACK, "Front", FUNCTION, "UPDATE_COMPLETE", "");
            works.nested(STACK, "Orders", "UPDATE_IN_PROGRESS", "");
            works.stack(&orders, "UPDATE_IN_PROGRESS", "");
            works.nested(&orders, "Shelf", "UPDATE_IN_PROGRESS", "");
            works.stack(&shelf, "UPDATE_IN_PROGRESS", "");
            works.resource(&shelf, "Archive", TABLE, "CREATE_IN_PROGRESS", "");
            std::future::ready("")
        }
    };
    let fail = move || {
        let listing = |name: &str| format!("The following resource(s) failed to update: [{name}].");
        let embedded = |stack: &str| {
            format!(
                "Embedded stack arn:aws:cloudformation:us-east-1:000000000000:stack/{stack}/1 was not successfully \
                 updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: {}",
                listing("Archive")
            )
        };
        fails.resource(
            &shelf,
            "Archive",
            TABLE,
            "CREATE_FAILED",
            "User: shop is not authorized to perform: dynamodb:CreateTable",
        );
        fails.stack(&shelf, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Archive].");
        fails.nested(&orders, "Shelf", "UPDATE_FAILED", &embedded(&shelf));
        fails.resource(&orders, "Take", FUNCTION, "UPDATE_FAILED", "Resource update cancelled");
        fails.stack(&orders, "UPDATE_ROLLBACK_IN_PROGRESS", &listing("Shelf"));
        fails.nested(STACK, "Orders", "UPDATE_FAILED", &embedded(&orders));
        fails.stack(STACK, "UPDATE_ROLLBACK_IN_PROGRESS", &listing("Orders"));
        for stack in [shelf.as_str(), orders.as_str(), STACK] {
            fails.stack(stack, "UPDATE_ROLLBACK_COMPLETE", "");
        }
        std::future::ready("")
    };
    axum::Router::new().route("/work", axum::routing::post(work)).route("/fail", axum::routing::post(fail))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploys_page_follows_it_down_to_the_cause() {
    let shop = Scripted::new().await;
    let shelf = Change::nested("Shelf", vec![Change::of("Add", "Archive", TABLE)]);
    shop.cloudformation.plan(vec![Change::code("Front"), Change::nested("Orders", vec![Change::code("Take"), shelf])]);
    let deploy = shop.changes().await;
    let server = &shop.world.server;
    let cues = listen(cues(&shop.cloudformation)).await;
    let keys = json!({ "approver": server.key(Role::Approver) });
    let place = json!({ "url": page_url(server), "keys": keys, "deploy": deploy, "cues": cues });
    run_browser("deploy.mjs", server, place).await;
}
