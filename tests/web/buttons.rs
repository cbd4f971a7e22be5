//! A page has the buttons whose press would count, and says why any other is not there.

use serde_json::{Value, json};

use super::sessions::{Session, approver_key};
use crate::support::{Role, Server, Site, text};
use crate::tools::{accepted, frontend_request};

/// What a page offers, and what it says instead.
struct Offer {
    approve: bool,
    deny: bool,
    page: String,
}

async fn offer(session: &Session, server: &Server, id: &str) -> Offer {
    let page = session.get(server, &format!("/requests/{id}")).await.text().await.unwrap();
    let live = session.get(server, &format!("/requests/{id}/live")).await.text().await.unwrap();
    assert!(page.contains(&live), "the page and its live part are the same: {live}");
    let has = |value: &str| live.contains(&format!("name=\"decision\" value=\"{value}\""));
    Offer { approve: has("approve"), deny: has("deny"), page }
}

/// Presses a button that may not be there; the status, and the page that answers.
async fn press(session: &Session, server: &Server, id: &str, decision: &str, plan: &str) -> (u16, String) {
    let fields = [("decision", decision), ("plan", plan)];
    let answer = session.post(server, &format!("/requests/{id}/decision"), &fields).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Neither button is there, the page says why, and whoever presses all the same is told the same.
async fn assert_none(session: &Session, server: &Server, id: &str, plan: &str, why: &str) {
    let offer = offer(session, server, id).await;
    assert!(!offer.approve && !offer.deny && offer.page.contains(why), "{why}: {}", offer.page);
    for decision in ["approve", "deny"] {
        let (status, page) = press(session, server, id, decision, plan).await;
        assert!(status == 403 && page.contains(why), "{status}, {why}: {page}");
    }
}

async fn add(server: &Server, more: Value) {
    let mut project = json!({ "project": "shop", "bucket": "shop-site" });
    project.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    accepted(server.tool(Role::Admin, "bouncer_project_add", project).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_the_buttons_that_would_count() {
    let server = Server::start().await;
    add(&server, json!({})).await;
    let (anna, ben) = (approver_key(&server, "anna").await, approver_key(&server, "ben").await);
    let ask = async |key: &str, seed: u64| {
        let request = frontend_request("shop", &Site::new(seed, 0, 1));
        let (_, asked) = server.tool_with_key(key, "bouncer_deploy_frontend", &request).await;
        (text(&asked["request_id"]).to_owned(), text(&asked["plan_hash"]).to_owned())
    };
    let (own, own_plan) = ask(&anna, 401).await;
    let (id, plan) = ask(server.key(Role::Agent), 402).await;
    let agent = Session::of(&server, server.key(Role::Agent)).await;
    let (anna, ben) = (Session::of(&server, &anna).await, Session::of(&server, &ben).await);

    assert_none(&agent, &server, &id, &plan, "Only approvers can decide.").await;
    assert_none(&anna, &server, &own, &own_plan, "You cannot decide your own request.").await;
    for approver in [&anna, &ben] {
        let both = offer(approver, &server, &id).await;
        assert!(both.approve && both.deny && !both.page.contains("why-not"), "{}", both.page);
    }

    // The project's approvers, from the moment they are named.
    add(&server, json!({ "approvers": ["anna"] })).await;
    let why = "You are not an approver of the project shop.";
    assert_none(&ben, &server, &id, &plan, why).await;
    assert!(offer(&anna, &server, &id).await.approve);
    let (_, page) = press(&anna, &server, &id, "deny", &plan).await;
    assert!(!page.contains("nothing was decided"), "{page}");
    let over = offer(&anna, &server, &id).await;
    assert!(!over.approve && !over.deny && over.page.contains("Denied by"), "{}", over.page);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_two_has_no_second_yes() {
    let server = Server::start().await;
    add(&server, json!({ "approvals_required": 2 })).await;
    let (anna, ben) = (approver_key(&server, "anna").await, approver_key(&server, "ben").await);
    let (anna, ben) = (Session::of(&server, &anna).await, Session::of(&server, &ben).await);
    let request = frontend_request("shop", &Site::new(403, 0, 1));
    let asked = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", request).await);
    let (id, plan) = (text(&asked["request_id"]), text(&asked["plan_hash"]));

    assert_eq!(press(&anna, &server, id, "approve", plan).await.0, 303);
    let why = "You have approved this already; another approver must approve it as well.";
    let half = offer(&anna, &server, id).await;
    assert!(!half.approve && half.deny && half.page.contains(why), "only a no is left: {}", half.page);
    let (status, page) = press(&anna, &server, id, "approve", plan).await;
    assert!(status == 409 && page.contains(why), "{status}: {page}");
    let second = offer(&ben, &server, id).await;
    assert!(second.approve && second.deny && second.page.contains("1 of 2 approvals: anna"), "{}", second.page);
    assert_eq!(press(&ben, &server, id, "approve", plan).await.0, 303);
    assert_eq!(server.ended(id).await["status"], "completed");
}
