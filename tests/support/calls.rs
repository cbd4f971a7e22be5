//! A proxy before a service of AWS, or GitHub, that does harm to single operations: refuses, loses answers, changes them.
//!
//! `faults` does the same to S3, by object; here the operation counts, as the Query and JSON protocols of AWS name it. For
//! other calls it is the first word of the path.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::http::listen;

/// What happens to a call that a rule meets.
#[derive(Clone)]
pub enum Mishap {
    /// An answer of the proxy's own with this status and code; nothing is forwarded.
    Refuse(u16, &'static str),
    /// The service does what was asked, and its answer is replaced by a status of 500.
    LoseAnswer,
    /// The service does what was asked, and nothing is ever answered.
    KeepAnswer,
    /// The service's answer, changed.
    Rewrite(Arc<dyn Fn(String) -> String + Send + Sync>),
}

/// A running proxy. It ends with the test's runtime.
#[derive(Clone)]
pub struct CallProxy {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    state: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    operations: Vec<String>,
    rules: Vec<Rule>,
}

struct Rule {
    operation: &'static str,
    /// It acts only once this was called.
    after: Option<&'static str>,
    left: usize,
    mishap: Mishap,
}

impl CallProxy {
    /// Passes everything on to `upstream`, `http://HOST:PORT`.
    pub async fn before(upstream: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.build().expect("an HTTP client");
        let shared = Arc::new(Shared { upstream: upstream.to_owned(), client, state: Mutex::default() });
        let router = Router::new().fallback(pass).with_state(shared.clone());
        let url = listen(router).await;
        Self { url, shared }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on this happens to so many calls of the operation. Of several rules the first that still acts counts.
    pub fn first(&self, times: usize, operation: &'static str, mishap: Mishap) {
        self.rule(Rule { operation, after: None, left: times, mishap });
    }

    /// The same, beginning when another operation has been called.
    pub fn first_after(&self, after: &'static str, times: usize, operation: &'static str, mishap: Mishap) {
        self.rule(Rule { operation, after: Some(after), left: times, mishap });
    }

    fn rule(&self, rule: Rule) {
        lock(&self.shared.state).rules.push(rule);
    }

    /// How often the operation was called, mishaps included.
    pub fn count(&self, operation: &str) -> usize {
        lock(&self.shared.state).operations.iter().filter(|seen| *seen == operation).count()
    }

    /// How many mishaps are still to come.
    pub fn left(&self) -> usize {
        lock(&self.shared.state).rules.iter().map(|rule| rule.left).sum()
    }
}

impl Shared {
    /// Notes the call; what is to happen to it.
    fn mishap(&self, operation: &str) -> Option<Mishap> {
        let mut state = lock(&self.state);
        let Seen { operations, rules } = &mut *state;
        let acts = |rule: &&mut Rule| {
            let begun = rule.after.is_none_or(|after| operations.iter().any(|seen| seen == after));
            begun && rule.left > 0 && rule.operation == operation
        };
        let mishap = rules.iter_mut().find(acts).map(|rule| {
            rule.left -= 1;
            rule.mishap.clone()
        });
        operations.push(operation.to_owned());
        mishap
    }

    async fn forward(&self, method: Method, uri: &Uri, mut headers: HeaderMap, body: Bytes) -> Response {
        let url = format!("{}{}", self.upstream, uri.path_and_query().map_or("/", |path| path.as_str()));
        headers.remove(header::CONTENT_LENGTH);
        let sent = self.client.request(method, url).headers(headers).body(body).send().await;
        let answer = sent.expect("what is behind the proxy answers");
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        for of_the_connection in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            headers.remove(of_the_connection);
        }
        let body = answer.bytes().await.expect("the whole answer arrives");
        (status, headers, body).into_response()
    }
}

async fn pass(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_query = header_of(&headers, "content-type").starts_with("application/x-www-form-urlencoded");
    let operation = operation(&uri, &headers, &body, is_query);
    match shared.mishap(&operation) {
        None => shared.forward(method, &uri, headers, body).await,
        Some(Mishap::Refuse(status, code)) => refusal(status, code, is_query),
        Some(Mishap::LoseAnswer) => {
            shared.forward(method, &uri, headers, body).await;
            refusal(500, "InternalFailure", is_query)
        }
        Some(Mishap::KeepAnswer) => {
            shared.forward(method, &uri, headers, body).await;
            std::future::pending().await
        }
        Some(Mishap::Rewrite(rewrite)) => {
            let (parts, body) = shared.forward(method, &uri, headers, body).await.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.expect("it is in memory");
            (parts.status, parts.headers, rewrite(String::from_utf8(body.into()).expect("UTF-8"))).into_response()
        }
    }
}

fn operation(uri: &Uri, headers: &HeaderMap, body: &[u8], is_query: bool) -> String {
    if is_query {
        let form = String::from_utf8_lossy(body);
        let action = form.split('&').find_map(|pair| pair.strip_prefix("Action="));
        return action.unwrap_or_default().to_owned();
    }
    match header_of(headers, "x-amz-target").rsplit_once('.') {
        Some((_, operation)) => operation.to_owned(),
        None => uri.path().trim_start_matches('/').split('/').next().unwrap_or_default().to_owned(),
    }
}

fn header_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn refusal(status: u16, code: &str, is_query: bool) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    if is_query {
        let text = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>The proxy says {code}.</Message>\
             </Error><RequestId>4442587F</RequestId></ErrorResponse>"
        );
        return (status, [(header::CONTENT_TYPE, "text/xml")], text).into_response();
    }
    let text = json!({ "__type": code, "message": format!("The proxy says {code}.") }).to_string();
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], text).into_response()
}

fn lock(state: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
