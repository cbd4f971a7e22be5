//! The page as a Lambda function answers it: no streams, one name only, always encrypted.

use reqwest::Method;
use serde_json::json;

use super::sessions::{cookie_of, from_origin};
use crate::aws::Installation;
use crate::support::{Role, Server, Site, text};
use crate::tools::{accepted, frontend_request};

/// The origin that a browser has at the function's address, which the emulator has below one of its own.
fn origin(server: &Server) -> String {
    format!("https://{}.lambda-url.us-east-1.on.aws", server.url().rsplit('/').next().unwrap())
}

fn form(server: &Server, path: &str, body: String) -> reqwest::RequestBuilder {
    let request = server.request(Method::POST, path).header("origin", origin(server));
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_the_page_without_streams() {
    let installation = Installation::new().await;
    installation.add_project("shop").await;
    let server = &installation.server;
    let site = Site::new(9, 0, 1);
    let request = frontend_request("shop", &site);
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", request).await);
    let id = text(&pending["request_id"]);

    let away = server.request(Method::GET, &format!("/requests/{id}")).send().await.unwrap();
    assert_eq!(away.headers()["location"], format!("/sign-in?next=/requests/{id}"));
    let key = server.key(Role::Approver);
    let entered = form(server, "/sign-in", format!("key={key}&next=/requests/{id}")).send().await.unwrap();
    assert_eq!(entered.status(), 303);
    assert_eq!(entered.headers()["location"], format!("/requests/{id}"));
    let set = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.starts_with("__Host-bouncer_session=") && set.contains("Secure"), "{set}");
    let cookie = cookie_of(&entered);
    let get = async |path: &str| server.request(Method::GET, path).header("cookie", &cookie).send().await.unwrap();

    let page = get(&format!("/requests/{id}")).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains("data-live=") && !page.contains("data-events="), "{page}");
    assert_eq!(get(&format!("/requests/{id}/events")).await.status(), 503);
    assert_eq!(get(&format!("/requests/{id}/live")).await.status(), 200);

    // Its only name has no room for a staged site's own, so that one runs without any.
    let opened = get(&format!("/requests/{id}/preview")).await;
    let address = opened.headers()["location"].to_str().unwrap().to_owned();
    assert!(address.starts_with(&format!("/preview/{id}/bpass_")), "{address}");
    let asset = site.files().iter().find(|file| file.path.starts_with("assets/")).unwrap();
    for (path, file) in [("", site.file("index.html")), (&*asset.path, asset)] {
        let shown = server.request(Method::GET, &format!("{address}{path}")).send().await.unwrap();
        assert_eq!(shown.status(), 200, "{path}");
        let policy = shown.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("sandbox ") && !policy.contains("allow-same-origin"), "{policy}");
        assert!(shown.bytes().await.unwrap() == file.bytes, "{path} has other bytes");
    }

    let token = &page.split_once("name=\"csrf\" value=\"").unwrap().1[..64];
    let plan = &page.split_once("name=\"plan\" value=\"").unwrap().1[..64];
    let path = format!("/requests/{id}/decision");
    let body = format!("csrf={token}&plan={plan}&decision=approve");
    let foreign = form(server, &path, body.clone()).header("cookie", &cookie);
    let foreign = from_origin(foreign, "https://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let decided = form(server, &path, body).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(decided.status(), 303, "{}", decided.text().await.unwrap());
    assert_eq!(server.ended(id).await["status"], "completed");
    let (_, shown) = server.tool(Role::Approver, "bouncer_status", json!({ "request_id": id })).await;
    assert_eq!(shown["decided_by"], "approver", "{shown:#}");
}
