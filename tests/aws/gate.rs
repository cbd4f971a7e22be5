//! A proxy before one of the emulator's services, which makes it slower and less willing than it is.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::task::JoinHandle;

/// The proxy. Dropping it closes it.
pub struct Gate {
    /// What the service's `AWS_ENDPOINT_URL_…` has to be.
    pub url: String,
    pub behaviour: Arc<Behaviour>,
    serving: JoinHandle<()>,
}

/// What it does, and what it has seen.
#[derive(Default)]
pub struct Behaviour {
    /// How many POSTs are still turned away with `TooManyInvalidationsInProgress`.
    pub too_many: AtomicUsize,
    /// Whether invalidations are said to be in progress.
    pub holds: AtomicBool,
    /// How long a PUT takes, in milliseconds.
    pub put_takes: AtomicU64,
    /// POSTs seen.
    pub asked: AtomicUsize,
    /// GETs seen.
    pub looked: AtomicUsize,
    upstream: OnceLock<String>,
    client: reqwest::Client,
}

impl Gate {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let behaviour = Arc::new(Behaviour { client, ..Behaviour::default() });
        let router = Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(behaviour.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, behaviour, serving }
    }

    /// Says where the emulator is, which starts after it.
    pub fn leads_to(&self, endpoint: &str) {
        self.behaviour.upstream.set(endpoint.to_owned()).expect("it leads to one place");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(
    State(gate): State<Arc<Behaviour>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::POST {
        gate.asked.fetch_add(1, Ordering::SeqCst);
        let turn_away = |left: usize| left.checked_sub(1);
        if gate.too_many.fetch_update(Ordering::SeqCst, Ordering::SeqCst, turn_away).is_ok() {
            return too_many();
        }
    } else if method == Method::GET {
        gate.looked.fetch_add(1, Ordering::SeqCst);
    } else if method == Method::PUT {
        tokio::time::sleep(Duration::from_millis(gate.put_takes.load(Ordering::SeqCst))).await;
    }
    // The host stays as it was signed; the length is that of the body.
    headers.remove(header::CONTENT_LENGTH);
    let url = format!("{}{uri}", gate.upstream.get().expect("the emulator runs"));
    let sent = gate.client.request(method, url).headers(headers).body(body).send().await;
    let answer = sent.expect("the emulator answers");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut body = answer.bytes().await.expect("the whole answer arrives");
    if gate.holds.load(Ordering::SeqCst) {
        let text = String::from_utf8_lossy(&body).replace("<Status>Completed<", "<Status>InProgress<");
        body = text.into_bytes().into();
    }
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    (status, headers, body).into_response()
}

fn too_many() -> Response {
    let error = "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Error>\
                 <Type>Sender</Type><Code>TooManyInvalidationsInProgress</Code><Message>Processing your request will \
                 cause you to exceed the maximum number of in-progress wildcard invalidations.</Message></Error>\
                 <RequestId>1</RequestId></ErrorResponse>";
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/xml")], error).into_response()
}
