//! Where everything that leaves a process waits until the schedule says what becomes of it: calls of the records through
//! a proxy, calls of the engine and of the channel in this program.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is made, and answered.
    Made,
    /// It never arrives.
    Lost,
    /// It is made, and nobody hears the answer.
    Unanswered,
}

/// A call that waits.
pub struct Held {
    /// Whose: a process's number.
    pub process: usize,
    pub what: String,
    go: oneshot::Sender<Fate>,
    done: oneshot::Receiver<Infallible>,
}

impl Held {
    /// Seals its fate, and returns when whatever it does is done.
    pub async fn meets(self, fate: Fate) {
        // Of a process that has died nobody may be there to make it.
        let _ = self.go.send(fate);
        drop(self.done.await);
    }
}

/// A call whose fate is known. What it does is done when this is dropped.
pub struct Crossing {
    pub fate: Fate,
    _done: oneshot::Sender<Infallible>,
}

/// All calls that wait, of every process.
#[derive(Default)]
pub struct Gate {
    held: Mutex<Vec<Held>>,
    /// Something has arrived, or somebody is done.
    pub moved: Notify,
}

impl Gate {
    /// Waits for the fate of a call.
    pub async fn cross(&self, process: usize, what: &str) -> Crossing {
        let ((go, fate), (_done, done)) = (oneshot::channel(), oneshot::channel());
        self.held().push(Held { process, what: what.to_owned(), go, done });
        self.moved.notify_one();
        // A gate that has gone lets nothing through.
        Crossing { fate: fate.await.unwrap_or(Fate::Lost), _done }
    }

    /// What waits, in the order of arrival.
    pub fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A way to the records for one process, which leads through this gate; its address.
    pub async fn before(self: &Arc<Self>, process: usize, records: SocketAddr, end: &CancellationToken) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let way = Arc::new(Way { gate: self.clone(), process, records: format!("http://{records}/"), client });
        let end = end.clone();
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = end.run_until_cancelled(listener.accept()).await {
                tokio::spawn(end.clone().run_until_cancelled_owned(serve(stream, way.clone())));
            }
        });
        url
    }
}

struct Way {
    gate: Arc<Gate>,
    process: usize,
    records: String,
    client: reqwest::Client,
}

async fn serve(stream: TcpStream, way: Arc<Way>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| answer(request, way.clone()));
    // An error ends the connection without an answer, which is what was wanted.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(request: Request<Incoming>, way: Arc<Way>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    // Goes its way also when whoever called has died meanwhile: it had left.
    let call = tokio::spawn(async move {
        let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let crossing = way.gate.cross(way.process, target.rsplit('.').next().unwrap_or_default()).await;
        if crossing.fate == Fate::Lost {
            return None;
        }
        let mut headers = head.headers;
        headers.remove(header::CONTENT_LENGTH);
        let sent = way.client.post(&way.records).headers(headers).body(body).send().await.expect("the records answer");
        let mut answer = Response::builder().status(sent.status());
        for name in ["content-type", "x-amz-crc32"] {
            if let Some(value) = sent.headers().get(name) {
                answer = answer.header(name, value);
            }
        }
        let body = sent.bytes().await.expect("the whole answer arrives");
        (crossing.fate == Fate::Made).then(|| answer.body(Full::from(body)).expect("an answer"))
    });
    call.await.ok().flatten().ok_or_else(|| io::ErrorKind::ConnectionReset.into())
}
