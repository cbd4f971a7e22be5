//! The HTTP client of the tools.

use super::error::CliError;
use super::exit::Exit;
use super::output::{Answer, size};
use crate::domain::caller::ApiKey;
use crate::domain::error::ErrorCode;
use crate::requests::decide::Decide;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::error::Error as _;
use std::time::Duration;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take: confirming thousands of files reads each one's record.
const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Talks to one server with one key.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: ApiKey,
}

/// What came back: the HTTP status and the JSON object.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The answer.
    pub body: Map<String, Value>,
}

impl Client {
    /// A client for the server at `base`.
    pub fn new(base: Url, key: ApiKey) -> Result<Self, CliError> {
        Ok(Self { http: http_client(&base, Some(CALL_TIMEOUT))?, base, key })
    }

    /// The server's base URL, for messages.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Calls a tool; an answer that is an error becomes one.
    pub async fn call<T: DeserializeOwned>(
        &self,
        tool: &str,
        arguments: &impl Serialize,
    ) -> Result<Answer<T>, CliError> {
        self.answer(self.call_raw(tool, arguments).await?)
    }

    /// Calls a tool; the answer as it is, error or not.
    pub async fn call_raw(&self, tool: &str, arguments: &impl Serialize) -> Result<Reply, CliError> {
        self.send(Method::POST, &["v1", "tools", tool], Some(arguments)).await
    }

    /// The tools that this key may call, as the server describes them.
    pub async fn tools(&self) -> Result<Reply, CliError> {
        self.send(Method::GET, &["v1", "tools"], None::<&()>).await
    }

    /// What the server says about itself and about this key.
    pub async fn health<T: DeserializeOwned>(&self) -> Result<Answer<T>, CliError> {
        self.answer(self.send(Method::GET, &["v1", "health"], None::<&()>).await?)
    }

    /// Decides a request.
    pub async fn decide<T: DeserializeOwned>(&self, request: &str, decision: &Decide) -> Result<Answer<T>, CliError> {
        self.answer(self.send(Method::POST, &["v1", "requests", request, "decision"], Some(decision)).await?)
    }

    fn answer<T: DeserializeOwned>(&self, reply: Reply) -> Result<Answer<T>, CliError> {
        if !reply.status.is_success() {
            return Err(CliError::from_answer(reply.body));
        }
        let raw = Value::Object(reply.body);
        let view = T::deserialize(&raw).map_err(|error| self.not_understood(&error.to_string()))?;
        Ok(Answer { raw, view })
    }

    async fn send(&self, method: Method, path: &[&str], body: Option<&impl Serialize>) -> Result<Reply, CliError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.http.request(method, url).bearer_auth(self.key.expose());
        let mut sent = 0;
        if let Some(body) = body {
            let text = serde_json::to_vec(body)
                .map_err(|error| CliError::failed(format!("The call could not be written as JSON: {error}.")))?;
            sent = text.len();
            request = request.header(CONTENT_TYPE, "application/json").body(text);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body = serde_json::from_slice::<Map<String, Value>>(&bytes).ok();
        match (status, body) {
            (StatusCode::UNAUTHORIZED, _) => Err(self.key_refused()),
            // What stands before the server, such as Lambda, says this in words of its own.
            (StatusCode::PAYLOAD_TOO_LARGE, body)
                if body.as_ref().is_none_or(|body| !body.contains_key("error_code")) =>
            {
                Err(self.too_large(sent))
            }
            (status, Some(body)) => Ok(Reply { status, body }),
            (status, None) => Err(self.not_understood(&format!("HTTP status {status} without a JSON object"))),
        }
    }

    fn key_refused(&self) -> CliError {
        CliError::new(Exit::Failed, ErrorCode::Forbidden, format!("The server at {} refused the API key.", self.base()))
            .hint("Check --key and BOUNCER_KEY; an admin sees and makes keys with `bouncer key list` and `bouncer key create`.")
    }

    fn too_large(&self, sent: usize) -> CliError {
        let sentence = format!("The call has {}, more than {} takes in one.", size(sent as u64), self.base());
        CliError::new(Exit::Failed, ErrorCode::ValidationError, sentence).hint(
            "Lambda takes 6 MB, a list of some 20,000 files. Leave files out or shorten their names, or call a server on \
             a host (`bouncer serve --profile aws`).",
        )
    }

    fn not_understood(&self, what: &str) -> CliError {
        CliError::new(
            Exit::Failed,
            ErrorCode::UpstreamError,
            format!("{} sent an answer that this version does not understand: {what}.", self.base()),
        )
        .hint("Check that this is Bouncer's address; `bouncer doctor` compares the versions.")
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let base = self.base();
        let (message, hint) = if error.is_connect() {
            (format!("No Bouncer answers at {base}."), "Start one with `bouncer serve`, or name another with --server.")
        } else if error.is_timeout() {
            (format!("The server at {base} did not answer in time."), "Try again; `bouncer doctor` looks closer.")
        } else {
            (
                format!("The connection to {base} broke: {}.", root_cause(error)),
                "Try again; `bouncer doctor` looks closer.",
            )
        };
        CliError::new(Exit::Failed, ErrorCode::UpstreamError, message).hint(hint)
    }
}

/// An HTTP client for one host, with a time limit for each request unless the requests carry their own. A proxy from
/// the environment is used for other machines only.
pub fn http_client(url: &Url, timeout: Option<Duration>) -> Result<reqwest::Client, CliError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("bouncer/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT);
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    if is_loopback(url) {
        builder = builder.no_proxy();
        if url.scheme() == "http" {
            // Nothing is read of this machine's certificates, which takes longer than all of a small deploy's calls.
            builder = builder.tls_certs_only([]);
        }
    }
    builder.build().map_err(|error| CliError::failed(format!("No HTTP client could be made: {}.", root_cause(&error))))
}

/// Whether a URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The innermost reason, without the URL: it may carry a signature.
pub fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.source() {
        Some(_) => cause.to_string(),
        None if error.is_timeout() => "it took too long".into(),
        None => "the request could not be sent".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_in_every_spelling() {
        for (text, expected) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]:1/", true),
            ("http://localhost/", true),
            ("http://10.0.0.1/", false),
            ("https://bouncer.example/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_the_way_out() {
        // Bound, then closed: nobody listens there any more.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let client = Client::new(url, ApiKey::random()).unwrap();
        let error = client.tools().await.unwrap_err();
        assert_eq!(error.message, format!("No Bouncer answers at http://127.0.0.1:{port}."));
        assert!(error.hint.unwrap().contains("bouncer serve"));
    }
}
