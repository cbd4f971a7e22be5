//! What a person sees and presses, in Debian's Chromium.

use serde_json::json;

use super::sessions::{approver_key, page_url, sign_in_link};
use crate::backend::World;
use crate::support::{Options, Role, Server, run_browser};

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
    let link = sign_in_link(&server);
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
    world.asked().await;
    let keys = json!({ "approver": world.server.key(Role::Approver) });
    let place = json!({ "url": page_url(&world.server), "keys": keys });
    run_browser("infrastructure.mjs", &world.server, place).await;
}
