//! Speaking with the page as a browser does, without one.

use reqwest::header::{HeaderMap, HeaderValue, ORIGIN};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;

use crate::support::{DEADLINE, Role, Server, text, wait_until};

/// `http://localhost:PORT`: where the page is. Loopback as a number belongs to published sites.
pub fn page_url(server: &Server) -> String {
    server.url().replace("127.0.0.1", "localhost")
}

/// The address that the server prints at its start, once it answers.
pub async fn sign_in_link(server: &Server) -> String {
    let start = format!("{}/sign-in#", page_url(server));
    wait_until("the server to print a link", DEADLINE, async || {
        let log = server.stderr();
        let (at, _) = log.rmatch_indices(&start).next()?;
        let (link, _) = log[at..].split_once('\n')?;
        Some(link.trim().to_owned())
    })
    .await
}

/// The secret of another approver's key.
pub async fn approver_key(server: &Server, name: &str) -> String {
    let arguments = json!({ "name": name, "role": "approver" });
    let (status, made) = server.tool(Role::Admin, "bouncer_key_create", arguments).await;
    assert_eq!(status, 200, "{made:#}");
    text(&made["key"]).to_owned()
}

/// A browser that is signed in: its cookie, and the token of its forms.
pub struct Session {
    pub cookie: String,
    pub token: String,
}

impl Session {
    /// Signs in with a key.
    pub async fn of(server: &Server, key: &str) -> Self {
        let answer = sign_in(server, key).await;
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        let cookie = cookie_of(&answer);
        let page = get(server, "/").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        let (_, after) = page.split_once("name=\"csrf\" value=\"").expect("a form has a token");
        Self { cookie, token: after[..64].to_owned() }
    }

    pub async fn get(&self, server: &Server, path: &str) -> Response {
        get(server, path).header("cookie", &self.cookie).send().await.expect("the page answers")
    }

    /// What a page of another origin gets.
    pub async fn get_from(&self, server: &Server, path: &str, origin: &str) -> Response {
        let request = from_origin(get(server, path).header("cookie", &self.cookie), origin);
        request.send().await.expect("the page answers")
    }

    /// Sends a form as this page's own.
    pub fn post(&self, server: &Server, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let fields: Vec<(&str, &str)> = [("csrf", self.token.as_str())].iter().chain(fields).copied().collect();
        form(server, path, &fields).header("cookie", &self.cookie)
    }

    /// The plan that a request's page shows.
    pub async fn plan(&self, server: &Server, request_id: &str) -> String {
        let page = self.get(server, &format!("/requests/{request_id}")).await.text().await.unwrap();
        let (_, after) = page.split_once("name=\"plan\" value=\"").expect("the form names the plan");
        after[..64].to_owned()
    }
}

/// Tries a key.
pub async fn sign_in(server: &Server, key: &str) -> Response {
    form(server, "/sign-in", &[("key", key)]).send().await.expect("the page answers")
}

/// A request for a page, by its name.
pub fn get(server: &Server, path: &str) -> RequestBuilder {
    server.client().request(Method::GET, format!("{}{path}", page_url(server)))
}

/// A form sent from the page's own origin.
pub fn form(server: &Server, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let request = server.client().request(Method::POST, format!("{}{path}", page_url(server)));
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", page_url(server))
        .body(body.join("&"))
}

/// The same request from another origin.
pub fn from_origin(request: RequestBuilder, origin: &str) -> RequestBuilder {
    let origin = HeaderValue::from_str(origin).expect("an origin is ASCII");
    request.headers(HeaderMap::from_iter([(ORIGIN, origin)]))
}

/// The cookie that an answer sets, as it is sent back.
pub fn cookie_of(answer: &Response) -> String {
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap_or_default().to_owned()
}
