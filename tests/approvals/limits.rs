//! How much one caller may ask of humans.

use futures::future::join_all;
use serde_json::json;

use super::new_key;
use crate::support::{Options, Role, Server, Site};
use crate::tools::{accepted, frontend_request};

async fn limited(environment: &'static [(&'static str, &'static str)]) -> Server {
    let server = Server::start_with(Options { environment, ..Options::default() }).await;
    server.add_project("shop").await;
    server
}

#[tokio::test]
async fn of_many_requests_at_once_exactly_as_many_as_allowed_are_taken() {
    let server = limited(&[("BOUNCER_ASKS_PER_MINUTE", "5")]).await;
    let asks = (0..16).map(|number| {
        let arguments = frontend_request("shop", &Site::new(220 + number, 0, 1));
        let server = &server;
        async move { server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await }
    });
    let answers = join_all(asks).await;

    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 5, "{answers:#?}");
    for (status, refused) in answers.iter().filter(|(status, _)| *status != 200) {
        assert_eq!((*status, &refused["error_code"]), (429, &json!("RATE_LIMITED")), "{refused:#}");
        let wait = refused["retry_after"].as_u64().unwrap();
        assert!((1..=60).contains(&wait), "{refused:#}");
    }
    // Another caller is not held up.
    let (_, other) = new_key(&server, "other", "agent").await;
    let arguments = frontend_request("shop", &Site::new(240, 0, 1));
    accepted(server.tool_with_key(&other, "bouncer_deploy_frontend", &arguments).await);
}

#[tokio::test]
async fn what_is_decided_makes_room_for_what_may_wait() {
    let server = limited(&[("BOUNCER_PENDING_PER_CALLER", "3")]).await;
    let mut waiting = vec![];
    for number in 0..3 {
        waiting.push(super::ask(&server, &Site::new(250 + number, 0, 1)).await);
    }
    let fourth = frontend_request("shop", &Site::new(253, 0, 1));
    let (status, refused) = server.tool(Role::Agent, "bouncer_deploy_frontend", fourth.clone()).await;
    assert_eq!((status, &refused["error_code"]), (429, &json!("PENDING_LIMIT_EXCEEDED")), "{refused:#}");
    assert_eq!(refused["pending"].as_array().unwrap().len(), 3, "{refused:#}");

    accepted(server.decide(Role::Approver, &waiting[0], "deny").await);
    accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", fourth.clone()).await);
    let (status, _) = server.tool(Role::Agent, "bouncer_deploy_frontend", fourth).await;
    assert_eq!(status, 429);
}
